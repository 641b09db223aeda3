// The report of a completed order, from the completion to the PDF, as clients see it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

import { serve, until } from './support/server.mjs';
import { client, picture, rootClient } from './support/world.mjs';

/** How long a machine that is busy may take to draw a page. */
const patience = 90_000;

/** An organization with an owner who is also the technician, and an order on site. */
async function onSite(server) {
	const root = await rootClient(server);
	const account = { email: 'ines@example.com', password: 'a long password', passwordConfirm: 'a long password', name: 'Inés Quill' };
	await root.collection('users').create({ ...account, verified: true });
	const pb = client(server);
	const { record: user } = await pb.collection('users').authWithPassword(account.email, account.password);
	const organization = await pb.collection('organizations').create({ name: 'Quillon Lift Care', slug: 'quillon', timezone: 'Asia/Kolkata' });
	const site = await pb.collection('sites').create({ organization: organization.id, name: 'Harbour Tower', address: '1 Example Street' });
	const order = await pb.collection('work_orders').create({
		organization: organization.id, site: site.id, title: 'Осмотр лифта', priority: 'normal', assignee: user.id,
		scheduledStart: '2026-03-02 09:00:00.000Z', scheduledEnd: '2026-03-02 11:00:00.000Z',
		checklist: [{ id: 'a', label: 'Check the brake', done: true, required: true }],
	});
	const move = (to, note) => pb.send(`/api/v1/work-orders/${order.id}/transition`, { method: 'POST', body: note ? { to, note } : { to } });
	for (const to of ['scheduled', 'enRoute', 'onSite']) {
		await move(to);
	}
	return { root, pb, user, order, move };
}

const read = (pb, order) => pb.collection('work_orders').getOne(order.id);

async function textOf(pb, order) {
	const answer = await fetch(pb.files.getURL(order, order.report, { token: await pb.files.getToken() }));
	assert.equal(answer.status, 200);
	assert.equal(answer.headers.get('content-type'), 'application/pdf');
	return execFileSync('pdftotext', ['-layout', '-', '-'], { input: Buffer.from(await answer.arrayBuffer()) }).toString();
}

describe('the report of a completed order', () => {
	it('is announced by realtime, and takes up what comes later', async (t) => {
		const server = await serve('holdall');
		t.after(() => server.stop('SIGKILL'));
		const { root, pb, user, order, move } = await onSite(server);
		let heard = '';
		await pb.collection('work_orders').subscribe(order.id, ({ record }) => (heard = record.report));
		await move('completed', 'All well.');
		await until(() => heard !== '', patience);
		pb.realtime.unsubscribe();

		const first = await read(pb, order);
		const text = await textOf(pb, first);
		for (const part of ['Quillon Lift Care', 'Осмотр лифта', 'Harbour Tower', 'Inés Quill', 'done: Check the brake', 'All well.', '14:30 – 16:30', 'Asia/Kolkata', 'Page 1 of 1']) {
			assert.ok(text.includes(part), `${part} is not in the report:\n${text}`);
		}
		const bare = await fetch(pb.files.getURL(first, first.report));
		assert.equal(bare.status, 404, 'the file is protected');

		const image = new File([picture()], 'later.png', { type: 'image/png' });
		await pb.collection('photos').create({ work_order: order.id, author: user.id, image, caption: 'Sent later' });
		await until(async () => (await read(pb, order)).report !== first.report, patience);
		assert.match(await textOf(pb, await read(pb, order)), /Sent later/);

		const { items } = await root.send('/api/jobs?kind=work_orders.report', {});
		assert.ok(items.every(({ state, attempts }) => state === 'done' && attempts === 1), JSON.stringify(items));
	});

	it('is made by the next process if the first one is killed', async (t) => {
		const idle = { env: { HOLDALL_JOBS_WORK: 'false' } }; // as if it had been killed before it began
		const before = await serve('holdall', idle);
		t.after(() => before.stop('SIGKILL'));
		const { pb, order, move } = await onSite(before);
		await move('completed');
		assert.equal((await read(pb, order)).report, '');
		before.signal('SIGKILL');
		await before.ended();

		const after = await serve('holdall', { dir: before.dir, port: before.port, superuser: false });
		t.after(() => after.stop('SIGKILL'));
		await until(async () => (await read(pb, order)).report !== '', patience);
		assert.match(await textOf(pb, await read(pb, order)), /Work order 1/);
	});
});
