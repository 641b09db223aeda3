// The official SDK against a server with push, and the push services beside it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { programs, run, serve, until } from './support/server.mjs';
import { client, rootClient } from './support/world.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const password = 'correct horse battery staple';

programs.push = fileURLToPath(new URL('../dist/push', import.meta.url));

describe('push', () => {
	let dir, server, admin, ann, bob;

	const device = (service) => admin.send(`/services/${service}/device`, {});
	const received = async (target) => {
		const { items, problems } = await admin.send('/services/received', { query: { token: target.Token } });
		assert.deepEqual(problems ?? [], []);
		return items;
	};
	const register = (pb, body) => pb.send('/api/push/devices', { method: 'POST', body });
	const devices = async (pb) => (await pb.send('/api/push/devices', {})).items;
	const signUp = async (email) => {
		const pb = client(server);
		await admin.collection('users').create({ email, password, passwordConfirm: password, verified: true });
		await pb.collection('users').authWithPassword(email, password);
		return pb;
	};

	before(async () => {
		// as the Makefile builds, so that both find each other's work in the cache
		await promisify(execFile)('go', ['build', '-o', programs.push, './e2e/push-server'], {
			cwd: root,
			env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
		});
		dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-push-'));
		server = await serve('push', { dir });
		admin = await rootClient(server);
		const users = await admin.collections.getOne('users');
		await admin.collections.create({
			name: 'orders', type: 'base', createRule: '@request.auth.id != ""', updateRule: '@request.auth.id != ""', listRule: '', viewRule: '',
			fields: [
				{ name: 'title', type: 'text' },
				{ name: 'assignee', type: 'relation', collectionId: users.id, maxSelect: 1 },
			],
		});
		ann = await signUp('ann@example.com');
		bob = await signUp('bob@example.com');
	});
	after(async () => {
		await server?.stop();
		await rm(dir, { recursive: true, force: true });
	});

	it('sends to a browser, a phone and a tablet, and forgets what has gone', async () => {
		const [browser, phone, tablet] = [await device('webpush'), await device('fcm'), await device('apns')];
		const { publicKey } = await client(server).send('/api/push/vapid-key', {});
		assert.equal(Buffer.from(publicKey, 'base64url').length, 65);
		await register(ann, { subscription: { endpoint: browser.Token, expirationTime: null, keys: { p256dh: browser.P256dh, auth: browser.Auth } } });
		await register(ann, { provider: 'fcm', token: phone.Token, topics: ['news'] });
		await register(ann, { provider: 'apns', token: tablet.Token });
		assert.equal((await devices(ann)).length, 3);

		const to = { users: [{ collection: 'users', id: ann.authStore.record.id }] };
		const message = await admin.send('/api/push/messages', { method: 'POST', body: { to, title: 'Grüße, 世界', body: 'Hello' } });
		const done = async () => (await admin.send(`/api/push/messages/${message.id}`, {})).deliveries.sent === 3;
		await until(done);
		for (const target of [browser, phone, tablet]) {
			const [got] = await received(target);
			assert.equal(got.title, 'Grüße, 世界');
			assert.equal(got.body, 'Hello');
		}
		const { id: receipt } = JSON.parse((await received(browser))[0].payload);
		await client(server).send('/api/push/receipts', { method: 'POST', body: { receipt, event: 'opened' } });
		assert.equal((await admin.send(`/api/push/messages/${message.id}`, {})).opened, 1);

		await admin.send('/services/device', { method: 'DELETE', query: { token: phone.Token } });
		await admin.send('/api/push/messages', { method: 'POST', body: { to: { topic: 'news' }, title: 'News' } });
		await until(async () => (await devices(ann)).length === 2);
	});

	it('moves a phone to who signs in on it', async () => {
		const phone = await device('fcm');
		const hers = await register(ann, { provider: 'fcm', token: phone.Token });
		const his = await register(bob, { provider: 'fcm', token: phone.Token });
		assert.notEqual(hers.id, his.id);
		await ann.send('/api/push/devices/forget', { method: 'POST', body: { provider: 'fcm', token: phone.Token } });
		await ann.send(`/api/push/devices/${his.id}`, { method: 'DELETE' });
		assert.deepEqual((await devices(bob)).map((d) => d.id), [his.id]);
		assert.ok(!(await devices(ann)).some((d) => d.id === hers.id));
	});

	it('tells who an order is assigned to, and not who did it', async () => {
		const phone = await device('fcm');
		await register(bob, { provider: 'fcm', token: phone.Token });
		await bob.collection('orders').create({ title: 'mine', assignee: bob.authStore.record.id });
		const order = await ann.collection('orders').create({ title: '7', assignee: bob.authStore.record.id });
		await until(async () => (await received(phone)).length > 0);
		const got = await received(phone);
		assert.deepEqual(got.map((n) => n.title), ['Order 7']);
		assert.ok(got[0].payload.includes(`/orders/${order.id}`));
	});

	it('keeps its key, and has a command', async () => {
		const { publicKey } = await client(server).send('/api/push/vapid-key', {});
		const keys = await run('push', ['push', 'keys', '--dev=false', '--dir', dir]);
		assert.equal(keys.stdout.trim(), publicKey, keys.stderr);
		const status = JSON.parse((await run('push', ['push', 'status', '--json', '--dev=false', '--dir', dir])).stdout);
		assert.deepEqual(status.providers, ['apns', 'fcm', 'webpush']);
	});
});
