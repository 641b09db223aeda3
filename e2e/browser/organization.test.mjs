import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { app, assertFits, people, phone } from './app.mjs';

const world = app();
const members = `o/${people.slug}/members`;

const row = (page, name) => page.locator('.member-list li', { hasText: name });

world.test('an owner gives a member another role, chosen by keyboard and then saved', { as: people.owner, at: members }, async (page) => {
	const select = row(page, 'Winifred Saltmarsh').getByRole('combobox');
	await select.focus();
	await page.keyboard.press('ArrowUp');
	await page.keyboard.press('ArrowUp');
	assert.equal(await select.inputValue(), 'dispatcher');
	assert.ok(await select.evaluate((element) => element === document.activeElement), 'the list keeps the focus');
	const user = await world.root.collection('users').getFirstListItem(`email = "${people.viewer}"`);
	const roleOf = async () => (await world.root.collection('memberships').getFirstListItem(`user = "${user.id}"`)).role;
	assert.equal(await roleOf(), 'viewer', 'nothing is saved by looking through the list');

	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	await page.getByText('Winifred Saltmarsh is now dispatcher.').waitFor();
	await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Role of Winifred Saltmarsh');
	assert.equal(await roleOf(), 'dispatcher');
	await page.reload();
	await row(page, 'Winifred Saltmarsh').waitFor();
	assert.equal(await select.inputValue(), 'dispatcher');
});

world.test('a role that takes the orders away is asked about', { as: people.owner, at: members, viewport: phone }, async (page) => {
	const elspeth = row(page, 'Elspeth Rookwood');
	await elspeth.getByRole('combobox').selectOption('viewer');
	await assertFits(page);
	await elspeth.getByRole('button', { name: 'Save' }).click();
	const dialog = page.getByRole('dialog', { name: 'Make Elspeth Rookwood a viewer?' });
	await dialog.getByText('Their open orders become unassigned.').waitFor();
	await dialog.getByRole('button', { name: 'Cancel' }).click();
	await dialog.waitFor({ state: 'detached' });
	await elspeth.getByRole('button', { name: 'Save' }).click();
	await dialog.getByRole('button', { name: 'Make viewer' }).click();
	await page.getByText('Elspeth Rookwood is now viewer.').waitFor();
});

world.test('the last owner stays, and the page says why', { as: people.owner, at: members, allow: [/status of 400/] }, async (page) => {
	const own = row(page, 'Ottoline Brackwater (you)');
	await own.getByRole('combobox').selectOption('dispatcher');
	await own.getByRole('button', { name: 'Save' }).click();
	await page.locator('.toast.bad').filter({ hasText: /owner/i }).waitFor();
	await own.getByRole('button', { name: 'Cancel' }).click();
	assert.equal(await own.getByRole('combobox').inputValue(), 'owner');

	await own.getByRole('button', { name: /^Remove/ }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByText('Their open orders become unassigned.').waitFor();
	await dialog.getByRole('button', { name: 'Remove' }).click();
	await dialog.locator('.form-error', { hasText: /owner/i }).waitFor();
});

world.test('a member is removed after a question', { as: people.owner, at: members, viewport: phone }, async (page) => {
	await assertFits(page);
	await row(page, 'Tobiah Larkspur').getByRole('button', { name: 'Remove Tobiah Larkspur' }).click();
	const dialog = page.getByRole('dialog', { name: 'Remove Tobiah Larkspur?' });
	await dialog.getByRole('button', { name: 'Keep' }).click();
	await row(page, 'Tobiah Larkspur').getByRole('button', { name: 'Remove Tobiah Larkspur' }).click();
	await dialog.getByRole('button', { name: 'Remove' }).click();
	await row(page, 'Tobiah Larkspur').waitFor({ state: 'detached' });
});

world.test('the orders and everything can be saved as files', { as: people.owner, at: members }, async (page) => {
	const saved = async (button) => {
		const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).click()]);
		return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
	};
	const csv = await saved('Orders as CSV');
	assert.match(csv.name, /\.csv$/);
	assert.ok(csv.text.split('\n').length > 100, csv.text.slice(0, 300));
	const json = await saved('Everything as JSON');
	assert.match(json.name, /\.json$/);
	assert.ok(JSON.parse(json.text).work_orders.length > 100);
});

world.test('the organization is renamed, and the bar on top follows', { as: people.owner, at: `o/${people.slug}/settings` }, async (page) => {
	await page.getByLabel('Name').fill('Tinderbrook & Daughters');
	await page.getByLabel('Timezone').selectOption('Europe/Oslo');
	await page.getByLabel('Urgent').fill('3');
	await page.getByRole('button', { name: 'Save settings' }).click();
	await page.getByText('Settings saved.').waitFor();
	await page.locator('.top-organization', { hasText: 'Tinderbrook & Daughters' }).waitFor();

	const organization = await world.root.collection('organizations').getFirstListItem(`slug = "${people.slug}"`);
	assert.equal(organization.timezone, 'Europe/Oslo');
	assert.deepEqual(organization.settings.slaHours, { low: 120, normal: 48, high: 8, urgent: 3 });
});

world.test('only owners have the members page', { as: people.dispatcher, at: members }, async (page) => {
	await page.waitForURL(/\/board/);
	assert.equal(await page.getByRole('link', { name: 'Members' }).count(), 0);
});

world.test('an owner who gives themselves another role finds the screens of that role', { as: people.owner, at: members }, async (page) => {
	await row(page, 'Juniper Ashdowne').getByRole('combobox').selectOption('owner');
	await row(page, 'Juniper Ashdowne').getByRole('button', { name: 'Save' }).click();
	await page.getByText('Juniper Ashdowne is now owner.').waitFor();
	const own = row(page, 'Ottoline Brackwater (you)');
	await own.getByRole('combobox').selectOption('dispatcher');
	await own.getByRole('button', { name: 'Save' }).click();
	await page.waitForURL(/\/board/);
	assert.equal(await page.getByRole('link', { name: 'Members' }).count(), 0);
	await page.getByRole('button', { name: 'New order' }).waitFor();
});
