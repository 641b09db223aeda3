import assert from 'node:assert/strict';

import { app, createOrder, invented, lookUp, people, phone, assertFits, soon } from './app.mjs';
import { until } from '../support/server.mjs';

const world = app();
const board = `o/${people.slug}/board`;

const column = (page, status) => page.locator(`.column[data-status=${status}]`);
const cardIn = (page, status, title) => column(page, status).locator('.card', { hasText: title });

/** What a test needs that changes data beside the page. */
async function office() {
	const pb = await world.client(people.dispatcher);
	const found = await lookUp(pb, world.root);
	return { pb, ...found, create: (fields, ...moves) => createOrder(pb, found, fields, ...moves) };
}

world.test('the board shows what another client changes', { as: people.owner, at: board }, async (page) => {
	const { pb, create, idOf } = await office();
	await column(page, 'draft').locator('.card').first().waitFor();
	const before = Number(await column(page, 'draft').locator('.count').textContent());

	const order = await create({ title: 'Watch me arrive', assignee: await idOf(people.technician), ...soon() });
	await cardIn(page, 'draft', 'Watch me arrive').waitFor();
	assert.equal(Number(await column(page, 'draft').locator('.count').textContent()), before + 1);

	await pb.send(`/api/v1/work-orders/${order.id}/transition`, { method: 'POST', body: { to: 'scheduled' } });
	await cardIn(page, 'scheduled', 'Watch me arrive').waitFor();
	assert.equal(await cardIn(page, 'draft', 'Watch me arrive').count(), 0);

	await pb.collection('work_orders').update(order.id, { title: 'Watch me change' });
	await cardIn(page, 'scheduled', 'Watch me change').waitFor();
});

world.test('what happened while the connection was down is there afterwards', { as: people.owner, at: board, wired: true, allow: [/ERR_/] }, async (page, wire) => {
	const { create } = await office();
	await column(page, 'draft').locator('.card').first().waitFor();

	wire.cut();
	await page.getByText('The server does not answer.').waitFor();
	await create({ title: 'Made in the dark' });
	assert.equal(await cardIn(page, 'draft', 'Made in the dark').count(), 0);

	wire.mend();
	await cardIn(page, 'draft', 'Made in the dark').waitFor();
	await page.getByText('The server does not answer.').waitFor({ state: 'detached' });
});

world.test('a card is assigned by dropping it on a person', { as: people.dispatcher, at: board }, async (page) => {
	const { pb, create, idOf } = await office();
	const order = await create({ title: 'Drag me to Clover' });
	const card = cardIn(page, 'draft', 'Drag me to Clover');
	await card.waitFor();

	const clover = await idOf(people.colleague);
	await card.dragTo(page.locator(`.rail-entry[data-person="${clover}"]`));
	await card.getByText('Assigned to Clover').waitFor({ state: 'attached' });
	await page.locator('[data-announcer]', { hasText: 'assigned to Clover' }).waitFor({ state: 'attached' });
	assert.equal((await pb.collection('work_orders').getOne(order.id)).assignee, clover);
});

world.test('a card is moved by dropping it on a column', { as: people.dispatcher, at: board }, async (page) => {
	const { pb, create, idOf } = await office();
	const order = await create({ title: 'Drag me onwards', assignee: await idOf(people.technician), ...soon() });
	await cardIn(page, 'draft', 'Drag me onwards').dragTo(column(page, 'scheduled'));
	await cardIn(page, 'scheduled', 'Drag me onwards').waitFor();
	await page.locator('[data-announcer]', { hasText: 'moved to Scheduled' }).waitFor({ state: 'attached' });
	assert.equal((await pb.collection('work_orders').getOne(order.id)).status, 'scheduled');
});

world.test('an illegal move cannot be dropped', { as: people.dispatcher, at: board }, async (page) => {
	const { pb, create } = await office();
	const order = await create({ title: 'Do not skip ahead' });
	const card = cardIn(page, 'draft', 'Do not skip ahead');
	await card.waitFor();

	await card.hover();
	await page.mouse.down();
	const target = await column(page, 'completed').boundingBox();
	await page.mouse.move(target.x + 60, target.y + 200, { steps: 5 });
	await page.locator('.column[data-status=completed][data-drop=refused]').waitFor();
	await page.locator('.column[data-status=scheduled][data-drop=allowed]').waitFor();
	await page.mouse.up();

	await page.locator('.column[data-status=scheduled][data-drop=idle]').waitFor();
	await card.waitFor();
	assert.equal((await pb.collection('work_orders').getOne(order.id)).status, 'draft');
});

