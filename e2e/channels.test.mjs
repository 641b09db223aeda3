// The official Centrifuge client against a server with channels.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Centrifuge } from 'centrifuge';
import { WebSocket } from 'ws';

import { patience, programs, serve, until } from './support/server.mjs';
import { client, rootClient } from './support/world.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const password = 'person-password';
const revoked = 2100;

programs.channels = fileURLToPath(new URL('../dist/channels', import.meta.url));

describe('channels', () => {
	let server;
	let admin;
	let doc;
	const open = [];

	before(async () => {
		// as the Makefile builds, so that both find each other's work in the cache
		await promisify(execFile)('go', ['build', '-o', programs.channels, './e2e/channels-server'], {
			cwd: root,
			env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
		});
		server = await serve('channels');
		admin = await rootClient(server);
		await prepare(admin);
		doc = await admin.collection('docs').create({ title: 'quiet words' });
		for (const name of ['anna', 'ben', 'carl', 'dora']) {
			const person = await admin.collection('users').create({
				email: `${name}@example.com`, password, passwordConfirm: password, name, verified: true,
			});
			if (name !== 'carl') {
				await admin.collection('members').create({ doc: doc.id, user: person.id });
			}
		}
	});
	after(async () => {
		await server?.stop();
		await rm(server?.dir, { recursive: true, force: true }); // the second server found it there
	});
	afterEach(() => open.splice(0).forEach((live) => live.disconnect()));

	/** Signs in and connects. What the socket delivers is kept in `frames`. */
	async function connect(name, options) {
		const pb = client(server);
		await pb.collection('users').authWithPassword(`${name}@example.com`, password);
		const frames = [];
		class Recorded extends WebSocket {
			constructor(...given) {
				super(...given);
				this.on('message', (data) => frames.push(data.toString()));
			}
		}
		const live = new Centrifuge(`ws://127.0.0.1:${server.port}/api/ws`, {
			websocket: Recorded, token: pb.authStore.token, ...options(pb),
		});
		open.push(live);
		live.connect();
		await live.ready(patience);
		return { pb, live, frames, id: pb.authStore.record.id };
	}
	const person = (name, options = () => ({})) => connect(name, options);

	/** Subscribes, and keeps what happens. */
	function join(who, channel) {
		const sub = who.live.newSubscription(channel, { joinLeave: true });
		const seen = { publication: [], join: [], leave: [], unsubscribed: [], subscribed: [] };
		for (const [event, list] of Object.entries(seen)) {
			sub.on(event, (context) => list.push(context));
		}
		sub.subscribe();
		return { sub, seen };
	}
	const room = () => `room:docs/${doc.id}`;

	it('shows who is there, and who comes and goes', async () => {
		const [anna, ben] = [await person('anna'), await person('ben')];
		const { sub, seen } = join(anna, room());
		await sub.ready(patience);
		await join(ben, room()).sub.ready(patience);
		await until(() => seen.join.some((event) => event.info.user === `users/${ben.id}`));
		const { clients } = await sub.presence();
		assert.deepEqual(
			Object.values(clients).map((info) => info.user).sort(),
			[`users/${anna.id}`, `users/${ben.id}`].sort(),
		);
		assert.ok(Object.values(clients).every((info) => info.connInfo === undefined));
		assert.deepEqual(await sub.presenceStats(), { numClients: 2, numUsers: 2 });
		ben.live.disconnect();
		await until(() => seen.leave.some((event) => event.info.user === `users/${ben.id}`));
	});

	it('carries a message to those in the room and to nobody else', async () => {
		const [anna, ben, carl] = [await person('anna'), await person('ben'), await person('carl')];
		const here = join(anna, room());
		const there = join(ben, room());
		const outside = join(carl, room());
		await Promise.all([here.sub.ready(patience), there.sub.ready(patience)]);
		await until(() => outside.seen.unsubscribed.length === 1);
		assert.equal(outside.seen.unsubscribed[0].code, 103);
		await here.sub.publish({ typing: true });
		await until(() => there.seen.publication.length === 1);
		assert.deepEqual(there.seen.publication[0].data, { typing: true });
		assert.equal(there.seen.publication[0].info.user, `users/${anna.id}`);
		await assert.rejects(carl.live.publish(room(), { typing: true }), { code: 103 });
		assert.ok(!carl.frames.join('').includes('typing'));
	});

	it('refuses guests', async () => {
		const live = new Centrifuge(`ws://127.0.0.1:${server.port}/api/ws`, { websocket: WebSocket });
		open.push(live);
		const ended = new Promise((resolve) => live.on('disconnected', resolve));
		live.connect();
		assert.equal((await ended).code, 101);
	});

	it('pokes a user when there is something to fetch', async () => {
		const [anna, carl] = [await person('anna'), await person('carl')];
		const own = join(anna, `user:users/${anna.id}`);
		await own.sub.ready(patience);
		const spy = join(carl, `user:users/${anna.id}`);
		await until(() => spy.seen.unsubscribed.length === 1);
		await admin.collection('messages').create({ to: anna.id, text: 'for your eyes' });
		await until(() => own.seen.publication.length === 1);
		assert.deepEqual(own.seen.publication[0].data, { poke: true });
		const fetched = await anna.pb.collection('messages').getFullList();
		assert.equal(fetched[0].text, 'for your eyes');
	});

	it('carries no record', async () => {
		const anna = await person('anna');
		const { sub } = join(anna, room());
		const lobby = join(anna, 'lobby:a');
		await Promise.all([sub.ready(patience), lobby.sub.ready(patience)]);
		await admin.collection('docs').update(doc.id, { title: 'loud words' });
		await lobby.sub.publish('after');
		await until(() => lobby.seen.publication.length === 1);
		assert.ok(!anna.frames.join('').includes('words'));
	});

	it('ends a subscription with the membership, for good', async () => {
		const [anna, ben] = [await person('anna'), await person('ben')];
		const lost = join(ben, room());
		const kept = join(anna, room());
		await Promise.all([lost.sub.ready(patience), kept.sub.ready(patience)]);
		const membership = await admin.collection('members').getFirstListItem(`user = "${ben.id}"`);
		await admin.collection('members').delete(membership.id);
		await until(() => lost.seen.unsubscribed.length === 1);
		assert.equal(lost.seen.unsubscribed[0].code, revoked);
		assert.equal(lost.sub.state, 'unsubscribed');
		assert.equal(kept.sub.state, 'subscribed');
		await kept.sub.publish('after');
		await until(() => kept.seen.publication.length === 1);
		assert.ok(!ben.frames.join('').includes('"after"'));
		await admin.collection('members').create({ doc: doc.id, user: ben.id });
		lost.sub.subscribe();
		await lost.sub.ready(patience);
	});

	it('closes the socket with a password', async () => {
		const dora = await person('dora');
		const ended = new Promise((resolve) => dora.live.on('disconnected', resolve));
		await dora.pb.collection('users').update(dora.id, {
			oldPassword: password, password: 'another-password', passwordConfirm: 'another-password',
		});
		assert.equal((await ended).code, 3500);
		assert.equal(dora.live.state, 'disconnected');
	});

	it('asks for a new token before the old one expires', async () => {
		await admin.collections.update('users', { authToken: { duration: 10 } });
		try {
			let asked = 0;
			const anna = await person('anna', (pb) => ({
				getToken: async () => {
					asked++;
					await pb.collection('users').authRefresh();
					return pb.authStore.token;
				},
			}));
			let left = 0;
			anna.live.on('connecting', () => left++);
			await until(() => asked > 2);
			assert.equal(left, 0);
			assert.equal(anna.live.state, 'connected');
		} finally {
			await admin.collections.update('users', { authToken: { duration: 604800 } });
		}
	});

	it('says goodbye, and clients come back to the next server', async () => {
		const anna = await person('anna', () => ({ minReconnectDelay: 50, maxReconnectDelay: 200 }));
		const { sub, seen } = join(anna, room());
		await sub.ready(patience);
		const reasons = [];
		anna.live.on('connecting', (context) => reasons.push(context.code));
		const { port, dir } = server;
		server.signal('SIGTERM');
		const { code } = await server.ended();
		assert.equal(code, 0);
		await until(() => reasons.includes(3001));
		server = await serve('channels', { port, dir, superuser: false });
		await until(() => seen.subscribed.length === 2);
		await sub.publish('again');
		await until(() => seen.publication.length === 1);
	});
});

/** Makes documents that have members, and messages that have a reader. */
async function prepare(admin) {
	const users = await admin.collections.getOne('users');
	const text = (name) => ({ name, type: 'text' });
	const relation = (name, target) => ({
		name, type: 'relation', collectionId: target.id, maxSelect: 1, cascadeDelete: true,
	});
	const docs = await admin.collections.create({ name: 'docs', type: 'base', fields: [text('title')] });
	await admin.collections.create({
		name: 'members', type: 'base', fields: [relation('doc', docs), relation('user', users)],
	});
	await admin.collections.update('docs', { viewRule: 'members_via_doc.user ?= @request.auth.id' });
	await admin.collections.create({
		name: 'messages', type: 'base', listRule: 'to = @request.auth.id', fields: [relation('to', users), text('text')],
	});
}
