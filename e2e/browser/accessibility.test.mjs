// The screens below in both colour schemes: axe finds nothing serious, and nothing
// is wider than a small phone. What axe cannot know, such as whether a drag has
// a keyboard's equal, the other files test.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { picture } from '../support/world.mjs';
import { app, assertFits, createOrder, desktop, lookUp, people, phone, soon } from './app.mjs';

const world = app();
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Few cards are enough to look at: axe weighs the colours of each.
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const board = `o/${people.slug}/board?from=${tomorrow}&to=${tomorrow}&priority=high`;
const outsider = 'casimir@demo.example';
const dialog = (page) => page.getByRole('dialog').first();

/** Where to go, and what to do until the screen is there. */
const screens = [
	{ name: 'sign in', ready: (page) => page.getByRole('button', { name: 'Fenwick Marrowby' }).waitFor() },
	{ name: 'sign in, refused', allow: [/status of 400/], ready: refuseSignIn },
	{ name: 'sign up', at: 'sign-up', ready: (page) => page.getByRole('heading', { name: 'Create an account' }).waitFor() },
	{ name: 'forgotten password', at: 'forgot', ready: (page) => page.getByRole('heading', { name: 'Reset your password' }).waitFor() },
	{ name: 'bad invitation', at: 'invitation/nonsense', allow: [/status of 400/], ready: (page) => page.getByRole('alert').filter({ hasText: /\w/ }).waitFor() },
	{ name: 'invitation of somebody new', ready: (page) => openInvitation(page, 'vesper@example.com', page.getByLabel('Your name')) },
	{ name: 'invitation of somebody with an account', ready: (page) => openInvitation(page, outsider, page.getByText('There is an account')) },
	{ name: 'invitation of somebody else', as: people.owner, ready: (page) => openInvitation(page, outsider, page.getByText('for another address')) },
	{ name: 'invitation to accept', as: outsider, ready: (page) => openInvitation(page, outsider, page.getByRole('button', { name: 'Accept the invitation' })) },
	{ name: 'new organization', as: people.owner, at: 'new-organization', ready: (page) => page.getByLabel('Short name').waitFor() },
	{ name: 'board', as: people.dispatcher, at: `o/${people.slug}/board?priority=urgent`, ready: (page) => page.locator('.card').first().waitFor() },
	{ name: 'board, nothing found', as: people.dispatcher, at: `o/${people.slug}/board?q=nowhere-to-be-found`, ready: (page) => page.getByText('No order matches').waitFor() },
	{ name: 'board of a viewer', as: people.viewer, at: `o/${people.slug}/board?priority=urgent`, ready: (page) => page.locator('.card').first().waitFor() },
	{ name: 'account menu', as: people.owner, at: board, ready: openMenu },
	{ name: 'keyboard help', as: people.dispatcher, at: board, ready: openHelp },
	{ name: 'new order', as: people.dispatcher, at: board, ready: openForm },
	{ name: 'order details', as: people.dispatcher, at: board, ready: openPanel },
	{ name: 'editing an order', as: people.dispatcher, at: board, ready: openEditing },
	{ name: 'completing an order', as: people.dispatcher, at: board, ready: openCompletion },
	{ name: 'days of the board', as: people.dispatcher, at: board, ready: openDays },
	{ name: 'message that offers something', as: people.dispatcher, at: `o/${people.slug}/board?priority=urgent`, allow: [/ERR_FAILED/], ready: openMessage },
	{ name: 'no connection', as: people.dispatcher, at: board, allow: [/ERR_INTERNET_DISCONNECTED/], ready: goOffline },
	{ name: 'members', as: people.owner, at: `o/${people.slug}/members`, ready: (page) => page.locator('.member-list li').first().waitFor() },
	{ name: 'another role', as: people.owner, at: `o/${people.slug}/members`, ready: openRole },
	{ name: 'removing a member', as: people.owner, at: `o/${people.slug}/members`, ready: openRemoval },
	{ name: 'settings', as: people.owner, at: `o/${people.slug}/settings`, ready: (page) => page.getByLabel('Urgent').waitFor() },
	{ name: 'day', as: people.technician, at: `o/${people.slug}/day`, ready: (page) => page.locator('.tile').first().waitFor() },
	{ name: 'order of the day', as: people.technician, at: `o/${people.slug}/day`, ready: openOrder },
	{ name: 'photo', as: people.technician, at: `o/${people.slug}/day`, ready: openPhoto },
	{ name: 'what is not saved', as: people.technician, at: `o/${people.slug}/day`, allow: [/ERR_INTERNET_DISCONNECTED/], ready: openUnsent },
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

async function openInvitation(page, email, ready) {
	const owner = await world.client(people.owner);
	const { organization } = await lookUp(owner, world.root);
	const already = world.mail.messages.length;
	await owner.send(`/api/v1/organizations/${organization.id}/invitations`, { method: 'POST', body: { email, role: 'viewer' } });
	const { text } = await world.mail.to(email, already);
	await page.goto(/https?:\/\/[^\s"'<>]+#\/invitation\/[A-Za-z0-9._-]+/.exec(text)[0]);
	await ready.waitFor();
}

async function openEditing(page) {
	await openPanel(page);
	await dialog(page).getByRole('button', { name: 'Edit' }).click();
	await page.getByRole('dialog', { name: /^Edit #/ }).waitFor();
}

async function openCompletion(page) {
	await openPanel(page);
	await dialog(page).getByRole('button', { name: 'Complete' }).click();
	await page.getByRole('dialog', { name: /^Complete #/ }).waitFor();
}

async function openDays(page) {
	await page.getByRole('button', { name: /^Scheduled:/ }).click();
	await page.getByRole('button', { name: 'Next 7 days' }).waitFor();
}

async function openMessage(page) {
	await page.route('**/work_orders/records/*', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
	const pb = await world.client(people.dispatcher);
	const found = await lookUp(pb, world.root);
	const { id } = await createOrder(pb, found, { title: 'Drop me', priority: 'urgent', assignee: await found.idOf(people.technician) });
	await page.locator(`[data-card="${id}"]`).dragTo(page.locator('.rail-entry[data-person=none]'));
	await page.locator('.toast').getByRole('button', { name: 'Try again' }).waitFor();
}

async function goOffline(page) {
	await page.locator('.column').first().waitFor();
	await page.context().setOffline(true);
	await page.getByText('You are offline.').waitFor();
}

async function openRole(page) {
	await page.getByRole('combobox', { name: /^Role of Fenwick/ }).selectOption('viewer');
	await page.getByRole('button', { name: /^Save the role/ }).waitFor();
}

/** Opens an order of the technician's that is on site. */
async function openOnSite(page, title) {
	const pb = await world.client(people.dispatcher);
	const found = await lookUp(pb, world.root);
	const assignee = await found.idOf(people.technician);
	const checklist = [{ id: 'a', label: 'Turn the water off', done: false, required: true }];
	const order = await createOrder(pb, found, { title, assignee, checklist, ...soon() }, 'scheduled', 'enRoute', 'onSite');
	await page.locator(`[data-order="${order.id}"]`).click();
	await page.getByLabel('New note').waitFor();
}

async function addPhoto(page) {
	await page.getByLabel('Add photo').setInputFiles({ name: 'small.png', mimeType: 'image/png', buffer: Buffer.from(await picture().arrayBuffer()) });
}

async function openPhoto(page) {
	await openOnSite(page, 'Look at me');
	await addPhoto(page);
	await page.getByRole('button', { name: /^Photo, by/ }).click();
	await dialog(page).getByRole('button', { name: 'Delete photo' }).waitFor();
}

async function openUnsent(page) {
	await openOnSite(page, 'Unsaved');
	await page.context().setOffline(true);
	await addPhoto(page);
	await page.locator('.photo-failed').waitFor();
	await page.getByLabel('Turn the water off').check();
	await page.getByText('1 change and 1 photo are not saved yet.').waitFor();
}

async function openSignature(page) {
	await openOnSite(page, 'Sign here');
	await page.getByRole('button', { name: 'Let the customer sign' }).click();
	await page.getByRole('button', { name: 'Type' }).click();
	await page.getByLabel('Full name').waitFor();
}
