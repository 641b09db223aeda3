import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { inflateSync } from 'node:zlib';

import { patience, until } from '../support/server.mjs';
import { picture } from '../support/world.mjs';
import { app, assertFits, createOrder, invented, lookUp, people, phone, soon } from './app.mjs';

const world = app();
const day = `o/${people.slug}/day`;

const checklist = [
	{ id: 'a', label: 'Turn the water off', done: false, required: true },
	{ id: 'b', label: 'Sweep the floor', done: false, required: false },
];

/** An order for the technician, made by the office. */
async function assignedOrder(fields = {}, ...moves) {
	const pb = await world.client(people.dispatcher);
	const found = await lookUp(pb, world.root);
	const assignee = await found.idOf(people.technician);
	return { pb, order: await createOrder(pb, found, { assignee, checklist, ...soon(), ...fields }, 'scheduled', ...moves) };
}

/** Waits until the order on the server is as wanted. */
const stored = (pb, order, wanted) => until(async () => wanted(await pb.collection('work_orders').getOne(order.id)));

const orderLink = (page, order) => page.locator(`[data-order="${order.id}"]`);

world.test('a technician takes an order from the list to its end, with photo and signature', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'Mend the boiler' });
	await orderLink(page, order).click();
	await page.getByRole('heading', { level: 1, name: 'Mend the boiler' }).waitFor();
	await assertFits(page);

	await page.getByRole('button', { name: 'Start driving' }).click();
	await page.getByRole('button', { name: 'Arrive on site' }).click();
	await page.getByRole('button', { name: 'Complete' }).click();
	await page.getByText('One required item is still open.').waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.labels[0].textContent), 'Turn the water offrequired');
	await page.keyboard.press('Space');
	await page.getByText('1 of 2 checklist items done').waitFor({ state: 'attached' });

	await page.getByLabel('Add photo').setInputFiles({ name: 'big.png', mimeType: 'image/png', buffer: await bigPicture(page) });
	await page.getByRole('button', { name: /^Photo, by Barnaby/ }).waitFor();

	await page.getByRole('button', { name: 'Let the customer sign' }).click();
	const pad = page.locator('canvas');
	await pad.scrollIntoViewIfNeeded();
	const box = await pad.boundingBox();
	await page.mouse.move(box.x + 30, box.y + 60);
	await page.mouse.down();
	await page.mouse.move(box.x + 120, box.y + 20, { steps: 6 });
	await page.mouse.move(box.x + 220, box.y + 80, { steps: 6 });
	await page.mouse.up();
	await page.getByRole('button', { name: 'Complete' }).click();
	await page.getByText('Save the signature first, or cancel it.').waitFor();
	assert.equal(await page.getByRole('dialog').count(), 0, 'the order is not completed over an unsaved signature');
	await page.getByRole('button', { name: 'Save signature' }).click();
	await page.getByAltText("The customer's signature").waitFor();

	await page.getByLabel('New note').fill('All is dry again.');
	await page.getByRole('button', { name: 'Add note' }).click();
	await page.locator('.note', { hasText: 'All is dry again.' }).waitFor();
	await page.getByRole('button', { name: 'Complete' }).click();
	const question = page.getByRole('dialog', { name: `Complete #${order.number}?` });
	assert.equal(await question.getByText('has not signed').count(), 0);
	await question.getByRole('button', { name: 'Complete order' }).click();
	await page.locator('.way [aria-current=step]', { hasText: 'Completed' }).waitFor();
	// It shows at once; this is said when the server has agreed.
	await page.locator('[data-announcer]', { hasText: 'Now: Completed.' }).waitFor({ state: 'attached' });
	await assertFits(page);

	const ended = await pb.collection('work_orders').getOne(order.id);
	assert.equal(ended.status, 'completed');
	assert.ok(ended.signature.endsWith('.png'), ended.signature);
	await assertInk(pb, ended);
	await assertShrunk(pb, order.id);

	await page.getByRole('link', { name: 'My day' }).click();
	await page.locator('[data-group=done]', { hasText: 'Mend the boiler' }).waitFor();
});

