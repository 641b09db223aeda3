// The official Standard Webhooks library against a server with webhooks, as the
// receiver of its messages and as a sender of messages to it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Webhook } from 'standardwebhooks';

import { programs, run, serve, until } from './support/server.mjs';
import { rootClient } from './support/world.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const inbound = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const env = { WEBHOOKS_SECRET: inbound };

programs.webhooks = fileURLToPath(new URL('../dist/webhooks', import.meta.url));

/** A receiver that keeps what it is sent, byte for byte, and answers as told. */
async function receiver() {
	const calls = [];
	const server = createServer(async (request, response) => {
		const chunks = [];
		for await (const chunk of request) {
			chunks.push(chunk);
		}
		const body = Buffer.concat(chunks).toString();
		calls.push({ headers: request.headers, body, payload: JSON.parse(body) });
		response.writeHead(receiving.status).end();
	});
	const receiving = {
		calls,
		status: 204,
		close: () => server.close(),
		/** The calls that the library accepts. */
		verified: (secret) =>
			calls.filter(({ headers, body }) => {
				try {
					return new Webhook(secret).verify(body, headers);
				} catch {
					return false;
				}
			}),
	};
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	receiving.url = `http://127.0.0.1:${server.address().port}/in`;
	return receiving;
}

describe('webhooks', () => {
	let dir, server, admin, erp, endpoint;

	const secret = async () => (await admin.send(`/api/webhooks/endpoints/${endpoint.id}/secret`, {})).secret;

	before(async () => {
		// as the Makefile builds, so that both find each other's work in the cache
		await promisify(execFile)('go', ['build', '-o', programs.webhooks, './e2e/webhooks-server'], {
			cwd: root,
			env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
		});
		dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-webhooks-'));
		server = await serve('webhooks', { dir, env });
		admin = await rootClient(server);
		const fields = [{ name: 'text', type: 'text' }];
		await admin.collections.create({ name: 'orders', type: 'base', fields });
		await admin.collections.create({ name: 'notes', type: 'base', fields });
		erp = await receiver();
		endpoint = await admin.collection('_webhooks').create({
			name: 'ERP', url: erp.url, collections: ['orders'], enabled: true, headers: { authorization: 'Bearer abcdef' },
		});
	});
	after(async () => {
		erp?.close();
		await server?.stop();
		await rm(dir, { recursive: true, force: true });
	});

	it('signs what the library verifies', async () => {
		assert.ok(!endpoint.secret, 'a secret is written, and never read');
		assert.ok(!endpoint.headers);
		const order = await admin.collection('orders').create({ text: 'Grüße, 世界 <&> \u2028' });
		await until(() => erp.calls.length === 1);
		const [call] = erp.calls;
		const event = new Webhook(await secret()).verify(call.body, call.headers);
		assert.equal(event.type, 'orders.create');
		assert.equal(event.data.record, order.id);
		assert.equal(event.data.after.text, order.text);
		assert.equal(event.id, call.headers['webhook-id']);
		assert.equal(call.headers.authorization, 'Bearer abcdef');
	});

	it('signs nothing else', async () => {
		const [{ body, headers }] = erp.calls;
		const hook = new Webhook(await secret());
		assert.throws(() => hook.verify(`${body} `, headers));
		assert.throws(() => hook.verify(body, { ...headers, 'webhook-id': 'evt_1' }));
		assert.throws(() => hook.verify(body, { ...headers, 'webhook-timestamp': `${Number(headers['webhook-timestamp']) + 1}` }));
		assert.throws(() => new Webhook(inbound).verify(body, headers));
	});

	it('signs with both secrets while one replaces the other', async () => {
		const old = await secret();
		const rotated = await admin.send(`/api/webhooks/endpoints/${endpoint.id}/rotate`, { method: 'POST' });
		assert.equal(rotated.secret, await secret());
		assert.notEqual(rotated.secret, old);
		const before = erp.calls.length;
		const ping = await admin.send(`/api/webhooks/endpoints/${endpoint.id}/ping`, { method: 'POST' });
		assert.equal(ping.state, 'delivered');
		assert.equal(ping.tries[0].status, 204);
		assert.equal(ping.tries[0].requestHeaders.Authorization, '[masked]');
		const call = erp.calls[before];
		new Webhook(old).verify(call.body, call.headers);
		new Webhook(rotated.secret).verify(call.body, call.headers);
	});

	it('takes what the library signs, once', async () => {
		const body = '{"amount": 1.50}';
		const at = new Date();
		const headers = {
			'webhook-id': 'msg_1',
			'webhook-timestamp': `${Math.floor(at / 1000)}`,
			'webhook-signature': new Webhook(inbound).sign('msg_1', at, body),
		};
		const post = async (text) => (await fetch(`${server.url}/hooks/in`, { method: 'POST', body: text, headers })).status;
		assert.deepEqual(await Promise.all([post(body), post(body), post(body)]), [204, 204, 204]);
		assert.equal(await post('{"amount": 1.5}'), 401);
		await until(async () => (await admin.collection('notes').getFullList()).length > 0);
		const inbox = await admin.send('/api/webhooks/inbox', {});
		assert.deepEqual(inbox.items.map(({ message, state }) => [message, state]), [['msg_1', 'done']]);
		const notes = await admin.collection('notes').getFullList();
		assert.deepEqual(notes.map(({ text }) => text), [body]);
	});

	it('delivers after kill -9 what it could not deliver before', async () => {
		erp.status = 500;
		const before = erp.calls.length;
		const orders = [];
		for (let n = 0; n < 20; n++) {
			orders.push(await admin.collection('orders').create({ text: `order ${n}` }));
		}
		await until(() => erp.calls.length > before);
		await server.stop('SIGKILL');
		erp.status = 204;
		const after = erp.calls.length;
		server = await serve('webhooks', { dir, env, superuser: false });
		const delivered = () => new Set(erp.calls.slice(after).map(({ payload }) => payload.data.record));
		await until(() => delivered().size === orders.length);
		admin = await rootClient(server);
		const current = await secret();
		const verified = new Set(erp.verified(current).map(({ payload }) => payload.data.record));
		assert.deepEqual(orders.filter(({ id }) => !delivered().has(id) || !verified.has(id)), []);
	});

	it('is operated by a command', async () => {
		const listed = await run('webhooks', ['webhooks', 'list', '--json', '--dir', dir], { env });
		assert.equal(listed.code, 0, listed.stderr);
		const [state] = JSON.parse(listed.stdout.trim().split('\n').at(-1));
		assert.deepEqual([state.name, state.enabled, state.failed], ['ERP', true, 0]);
		const before = erp.calls.length;
		const replayed = await run('webhooks', ['webhooks', 'replay', endpoint.id, '--since', '2026-01-01T00:00:00Z', '--dir', dir], { env });
		assert.equal(replayed.code, 0, replayed.stderr);
		assert.match(replayed.stdout, /21 events are due/);
		await until(() => erp.calls.length === before + 21);
		assert.equal(new Set(erp.calls.slice(before).map(({ headers }) => headers['webhook-id'])).size, 21);
	});
});