world.test("a move that the server refuses goes back, with the server's sentence", { as: people.dispatcher, at: board, allow: [/status of 400/] }, async (page) => {
	const { create } = await office();
	await create({ title: 'Nobody has me' });
	await cardIn(page, 'draft', 'Nobody has me').dragTo(column(page, 'scheduled'));
	const message = page.getByRole('alert').filter({ hasText: /\w/ });
	await message.waitFor();
	assert.match(await message.textContent(), /assign/i);
	await cardIn(page, 'draft', 'Nobody has me').waitFor();
});

// Of these orders alone, so that no other comes in between and moves what is about to be dragged.
world.test('moves without an answer can each be tried again', { as: people.dispatcher, at: `${board}?q=Try+me`, allow: [/ERR_FAILED/] }, async (page) => {
	const { pb, create, idOf } = await office();
	const assignee = await idOf(people.technician);
	const orders = [];
	for (const title of ['Try me first', 'Try me second', 'Try me third', 'Try me fourth']) {
		orders.push(await create({ title, assignee, ...soon() }));
	}
	await page.route('**/transition*', (route) => route.abort());
	const offer = ({ number }) => page.locator('.toast', { hasText: `#${number} ` }).getByRole('button', { name: 'Try again' });
	for (const order of orders) {
		await cardIn(page, 'draft', order.title).waitFor();
	}
	for (const order of orders) {
		// to the top of the column, as messages come to lie over the rest of it
		await cardIn(page, 'draft', order.title).dragTo(column(page, 'scheduled'), { targetPosition: { x: 80, y: 24 } });
		await offer(order).waitFor();
	}
	await page.unrouteAll();
	for (const order of orders) {
		await offer(order).click();
		await offer(order).waitFor({ state: 'detached' });
	}
	await until(async () => {
		const statuses = await Promise.all(orders.map(async ({ id }) => (await pb.collection('work_orders').getOne(id)).status));
		return statuses.every((status) => status === 'scheduled');
	});
	await cardIn(page, 'scheduled', 'Try me fourth').waitFor();
});

world.test('what ends an order is asked about, dropped or pressed', { as: people.dispatcher, at: board }, async (page) => {
	const { pb, create, idOf } = await office();
	const order = await create({ title: 'Not so fast', assignee: await idOf(people.technician), ...soon() }, 'scheduled', 'enRoute', 'onSite');
	const status = async () => (await pb.collection('work_orders').getOne(order.id)).status;
	await cardIn(page, 'onSite', 'Not so fast').dragTo(column(page, 'completed'));
	const complete = page.getByRole('dialog', { name: `Complete #${order.number}?` });
	await complete.getByRole('button', { name: 'Not yet' }).click();
	await cardIn(page, 'onSite', 'Not so fast').waitFor();

	await cardIn(page, 'onSite', 'Not so fast').click();
	await page.getByRole('dialog').getByRole('button', { name: 'Cancel order' }).click();
	const cancel = page.getByRole('dialog', { name: `Cancel #${order.number}?` });
	await cancel.getByRole('button', { name: 'Keep order' }).click();
	await cancel.waitFor({ state: 'detached' });
	await page.getByRole('dialog').getByRole('button', { name: 'Complete' }).click();
	await complete.getByText('The customer has not signed.').waitFor();
	assert.equal(await status(), 'onSite');
	await page.keyboard.press('Escape');
	await complete.waitFor({ state: 'detached' });
	await page.keyboard.press('Escape');

	await cardIn(page, 'onSite', 'Not so fast').dragTo(column(page, 'completed'));
	await complete.getByRole('button', { name: 'Complete order' }).click();
	await cardIn(page, 'completed', 'Not so fast').waitFor();
	await until(async () => (await status()) === 'completed');
});

world.test('a form that is not discarded stays on the screen, however often one presses Escape', { as: people.dispatcher, at: board }, async (page) => {
	page.on('dialog', (dialog) => void dialog.dismiss());
	await page.getByRole('button', { name: 'New order' }).click();
	const title = page.getByRole('dialog', { name: 'New order' }).getByLabel('Title');
	await title.fill('Do not lose me');
	for (let press = 0; press < 4; press++) {
		await page.keyboard.press('Escape');
		await page.waitForFunction(() => document.querySelector('dialog')?.open);
	}
	assert.ok(await title.isVisible());
	assert.equal(await title.inputValue(), 'Do not lose me');
});