world.test('the report of a completed order is announced, and can be saved', { as: people.technician, at: day, viewport: phone }, async (page) => {
	await world.root.send('/api/jobs/queues/business/pause', { method: 'POST' });
	const { pb, order } = await assignedOrder({ title: 'Report on me', checklist: [] }, 'enRoute', 'onSite');
	await orderLink(page, order).click();
	await page.getByRole('heading', { level: 1, name: 'Report on me' }).waitFor();
	assert.equal(await page.getByRole('heading', { name: 'Report', exact: true }).count(), 0);

	await pb.send(`/api/v1/work-orders/${order.id}/transition`, { method: 'POST', body: { to: 'completed' } });
	await page.getByText('The report is being prepared.').waitFor();
	await world.root.send('/api/jobs/queues/business/resume', { method: 'POST' });
	const button = page.getByRole('button', { name: 'Report (PDF)' });
	await button.waitFor({ timeout: 90_000 });
	await assertFits(page);

	const arrived = page.waitForEvent('download');
	await button.click();
	const content = await readFile(await (await arrived).path());
	assert.equal(content.subarray(0, 5).toString(), '%PDF-');
});

world.test('a signature can be typed, without a pointer', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'Sign by keyboard' }, 'enRoute', 'onSite');
	await orderLink(page, order).click();
	await page.getByRole('button', { name: 'Let the customer sign' }).press('Enter');
	await page.getByRole('button', { name: 'Type' }).press('Enter');
	await page.getByLabel('Full name').fill('Quentin Quince');
	await page.getByRole('button', { name: 'Save signature' }).press('Enter');
	await page.getByAltText("The customer's signature").waitFor();
	await assertInk(pb, await pb.collection('work_orders').getOne(order.id));
});

world.test('what is typed or photographed without a connection is kept until it is sent', { as: people.technician, at: day, viewport: phone, allow: [/ERR_INTERNET_DISCONNECTED/] }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'In the basement' });
	await orderLink(page, order).click();
	await page.getByLabel('New note').waitFor();

	await page.context().setOffline(true);
	await page.getByLabel('New note').fill('No signal down here.');
	await page.getByRole('button', { name: 'Add note' }).click();
	await page.getByText('Your note is kept here.').waitFor();
	await page.getByLabel('Add photo').setInputFiles({ name: 'small.png', mimeType: 'image/png', buffer: Buffer.from(await picture().arrayBuffer()) });
	await page.locator('.photo-failed').waitFor();
	await page.getByRole('button', { name: 'Start driving' }).click();
	await page.getByLabel('Turn the water off').check();
	await page.getByLabel('Sweep the floor').check();
	await page.getByText('3 changes and 1 photo are not saved yet.').waitFor();
	await assertFits(page);

	await page.context().setOffline(false);
	await page.locator('.unsent').getByRole('button', { name: 'Send again' }).click();
	await stored(pb, order, ({ status, checklist: [a, b] }) => status === 'enRoute' && a.done && b.done);
	await page.locator('.note-form').getByRole('button', { name: 'Try again' }).click();
	await page.locator('.note', { hasText: 'No signal down here.' }).waitFor();
	await page.getByRole('button', { name: /^Photo, by Barnaby/ }).waitFor();
	assert.equal((await pb.collection('photos').getFullList({ filter: `work_order = "${order.id}"` })).length, 1);
});

world.test('sending a tick again undoes nobody else\'s', { as: people.technician, at: day, viewport: phone, allow: [/ERR_FAILED/] }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'Tick together' });
	await orderLink(page, order).click();
	await page.route('**/work_orders/records/*', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
	await page.getByLabel('Turn the water off').check();
	await page.getByText('1 change is not saved yet.').waitFor();
	assert.ok(await page.getByLabel('Turn the water off').isChecked());

	await page.unrouteAll();
	await pb.collection('work_orders').update(order.id, { checklist: checklist.map((item) => ({ ...item, done: item.id === 'b' })) });
	await page.locator('.unsent').getByRole('button', { name: 'Send again' }).click();
	await page.getByText('2 of 2 checklist items done').waitFor({ state: 'attached' });
	await stored(pb, order, ({ checklist: [a, b] }) => a.done && b.done);
});

