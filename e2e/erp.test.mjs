// The ERP of an organization and the real program: orders come in and completed
// ones are told of, both by the official Standard Webhooks library.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Webhook } from 'standardwebhooks';

import { run, serve, until } from './support/server.mjs';
import { client, rootClient } from './support/world.mjs';

const env = { HOLDALL_WEBHOOKS_ALLOW: '127.0.0.1/32', HOLDALL_WEBHOOKS_ALLOW_HTTP: 'true' };

/** An ERP that keeps what it is sent, and answers with its status. */
async function listeningERP() {
	const erp = { calls: [], status: 204 };
	const server = createServer(async (request, response) => {
		const chunks = [];
		for await (const chunk of request) {
			chunks.push(chunk);
		}
		erp.calls.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
		response.writeHead(erp.status).end();
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	erp.url = `http://127.0.0.1:${server.address().port}/orders`;
	erp.close = () => server.close();
	return erp;
}

describe('an ERP', () => {
	let dir, server, root, owner, erp, organization, site, endpoint, connection, order;

	const start = async (superuser = true) => {
		server = await serve('holdall', { dir, env, superuser });
		root = await rootClient(server);
		owner = client(server);
		if (superuser) {
			const account = { email: 'ines@example.com', password: 'a long password', passwordConfirm: 'a long password' };
			await owner.collection('users').create(account);
		}
		await owner.collection('users').authWithPassword('ines@example.com', 'a long password');
	};
	/** Sends a message, signed with a secret, and returns the status. */
	const send = async (id, data, secret = connection.secret) => {
		const body = JSON.stringify({ type: 'order.created', timestamp: new Date().toISOString(), data });
		const at = new Date();
		const headers = {
			'webhook-id': id,
			'webhook-timestamp': `${Math.floor(at / 1000)}`,
			'webhook-signature': new Webhook(secret).sign(id, at, body),
		};
		return (await fetch(server.url + connection.path, { method: 'POST', headers, body })).status;
	};
	const inbox = async (state) => (await root.send(`/api/webhooks/inbox?state=${state}`, {})).items;
	const orders = () => owner.collection('work_orders').getFullList({ sort: 'number' });

	before(async () => {
		dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-erp-'));
		await start();
		organization = await owner.collection('organizations').create({ name: 'Quillon Lift Care', slug: 'quillon', timezone: 'Europe/Berlin' });
		site = await owner.collection('sites').create({ organization: organization.id, name: 'Harbour Tower', externalId: 'S-1' });
		// what has happened before is not sent
		await owner.collection('work_orders').create({ organization: organization.id, site: site.id, title: 'Before', priority: 'low' });
		erp = await listeningERP();
	});
	after(async () => {
		erp?.close();
		await server?.stop();
		await rm(dir, { recursive: true, force: true });
	});

	it('is connected by an owner', async () => {
		connection = await owner.send(`/api/v1/organizations/${organization.id}/erp-secret`, { method: 'POST' });
		assert.match(connection.secret, /^whsec_/);
		const seen = await owner.collection('organizations').getOne(organization.id);
		assert.equal(JSON.stringify(seen).includes(connection.secret), false);
	});

	it('creates an order, once for each message', async () => {
		const data = { id: 'PO-4711', title: 'Oil the doors', priority: 'high', site: { id: 'S-1' } };
		assert.deepEqual(await Promise.all([1, 2, 3].map(() => send('msg_1', data))), [204, 204, 204]);
		await until(async () => (await orders()).length === 2);
		[, order] = await orders();
		assert.deepEqual(
			[order.externalId, order.title, order.priority, order.status, order.site, order.number],
			['PO-4711', 'Oil the doors', 'high', 'draft', site.id, 2],
		);
		assert.equal(await send('msg_1', data), 204);
		assert.deepEqual((await inbox('done')).map(({ message }) => message), ['msg_1']);
	});

	it('is refused with another secret, for another organization and unsigned', async () => {
		const data = { title: 'Forged', site: { id: 'S-1' } };
		assert.equal(await send('msg_2', data, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'), 401);
		const { path } = connection;
		connection.path = path.replace(organization.id, 'doesnotexist000');
		assert.equal(await send('msg_2', data), 401);
		connection.path = path;
		assert.equal((await fetch(server.url + path, { method: 'POST', body: '{}' })).status, 401);
	});

	it('finds in the inbox what is wrong with a message', async () => {
		assert.equal(await send('msg_3', { title: '', site: { name: 'Nowhere' } }), 204);
		await until(async () => (await inbox('failed')).length === 1);
		const [{ id, error }] = await inbox('failed');
		assert.match(error, /site: The organization has no site with the name "Nowhere"/);
		assert.match(error, /title: cannot be blank/i);
		const { body } = await root.send(`/api/webhooks/inbox/${id}`, {});
		assert.equal(JSON.parse(body).data.site.name, 'Nowhere');
		assert.equal((await orders()).length, 2);
	});

	it('hears of orders that are made and completed, and of no secret', async () => {
		const events = [];
		await root.collection('_webhooks').subscribe('*', ({ record }) => events.push(JSON.stringify(record)));
		endpoint = await root.collection('_webhooks').create({
			name: 'ERP', url: erp.url, collections: ['work_orders'], actions: ['create', 'update'], enabled: true,
			filter: `organization = "${organization.id}" && (@action = "create" || status = "completed" && @old.status != "completed")`,
			fields: ['number', 'externalId', 'title', 'status', 'completedAt'], headers: { authorization: 'Bearer key-of-the-erp' },
		});
		const { secret } = await root.send(`/api/webhooks/endpoints/${endpoint.id}/secret`, {});
		for (const text of [JSON.stringify(endpoint), ...events]) {
			assert.equal(text.includes(secret) || text.includes('key-of-the-erp'), false, text);
		}
		await owner.collection('work_orders').update(order.id, {
			assignee: owner.authStore.record.id, scheduledStart: '2026-12-01 08:00:00.000Z', scheduledEnd: '2026-12-01 09:00:00.000Z',
		});
		for (const to of ['scheduled', 'enRoute', 'onSite', 'completed']) {
			await owner.send(`/api/v1/work-orders/${order.id}/transition`, { method: 'POST', body: { to } });
		}
		await until(() => erp.calls.length === 1);
		const event = new Webhook(secret).verify(erp.calls[0].body, erp.calls[0].headers);
		assert.equal(event.type, 'work_orders.update');
		assert.deepEqual(event.data.changed, ['status', 'completedAt']);
		assert.deepEqual([event.data.after.externalId, event.data.before.status, event.data.after.status], ['PO-4711', 'onSite', 'completed']);
		assert.equal(erp.calls[0].headers.authorization, 'Bearer key-of-the-erp');

		assert.equal(await send('msg_4', { id: 'PO-4712', title: 'Change the rope', site: { name: 'Harbour Tower' } }), 204);
		await until(() => erp.calls.length === 2);
		const created = new Webhook(secret).verify(erp.calls[1].body, erp.calls[1].headers);
		assert.deepEqual([created.type, created.data.origin, created.data.after.externalId], ['work_orders.create', 'erp', 'PO-4712']);
		await root.collection('_webhooks').unsubscribe();
		const found = events.find((text) => text.includes(secret) || text.includes('key-of-the-erp'));
		assert.equal(found, undefined);
		assert.equal((server.output.stdout + server.output.stderr).includes(secret), false);
	});

	it('gets after kill -9 what was committed before, and a delivery again', async () => {
		erp.status = 503;
		const before = erp.calls.length;
		const made = await owner.collection('work_orders').create({ organization: organization.id, site: site.id, title: 'Late', priority: 'low' });
		await until(() => erp.calls.length > before);
		await server.stop('SIGKILL');
		erp.status = 204;
		await start(false);
		const late = async () => (await root.send(`/api/webhooks/deliveries?endpoint=${endpoint.id}`, {})).items[0];
		await until(async () => (await late()).state === 'delivered');
		const delivered = await late();
		const arrived = erp.calls.map(({ body }) => JSON.parse(body)).filter(({ id }) => id === delivered.event);
		assert.equal(arrived.at(-1).data.record, made.id);
		assert.ok(arrived.length >= 2); // the attempt before the kill may not have been noted

		const count = erp.calls.length;
		await root.send(`/api/webhooks/deliveries/${delivered.id}/redeliver`, { method: 'POST' });
		await until(() => erp.calls.length === count + 1);
		assert.equal(erp.calls.at(-1).headers['webhook-id'], delivered.event);
		const listed = await run('holdall', ['webhooks', 'list', '--json', '--dir', dir], { env });
		assert.equal(listed.code, 0, listed.stderr);
	});

	it('leaves the definitions of the collections alone', async () => {
		const check = await run('holdall', ['collections', 'check', '--dir', dir], { env });
		assert.equal(check.code, 0, check.stdout + check.stderr);
	});

	it('is disconnected by an owner', async () => {
		await owner.send(`/api/v1/organizations/${organization.id}/erp-secret`, { method: 'DELETE' });
		assert.equal(await send('msg_5', { title: 'Too late', site: { id: 'S-1' } }), 401);
	});
});