world.test('an address with a day that is none shows the board', { as: people.dispatcher, at: `${board}?from=2026-13-45&to=2026-02-30` }, async (page) => {
	await column(page, 'scheduled').locator('.card').first().waitFor();
	await page.getByRole('button', { name: 'Scheduled: Any date' }).waitFor();
});

world.test('a screen that cannot be drawn says so, and can be tried again', { as: people.dispatcher, at: board, allow: [/Cannot read properties/] }, async (page) => {
	await column(page, 'scheduled').locator('.card').first().waitFor();
	await page.route('**/board*', async (route) => {
		const answer = await (await route.fetch()).json();
		answer.columns[0].items[0].site = null;
		await route.fulfill({ json: answer, headers: { [invented]: 'yes' } });
	});
	await page.reload();
	await page.getByText('Something went wrong in this app.').waitFor();
	await page.getByRole('button', { name: /^Account of/ }).waitFor();
	await page.unrouteAll();
	await page.getByRole('button', { name: 'Try again' }).click();
	await column(page, 'scheduled').locator('.card').first().waitFor();
});

world.test("the people's numbers are all that they have to do, whatever is shown", { as: people.dispatcher, at: board }, async (page) => {
	const { pb, create, idOf } = await office();
	const clover = await idOf(people.colleague);
	const load = async (person) => Number.parseInt(await page.locator(`.rail-entry[data-person="${person}"] .rail-load`).textContent());
	await column(page, 'scheduled').locator('.card').first().waitFor();
	const before = await load(clover);
	assert.ok(before > 5, `${before} orders`);
	await page.getByLabel('Priority').selectOption('urgent');
	await page.waitForFunction(() => [...document.querySelectorAll('.card')].every((card) => card.textContent.includes('Urgent')));
	assert.equal(await load(clover), before);

	const order = await create({ title: 'One more for Clover', assignee: clover });
	await page.waitForFunction(([id, count]) => parseInt(document.querySelector(`.rail-entry[data-person="${id}"] .rail-load`).textContent) === count, [clover, before + 1]);
	await pb.collection('work_orders').delete(order.id).catch(() => {});
});

world.test('orders without a person are asked of the server, not picked from what is loaded', { as: people.dispatcher, at: board }, async (page) => {
	await column(page, 'scheduled').locator('.card').first().waitFor();
	const answered = page.waitForResponse(/board\?assignee=none/);
	await page.locator('.rail-entry[data-person=none]').click();
	const { columns } = await (await answered).json();
	const open = columns.filter(({ status }) => !['completed', 'cancelled'].includes(status)).reduce((sum, { total }) => sum + total, 0);
	await page.waitForFunction(() => [...document.querySelectorAll('.card')].every((card) => card.textContent.includes('Unassigned')));
	assert.equal(await page.locator('.rail-entry[data-person=none] .rail-load').textContent(), `${open} open orders`);
});

world.test('a card is found, opened, assigned and moved by keyboard alone', { as: people.dispatcher, at: board }, async (page) => {
	const { pb, create, idOf } = await office();
	const order = await create({ title: 'Only by keyboard', ...soon() });
	await cardIn(page, 'draft', 'Only by keyboard').waitFor();

	await page.keyboard.press('?');
	await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
	await page.keyboard.press('Escape');

	await page.keyboard.press('/');
	await page.keyboard.type('Only by keyboard');
	await page.waitForURL(/q=Only/);
	await column(page, 'scheduled').getByText('No orders').waitFor();
	await cardIn(page, 'draft', 'Only by keyboard').focus();
	await page.keyboard.press('a');

	const assignee = page.getByRole('dialog').getByLabel('Assignee');
	await assignee.waitFor();
	await page.waitForFunction(() => document.activeElement?.id === 'panel-assignee');
	await page.keyboard.type('Clover');
	await page.waitForFunction(() => document.querySelector('#panel-assignee')?.selectedOptions[0]?.text.startsWith('Clover'));
	await page.locator('[data-announcer]', { hasText: 'Assignee changed' }).waitFor({ state: 'attached' });

	await page.keyboard.press('Escape');
	await page.getByRole('dialog').waitFor({ state: 'detached' });
	await page.waitForFunction((id) => document.activeElement?.dataset.card === id, order.id);
	await page.keyboard.press('m');
	await page.waitForFunction(() => document.activeElement?.textContent.includes('Schedule'));
	await page.keyboard.press('Enter');
	await page.getByRole('dialog').getByText('Scheduled', { exact: true }).first().waitFor();
	await page.keyboard.press('Escape');
	await cardIn(page, 'scheduled', 'Only by keyboard').waitFor();

	const stored = await pb.collection('work_orders').getOne(order.id);
	assert.deepEqual([stored.assignee, stored.status], [await idOf(people.colleague), 'scheduled']);
});