world.test('a change on a connection that died without a word is marked, and can be sent again', { as: people.technician, at: day, viewport: phone, wired: true, allow: [/ERR_/] }, async (page, wire) => {
	const { pb, order } = await assignedOrder({ title: 'Behind thick walls' });
	await orderLink(page, order).click();
	await page.getByLabel('New note').waitFor();
	wire.stop();
	await page.getByRole('button', { name: 'Start driving' }).click();
	await page.getByText('Saving 1 change…').waitFor();
	await page.getByText('1 change is not saved yet.').waitFor({ timeout: patience });
	await page.getByText('The server does not answer.').waitFor();
	wire.mend();
	await page.getByText('The server does not answer.').waitFor({ state: 'detached' });
	await page.locator('.unsent').getByRole('button', { name: 'Send again' }).click();
	await stored(pb, order, ({ status }) => status === 'enRoute');
	await page.locator('.unsent:not([data-state])').waitFor({ state: 'attached' });
});

world.test('photos that are not sent survive leaving the order and a reload', { as: people.technician, at: day, viewport: phone, allow: [/ERR_INTERNET_DISCONNECTED/] }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'Leave and come back' });
	const asked = [];
	page.on('dialog', (dialog) => {
		asked.push(dialog.type());
		void dialog.accept();
	});
	await orderLink(page, order).click();
	await page.getByLabel('New note').waitFor();
	await page.context().setOffline(true);
	const small = Buffer.from(await picture().arrayBuffer());
	await page.getByLabel('Add photo').setInputFiles(['one', 'two'].map((name) => ({ name: `${name}.png`, mimeType: 'image/png', buffer: small })));
	await page.locator('.photo-failed').nth(1).waitFor();

	await page.getByRole('link', { name: 'My day' }).click();
	await orderLink(page, order).getByText('2 photos not saved').waitFor();
	await orderLink(page, order).click();
	await page.locator('.photo-failed').nth(1).waitFor();

	await page.context().setOffline(false);
	await page.reload();
	assert.deepEqual(asked, ['beforeunload']);
	await page.getByRole('button', { name: /^Photo, by Barnaby/ }).nth(1).waitFor();
	await page.locator('.unsent:not([data-state])').waitFor({ state: 'attached' });
	assert.equal((await pb.collection('photos').getFullList({ filter: `work_order = "${order.id}"` })).length, 2);
	await page.reload();
	await page.getByRole('button', { name: /^Photo, by Barnaby/ }).nth(1).waitFor();
	assert.deepEqual(asked, ['beforeunload'], 'nothing is left to be lost');
});

world.test('a note or photo whose answer was lost is there once after it is sent again', { as: people.technician, at: day, viewport: phone, allow: [/ERR_FAILED/, /status of 400/] }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'Once is enough' });
	await orderLink(page, order).click();
	await page.getByLabel('New note').fill('Said once.');
	const lose = async (route) => {
		if (route.request().method() !== 'POST') {
			return route.continue();
		}
		await route.fetch();
		return route.abort();
	};
	await page.route(/collections\/(notes|photos)\/records/, lose);
	await page.getByRole('button', { name: 'Add note' }).click();
	await page.getByText('Your note is kept here.').waitFor();
	await page.getByLabel('Add photo').setInputFiles({ name: 'small.png', mimeType: 'image/png', buffer: Buffer.from(await picture().arrayBuffer()) });
	await page.locator('.photo-failed').waitFor();
	await page.unrouteAll();

	await page.getByLabel('New note').fill('Said once, and better.');
	await page.locator('.note-form').getByRole('button', { name: 'Try again' }).click();
	await page.locator('.note', { hasText: 'Said once, and better.' }).waitFor();
	await page.locator('.photo-failed').getByRole('button', { name: 'Try again' }).click();
	await page.locator('.photo-failed').waitFor({ state: 'detached' });
	const of = { filter: `work_order = "${order.id}"` };
	assert.deepEqual((await pb.collection('notes').getFullList(of)).map(({ body }) => body), ['Said once, and better.']);
	assert.equal((await pb.collection('photos').getFullList(of)).length, 1);
	assert.equal(await page.locator('.note').count(), 1);
	assert.equal(await page.getByRole('button', { name: /^Photo, by Barnaby/ }).count(), 1);
});

