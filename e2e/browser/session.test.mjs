import assert from 'node:assert/strict';

import { app, assertFits, people, phone } from './app.mjs';

const world = app();

world.test('a demo account signs in by one click', { viewport: phone }, async (page) => {
	await page.getByRole('heading', { name: 'Tinderbrook Heating & Water' }).waitFor();
	await assertFits(page);
	await page.getByRole('button', { name: 'Fenwick Marrowby' }).click();
	await page.waitForURL(/#\/o\/tinderbrook\/board/);
	await page.locator('.card').first().waitFor();
	assert.equal(await page.title(), 'Board · Tinderbrook Heating & Water · Holdall');
});

world.test('a wrong password is refused and the right one leads where one wanted to go', { at: `o/${people.slug}/members`, allow: [/status of 400/] }, async (page) => {
	await page.getByLabel('Email').fill(people.owner);
	await page.getByLabel('Password').fill('not the password');
	await page.getByRole('button', { name: 'Sign in', exact: true }).click();
	await page.getByRole('alert').filter({ hasText: 'Failed to authenticate.' }).waitFor();
	await page.getByLabel('Password').fill('holdall-demo');
	await page.getByRole('button', { name: 'Sign in', exact: true }).click();
	await page.waitForURL(/tinderbrook\/members/);
	await page.getByRole('heading', { name: 'Members', level: 1 }).waitFor();
});

world.test('somebody new signs up, makes an organization and finds an empty board', { at: 'sign-up', allow: [/status of 400/] }, async (page) => {
	await page.getByLabel('Name').fill('Nora Newly');
	await page.getByLabel('Email').fill('nora@example.com');
	await page.getByLabel('Password').fill('a-good-password');
	await page.getByRole('button', { name: 'Create account' }).click();

	await page.getByRole('heading', { name: 'Name your organization' }).waitFor();
	await page.getByLabel('Name', { exact: true }).fill('Tinderbrook');
	assert.equal(await page.getByLabel('Short name').inputValue(), 'tinderbrook');
	await page.getByRole('button', { name: 'Create organization' }).click();
	await page.locator('.field-error').filter({ hasText: /\w/ }).waitFor();
	await page.getByLabel('Short name').fill('tinderbrook-two');
	await page.getByRole('button', { name: 'Create organization' }).click();
	await page.waitForURL(/#\/o\/tinderbrook-two\/board/);
	await page.getByText('No orders yet.').waitFor();
	await page.getByRole('button', { name: 'Create the first order' }).waitFor();
});

world.test('a forgotten password is answered by mail', { at: 'forgot' }, async (page) => {
	const already = world.mail.messages.length;
	await page.getByLabel('Email').fill(people.viewer);
	await page.getByRole('button', { name: 'Send the link' }).click();
	await page.getByText('a mail is on its way').waitFor();
	await world.mail.to(people.viewer, already);
});

world.test('an invited person makes an account from the mail and is a member', { as: people.owner, at: `o/${people.slug}/members` }, async (page) => {
	const link = await invite(page, 'ivo@example.com', 'dispatcher');
	await signOut(page);
	await page.goto(link);
	await page.getByRole('heading', { name: 'Join Tinderbrook Heating & Water' }).waitFor();
	await page.getByText('You are invited as dispatcher').waitFor();
	await page.getByLabel('Your name').fill('Ivo Invited');
	await page.getByLabel('Choose a password').fill('a-good-password');
	await page.getByRole('button', { name: 'Create account and join' }).click();
	await page.waitForURL(/tinderbrook\/board/);
	await page.getByRole('button', { name: 'New order' }).waitFor();
});

world.test('somebody with an account signs in and accepts', { as: people.owner, at: `o/${people.slug}/members` }, async (page) => {
	const link = await invite(page, 'casimir@demo.example', 'viewer');
	await page.goto(link);
	await page.getByText('this invitation is for another address').waitFor();
	await page.getByRole('button', { name: 'Sign out' }).click();
	await page.getByRole('link', { name: 'Sign in' }).click();
	await page.getByLabel('Email').fill('casimir@demo.example');
	await page.getByLabel('Password').fill('holdall-demo');
	await page.getByRole('button', { name: 'Sign in', exact: true }).click();
	await page.getByRole('button', { name: 'Accept the invitation' }).click();
	await page.waitForURL(/\/board/);

	await page.getByRole('button', { name: /^Account of Casimir/ }).click();
	await page.getByText('Switch to').waitFor();
});

world.test('an invitation that is none says so', { at: 'invitation/not-a-token', allow: [/status of 400/] }, async (page) => {
	await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
});

world.test('after signing out the screens are closed', { as: people.owner, at: `o/${people.slug}/board` }, async (page) => {
	await page.locator('.card').first().waitFor();
	await signOut(page);
	await page.goto(`${world.url}/#/o/${people.slug}/members`);
	await page.getByRole('heading', { name: 'Sign in' }).waitFor();
	assert.equal(await page.locator('.member-list').count(), 0);
});

world.test('a server that never confirms the sign-in does not hold the screens back', { as: people.owner, at: `o/${people.slug}/board` }, async (page) => {
	await page.locator('.card').first().waitFor();
	await page.route('**/auth-refresh*', () => {});
	await page.reload();
	await page.locator('.card').first().waitFor();
});

/** Invites by the members page and returns the link of the mail. */
async function invite(page, email, role) {
	const already = world.mail.messages.length;
	await page.getByLabel('Email').fill(email);
	await page.getByLabel('Role', { exact: true }).selectOption(role);
	await page.getByRole('button', { name: 'Send invitation' }).click();
	await page.getByRole('status').filter({ hasText: 'is on its way' }).waitFor();
	const { text } = await world.mail.to(email, already);
	const link = /https?:\/\/[^\s"'<>]+#\/invitation\/[A-Za-z0-9._-]+/.exec(text)?.[0];
	assert.ok(link, `no invitation in the mail:\n${text}`);
	return link;
}

async function signOut(page) {
	await page.getByRole('button', { name: /^Account of/ }).click();
	await page.getByRole('button', { name: 'Sign out' }).click();
	await page.getByRole('heading', { name: 'Sign in' }).waitFor();
}