world.test('arrow keys go from card to card', { as: people.viewer, at: board }, async (page) => {
	const first = column(page, 'draft').locator('.card').first();
	await first.focus();
	await page.keyboard.press('ArrowDown');
	const second = await column(page, 'draft').locator('.card').nth(1).getAttribute('data-card');
	assert.equal(await page.evaluate(() => document.activeElement.dataset.card), second);
	await page.keyboard.press('ArrowRight');
	assert.equal(await page.evaluate(() => document.activeElement.closest('.column').dataset.status), 'scheduled');
});

world.test('filters stand in the address and survive a reload', { as: people.dispatcher, at: board }, async (page) => {
	const { create } = await office();
	await create({ title: 'A very urgent thing', priority: 'urgent' });
	await cardIn(page, 'draft', 'A very urgent thing').waitFor();
	await page.getByLabel('Priority').selectOption('urgent');
	await page.waitForURL(/priority=urgent/);
	await page.locator('.rail-entry[data-person=none]').click();
	await page.waitForURL(/assignee=none/);
	await page.waitForFunction(() => [...document.querySelectorAll('.card')].every((card) => card.textContent.includes('Unassigned')));

	await page.reload();
	await cardIn(page, 'draft', 'A very urgent thing').waitFor();
	assert.equal(await page.getByLabel('Priority').inputValue(), 'urgent');
	assert.ok(await page.locator('.card').evaluateAll((cards) => cards.every((card) => card.textContent.includes('Urgent'))));

	await page.getByRole('button', { name: 'Clear', exact: true }).click();
	await page.waitForURL(/board$/);
});

world.test('an order is created with a new site, a schedule and a checklist', { as: people.dispatcher, at: board }, async (page) => {
	const { pb } = await office();
	await page.getByRole('button', { name: 'New order' }).click();
	const dialog = page.getByRole('dialog', { name: 'New order' });
	await dialog.getByLabel('Title').fill('<b>Bold</b> & planned');
	await dialog.getByRole('button', { name: 'New site' }).click();
	await dialog.getByLabel('Site name').fill('Quince Cottage');
	await dialog.getByLabel('Contact').fill('Mrs Quince, +44 20 7946 0001');
	await dialog.getByRole('button', { name: 'Add site' }).click();
	await dialog.getByRole('combobox', { name: 'Site' }).waitFor();
	await dialog.getByText('High').click();
	await dialog.getByLabel('Assignee').selectOption({ label: 'Clover Wexmoor' });
	await dialog.getByLabel('Start').fill('2030-07-01T09:00');
	assert.equal(await dialog.getByLabel('End').inputValue(), '2030-07-01T11:00');
	await dialog.getByRole('button', { name: 'Add item' }).click();
	await page.keyboard.type('Look');
	await page.keyboard.press('Enter');
	await page.keyboard.type('Leave');
	await dialog.getByRole('button', { name: 'Create and schedule' }).click();
	await dialog.waitFor({ state: 'detached' });

	const card = cardIn(page, 'scheduled', '<b>Bold</b> & planned');
	await card.waitFor();
	assert.match(await card.textContent(), /Quince Cottage/);
	assert.match(await card.textContent(), /Mon 1 Jul 2030, 09:00–11:00/);
	const stored = await pb.collection('work_orders').getFirstListItem('title ~ "planned"');
	assert.equal(stored.scheduledStart, '2030-07-01 08:00:00.000Z', 'nine in London in summer is eight in UTC');
	assert.deepEqual(stored.checklist.map(({ label }) => label), ['Look', 'Leave']);
});