world.test('what is typed while a note travels stays', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const { order } = await assignedOrder({ title: 'Type on' });
	await orderLink(page, order).click();
	await page.getByLabel('New note').fill('First.');
	let arrive;
	const held = new Promise((resolve) => {
		arrive = resolve;
	});
	await page.route('**/notes/records*', async (route) => {
		if (route.request().method() === 'POST') {
			await held;
		}
		await route.continue();
	});
	await page.getByRole('button', { name: 'Add note' }).click();
	await page.getByLabel('New note').fill('Second, begun early');
	arrive();
	await page.locator('.note', { hasText: 'First.' }).waitFor();
	assert.equal(await page.getByLabel('New note').inputValue(), 'Second, begun early');
	await page.getByRole('button', { name: 'Add note' }).click();
	await page.locator('.note', { hasText: 'Second, begun early' }).waitFor();
	assert.equal(await page.locator('.note').count(), 2);
});

world.test('a note and a photo are deleted after a question', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'Think twice' });
	await orderLink(page, order).click();
	await page.getByLabel('New note').fill('Wrong order');
	await page.getByRole('button', { name: 'Add note' }).click();
	await page.getByLabel('Add photo').setInputFiles({ name: 'small.png', mimeType: 'image/png', buffer: Buffer.from(await picture().arrayBuffer()) });

	await page.getByRole('button', { name: 'Delete this note' }).click();
	await page.getByRole('dialog').getByRole('button', { name: 'Keep' }).click();
	await page.getByRole('button', { name: 'Delete this note' }).click();
	await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
	await page.getByText('Nothing written yet.').waitFor();

	await page.getByRole('button', { name: /^Photo, by Barnaby/ }).click();
	await page.getByRole('button', { name: 'Delete photo' }).click();
	await page.getByRole('dialog', { name: 'Delete this photo?' }).getByRole('button', { name: 'Delete' }).click();
	await page.getByRole('button', { name: /^Photo, by Barnaby/ }).waitFor({ state: 'detached' });
	assert.equal((await pb.collection('photos').getFullList({ filter: `work_order = "${order.id}"` })).length, 0);
});

world.test('a picture whose address has expired is asked for again', { as: people.technician, at: day, viewport: phone, allow: [/status of 404/] }, async (page) => {
	const { order } = await assignedOrder({ title: 'Look again' });
	let refused = 0;
	await page.route(/api\/files\/[^/]+\/[^/]+\//, (route) => (refused++ < 1 ? route.fulfill({ status: 404, headers: { [invented]: 'yes' }, body: '' }) : route.continue()));
	await orderLink(page, order).click();
	await page.getByLabel('Add photo').setInputFiles({ name: 'small.png', mimeType: 'image/png', buffer: Buffer.from(await picture().arrayBuffer()) });
	await page.waitForFunction(() => document.querySelector('.photo img[alt^="Photo, by"]')?.naturalWidth > 0);
	assert.ok(refused > 1);
});

world.test('an order that is given to somebody else leaves the list within a minute', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const { pb, order } = await assignedOrder({ title: 'On to Clover' });
	await page.clock.install();
	await page.reload();
	await orderLink(page, order).waitFor();
	const { idOf } = await lookUp(pb, world.root);
	await pb.collection('work_orders').update(order.id, { assignee: await idOf(people.colleague) });
	await page.clock.runFor(61_000);
	await orderLink(page, order).waitFor({ state: 'detached' });
});

world.test('what could not be read comes by itself when the connection is back', { as: people.technician, at: day, viewport: phone, wired: true, allow: [/ERR_/] }, async (page, wire) => {
	const { pb, order } = await assignedOrder({ title: 'Read me later' });
	await pb.collection('notes').create({ work_order: order.id, author: pb.authStore.record.id, body: 'The key is next door.' });
	await orderLink(page, order).waitFor();

	wire.cut();
	await orderLink(page, order).click();
	await page.getByRole('heading', { name: 'Read me later' }).waitFor();
	await page.getByText('This may be old').waitFor();
	wire.mend();
	await page.getByText('The key is next door.').waitFor();
	await page.getByText('This may be old').waitFor({ state: 'detached' });
});

