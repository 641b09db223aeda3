// Every screen in both colour schemes: axe finds nothing serious, and nothing
// is wider than a small phone. What axe cannot know, such as whether a drag has
// a keyboard's equal, the other files test.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { app, assertFits, createOrder, desktop, lookUp, people, phone, soon } from './app.mjs';

const world = app();
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Few cards are enough to look at: axe weighs the colours of each.
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const board = `o/${people.slug}/board?from=${tomorrow}&to=${tomorrow}&priority=high`;
const dialog = (page) => page.getByRole('dialog').first();

/** Where to go, and what to do until the screen is there. */
const screens = [
	{ name: 'sign in', ready: (page) => page.getByRole('button', { name: 'Fenwick Marrowby' }).waitFor() },
	{ name: 'sign in, refused', allow: [/status of 400/], ready: refuseSignIn },
	{ name: 'sign up', at: 'sign-up', ready: (page) => page.getByRole('heading', { name: 'Create an account' }).waitFor() },
	{ name: 'forgotten password', at: 'forgot', ready: (page) => page.getByRole('heading', { name: 'Reset your password' }).waitFor() },
	{ name: 'bad invitation', at: 'invitation/nonsense', allow: [/status of 400/], ready: (page) => page.getByRole('alert').filter({ hasText: /\w/ }).waitFor() },
	{ name: 'new organization', as: people.owner, at: 'new-organization', ready: (page) => page.getByLabel('Short name').waitFor() },
	{ name: 'board', as: people.dispatcher, at: `o/${people.slug}/board?priority=urgent`, ready: (page) => page.locator('.card').first().waitFor() },
	{ name: 'board, nothing found', as: people.dispatcher, at: `o/${people.slug}/board?q=nowhere-to-be-found`, ready: (page) => page.getByText('No order matches').waitFor() },
	{ name: 'board of a viewer', as: people.viewer, at: `o/${people.slug}/board?priority=urgent`, ready: (page) => page.locator('.card').first().waitFor() },
	{ name: 'account menu', as: people.owner, at: board, ready: openMenu },
	{ name: 'keyboard help', as: people.dispatcher, at: board, ready: openHelp },
	{ name: 'new order', as: people.dispatcher, at: board, ready: openForm },
	{ name: 'order details', as: people.dispatcher, at: board, ready: openPanel },
	{ name: 'members', as: people.owner, at: `o/${people.slug}/members`, ready: (page) => page.locator('.member-list li').first().waitFor() },
	{ name: 'removing a member', as: people.owner, at: `o/${people.slug}/members`, ready: openRemoval },
	{ name: 'settings', as: people.owner, at: `o/${people.slug}/settings`, ready: (page) => page.getByLabel('Urgent').waitFor() },
	{ name: 'day', as: people.technician, at: `o/${people.slug}/day`, ready: (page) => page.locator('.tile').first().waitFor() },
	{ name: 'order of the day', as: people.technician, at: `o/${people.slug}/day`, ready: openOrder },
	{ name: 'signing', as: people.technician, at: `o/${people.slug}/day`, ready: openSignature },
];

for (const scheme of ['light', 'dark']) {
	for (const { name, as, at, allow, ready } of screens) {
		world.test(`${name}, ${scheme}`, { as, at, allow, scheme }, async (page) => {
			for (const viewport of [desktop, phone]) {
				await page.setViewportSize(viewport);
				if (viewport === desktop) {
					await ready(page);
				}
				await assertFits(page);
				await assertAccessible(page, `${name}, ${scheme}, ${viewport.width} px`);
			}
		});
	}
}

async function assertAccessible(page, where) {
	await page.evaluate(axe);
	const { violations, passes } = await page.evaluate(() => window.axe.run(document));
	assert.ok(passes.length > 10, `axe looked at next to nothing on ${where}`);
	const serious = violations
		.filter(({ impact }) => impact === 'serious' || impact === 'critical')
		.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.slice(0, 3).map(({ html, failureSummary }) => `  ${html.slice(0, 200)}\n  ${failureSummary}`).join('\n')}`);
	assert.equal(serious.join('\n'), '', where);
	assert.deepEqual(violations.map(({ id }) => id).filter((id) => ['page-has-heading-one', 'region', 'heading-order', 'landmark-one-main', 'label'].includes(id)), [], where);
}

async function refuseSignIn(page) {
	await page.getByLabel('Email').fill('nobody@example.com');
	await page.getByLabel('Password').fill('something');
	await page.getByRole('button', { name: 'Sign in', exact: true }).click();
	await page.locator('.form-error').waitFor();
}

async function openMenu(page) {
	await page.getByRole('button', { name: /^Account of/ }).click();
	await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

async function openHelp(page) {
	await page.locator('.column').first().waitFor();
	await page.keyboard.press('?');
	await dialog(page).waitFor();
}

async function openForm(page) {
	await page.getByRole('button', { name: 'New order' }).click();
	await dialog(page).getByRole('button', { name: 'Add item' }).click();
	await dialog(page).getByRole('combobox', { name: 'Site' }).fill('a');
	await dialog(page).getByRole('listbox').getByRole('option').first().waitFor();
}

async function openPanel(page) {
	const pb = await world.client(people.dispatcher);
	const { id } = await pb.collection('work_orders').getFirstListItem('status = "onSite"', { sort: 'number' });
	await page.goto(`${world.url}/#/o/${people.slug}/board/${id}?priority=urgent`);
	await dialog(page).getByRole('heading', { name: 'History' }).waitFor();
	await dialog(page).getByLabel('New note').fill('Something');
}

async function openRemoval(page) {
	await page.getByRole('button', { name: /^Remove / }).last().click();
	await dialog(page).waitFor();
}

async function openOrder(page) {
	await page.locator('.tile').first().click();
	await page.getByRole('heading', { name: 'History' }).waitFor();
}

async function openSignature(page) {
	const pb = await world.client(people.dispatcher);
	const found = await lookUp(pb, world.root);
	const assignee = await found.idOf(people.technician);
	const order = await createOrder(pb, found, { title: 'Sign here', assignee, ...soon() }, 'scheduled', 'enRoute', 'onSite');
	await page.locator(`[data-order="${order.id}"]`).click();
	await page.getByRole('button', { name: 'Let the customer sign' }).click();
	await page.getByRole('button', { name: 'Type' }).click();
	await page.getByLabel('Full name').waitFor();
}