world.test('what is wrong with a new order stands beside its field, and nothing typed is lost', { as: people.dispatcher, at: board, allow: [/status of 400/] }, async (page) => {
	await page.getByRole('button', { name: 'New order' }).click();
	const dialog = page.getByRole('dialog', { name: 'New order' });
	await dialog.getByLabel('Title').fill('   ');
	await dialog.getByLabel('Description').fill('In the back yard');
	await dialog.getByRole('button', { name: 'Save as draft' }).click();
	await dialog.getByText('Choose the site where the work is done.').waitFor();

	await dialog.getByRole('combobox', { name: 'Site' }).fill('a');
	await dialog.getByRole('listbox').getByRole('option').first().click();
	await dialog.getByRole('button', { name: 'Save as draft' }).click();
	await dialog.getByText('Cannot be blank.').waitFor();
	assert.equal(await dialog.getByLabel('Title').getAttribute('aria-invalid'), 'true');
	assert.equal(await dialog.getByLabel('Description').inputValue(), 'In the back yard');
});

world.test("an order's details follow other clients, notes included", { as: people.owner, at: board }, async (page) => {
	const { pb, create, idOf } = await office();
	const order = await create({ title: 'Talk about me', assignee: await idOf(people.technician), ...soon() }, 'scheduled');
	await cardIn(page, 'scheduled', 'Talk about me').click();
	const panel = page.getByRole('dialog');
	await panel.getByText('Nothing written yet.').waitFor();

	await pb.collection('notes').create({ work_order: order.id, author: pb.authStore.record.id, body: 'Bring the long ladder.' });
	await panel.getByText('Bring the long ladder.').waitFor();
	await pb.send(`/api/v1/work-orders/${order.id}/transition`, { method: 'POST', body: { to: 'enRoute' } });
	await panel.getByRole('button', { name: 'Arrive on site' }).waitFor();
});

world.test('a refusal inside an open order can be read and closed', { as: people.dispatcher, at: board, allow: [/status of 400/] }, async (page) => {
	const { create } = await office();
	await create({ title: 'Nobody has me either' });
	await cardIn(page, 'draft', 'Nobody has me either').click();
	const panel = page.getByRole('dialog');
	await panel.getByRole('button', { name: 'Schedule' }).click();
	const message = panel.getByRole('alert').filter({ hasText: /assign/i });
	await message.waitFor();
	await message.getByRole('button', { name: 'Dismiss' }).click();
	await message.waitFor({ state: 'detached' });
	await panel.getByRole('button', { name: 'Schedule' }).waitFor();
});

world.test('an expired sign-in leads back to the sign-in screen', { as: people.dispatcher, at: board, allow: [/status of 401/] }, async (page) => {
	await column(page, 'draft').locator('.card').first().waitFor();
	await page.route('**/board*', (route) => route.fulfill({ status: 401, headers: { [invented]: 'yes' }, json: { status: 401, message: 'Sign in first.', data: {} } }));
	await page.getByLabel('Priority').selectOption('low');
	await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

world.test('a viewer sees the board and can change nothing', { as: people.viewer, at: board }, async (page) => {
	const card = column(page, 'scheduled').locator('.card').first();
	await card.waitFor();
	assert.equal(await card.getAttribute('draggable'), 'false');
	assert.equal(await page.getByRole('button', { name: 'New order' }).count(), 0);
	await card.click();
	const panel = page.getByRole('dialog');
	await panel.getByRole('heading', { name: 'History' }).waitFor();
	assert.equal(await panel.getByRole('combobox').count(), 0);
	assert.equal(await panel.getByRole('textbox').count(), 0);
	assert.deepEqual(await panel.getByRole('button').evaluateAll((buttons) => buttons.map((button) => button.ariaLabel).filter((label) => label !== 'Close' && label !== null)), []);
});

world.test('on a phone one column fills the screen and the tabs lead to the others', { as: people.dispatcher, at: board, viewport: phone }, async (page) => {
	await column(page, 'draft').locator('.card').first().waitFor();
	await assertFits(page);
	await page.getByRole('navigation', { name: 'Statuses' }).getByRole('button', { name: /On site/ }).click();
	await page.locator('#tab-onSite[aria-current]').waitFor();
	await page.waitForFunction(() => Math.abs(document.querySelector('[data-status=onSite]').getBoundingClientRect().left) < 2);
	await assertFits(page);
});