world.test('a note that was begun survives a reload', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const { order } = await assignedOrder({ title: 'Begun and left' });
	await orderLink(page, order).click();
	await page.getByLabel('New note').fill('Half a sente');
	await page.reload();
	await page.getByLabel('New note').waitFor();
	assert.equal(await page.getByLabel('New note').inputValue(), 'Half a sente');
});

world.test('a new order appears in the list by itself', { as: people.technician, at: day, viewport: phone }, async (page) => {
	await page.locator('.tile').first().waitFor();
	const { order } = await assignedOrder({ title: 'Out of the blue' });
	await orderLink(page, order).waitFor();
	await assertFits(page);
});

world.test('the way, the map and the telephone are one touch away', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const office = await world.client(people.dispatcher);
	const { organization } = await lookUp(office, world.root);
	const site = await office.collection('sites').create({
		organization: organization.id, name: 'Quince Cottage', address: '1 Orchard Row', contact: 'Mrs Quince, +44 20 7946 0002', location: { lat: 51.5, lon: -0.12 },
	});
	const { order } = await assignedOrder({ title: 'Find me', site: site.id });
	await orderLink(page, order).click();
	assert.equal(await page.getByRole('link', { name: 'Call' }).getAttribute('href'), 'tel:+442079460002');
	assert.match(await page.getByRole('link', { name: 'Navigate' }).getAttribute('href'), /^geo:51\.5,-0\.12/);
	await page.getByText('Mrs Quince', { exact: true }).waitFor();
});

world.test("an address of somebody else's order says that it is not there", { as: people.technician, at: day, allow: [/status of 404/] }, async (page) => {
	const pb = await world.client(people.dispatcher);
	const found = await lookUp(pb, world.root);
	const order = await createOrder(pb, found, { title: 'Not yours' });
	await page.goto(`${world.url}/#/${day}/${order.id}`);
	await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
	assert.equal(await page.getByText('Not yours').count(), 0);
});

/** A picture that is larger than a photo may stay: 2400 by 1800 pixels. */
async function bigPicture(page) {
	const data = await page.evaluate(() => {
		const canvas = document.createElement('canvas');
		canvas.width = 2400;
		canvas.height = 1800;
		const context = canvas.getContext('2d');
		context.fillStyle = '#0b5f50';
		context.fillRect(0, 0, 2400, 900);
		return canvas.toDataURL('image/png');
	});
	return Buffer.from(data.split(',')[1], 'base64');
}

/** The photo arrived as a JPEG whose longer side is 1600 pixels. */
async function assertShrunk(pb, order) {
	const photo = await pb.collection('photos').getFirstListItem(`work_order = "${order}"`);
	const bytes = await download(pb, photo, photo.image);
	assert.deepEqual([...bytes.subarray(0, 3)], [0xff, 0xd8, 0xff], 'a JPEG');
	assert.deepEqual(jpegSize(bytes), { width: 1600, height: 1200 });
}

/** The signature is a PNG with more than one colour in it. */
async function assertInk(pb, order) {
	const bytes = await download(pb, order, order.signature);
	assert.equal(bytes.toString('latin1', 1, 4), 'PNG');
	const pixels = inflateSync(Buffer.concat(pngData(bytes)));
	assert.ok(new Set(pixels).size > 8, 'the signature is blank');
}

async function download(pb, record, name) {
	const url = pb.files.getURL(record, name, { token: await pb.files.getToken() });
	const answer = await fetch(url);
	assert.equal(answer.status, 200);
	return Buffer.from(await answer.arrayBuffer());
}

function jpegSize(bytes) {
	for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
		const marker = bytes[at + 1];
		if (marker >= 0xc0 && marker <= 0xc2) {
			return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
		}
	}
	throw new Error('no frame in the JPEG');
}

function pngData(bytes) {
	const parts = [];
	for (let at = 8; at < bytes.length; ) {
		const length = bytes.readUInt32BE(at);
		if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') {
			parts.push(bytes.subarray(at + 8, at + 8 + length));
		}
		at += 12 + length;
	}
	return parts;
}
