import assert from 'node:assert/strict';
import { inflateSync } from 'node:zlib';

import { picture } from '../support/world.mjs';
import { app, assertFits, createOrder, lookUp, people, phone, soon } from './app.mjs';

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
	await page.getByRole('button', { name: 'Save signature' }).click();
	await page.getByAltText("The customer's signature").waitFor();

	await page.getByLabel('New note').fill('All is dry again.');
	await page.getByRole('button', { name: 'Add note' }).click();
	await page.locator('.note', { hasText: 'All is dry again.' }).waitFor();
	await page.getByRole('button', { name: 'Complete' }).click();
	await page.locator('.way [aria-current=step]', { hasText: 'Completed' }).waitFor();
	// It shows at once; this is said when the server has agreed.
	await page.locator('[data-announcer]', { hasText: 'Now: Completed.' }).waitFor({ state: 'attached' });
	await assertFits(page);

	const stored = await pb.collection('work_orders').getOne(order.id);
	assert.equal(stored.status, 'completed');
	assert.ok(stored.signature.endsWith('.png'), stored.signature);
	await assertInk(pb, stored);
	await assertShrunk(pb, order.id);

	await page.getByRole('link', { name: 'My day' }).click();
	await page.locator('[data-group=done]', { hasText: 'Mend the boiler' }).waitFor();
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
	await page.locator('.toast').getByRole('button', { name: 'Try again' }).waitFor();

	await page.context().setOffline(false);
	await page.locator('.toast').getByRole('button', { name: 'Try again' }).click();
	await page.getByRole('button', { name: 'Arrive on site' }).waitFor();
	await page.locator('.photo-failed').getByRole('button', { name: 'Try again' }).click();
	await page.locator('.note-form').getByRole('button', { name: 'Try again' }).click();
	await page.locator('.note', { hasText: 'No signal down here.' }).waitFor();
	await page.getByRole('button', { name: /^Photo, by Barnaby/ }).waitFor();
	assert.equal((await pb.collection('photos').getFullList({ filter: `work_order = "${order.id}"` })).length, 1);
});

world.test('what could not be read comes by itself when the connection is back', { as: people.technician, at: day, viewport: phone, wired: true, allow: [/ERR_/] }, async (page, wire) => {
	const { pb, order } = await assignedOrder({ title: 'Read me later' });
	await pb.collection('notes').create({ work_order: order.id, author: pb.authStore.record.id, body: 'The key is next door.' });
	await orderLink(page, order).waitFor();

	wire.cut();
	await orderLink(page, order).click();
	await page.getByText('The server cannot be reached.').waitFor();
	wire.mend();
	await page.getByRole('heading', { name: 'Read me later' }).waitFor({ timeout: 20_000 });
	await page.getByText('The key is next door.').waitFor();
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
