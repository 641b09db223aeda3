// What the realtime plugin adds to PocketBase's realtime API, with the official
// SDK.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';

import { EventSource as Native } from 'eventsource';

import { freePort, serve, until } from './support/server.mjs';
import { client, populate } from './support/world.mjs';

let dir;
let port;
let server;
let root;

before(async () => {
	dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-realtime-'));
	port = await freePort();
	server = await serve('holdall', { dir, port });
	root = await populate(server);
});
after(async () => {
	await server?.stop();
	await rm(dir, { recursive: true, force: true });
});

// as docs/realtime.md says
let last = 'true';
const remember = (event) => {
	last = event.lastEventId || last;
};
class Resuming extends Native {
	constructor(url, init) {
		const address = new URL(url);
		if (address.pathname.endsWith('/api/realtime')) {
			address.searchParams.set('resume', last);
		}
		super(address, init);
		this.addEventListener('PB_CONNECT', remember);
		this.addEventListener('PB_POSITION', remember);
	}

	addEventListener(name, listener, options) {
		super.addEventListener(name, listener, options);
		super.addEventListener(name, remember);
	}
}

/** Runs with an EventSource that remembers where it was. */
async function resuming(run) {
	const plain = globalThis.EventSource;
	globalThis.EventSource = Resuming;
	last = 'true';
	try {
		await run();
	} finally {
		globalThis.EventSource = plain;
	}
}

it('loses nothing when the server is killed', { timeout: 120_000 }, () => resuming(async () => {
	const pb = client(server);
	const seen = [];
	await pb.collection('conf_things').subscribe('*', (event) => seen.push(`${event.action} ${event.record.title} ${event.record.amount}`));
	const writes = 300;
	const expected = [];
	const one = await root.collection('conf_things').create({ title: 'the one', kind: 'a' });
	expected.push('create the one 0');
	for (let i = 1; i <= writes; i++) {
		if (i % 100 === 0) {
			await server.stop('SIGKILL');
			server = await serve('holdall', { dir, port, superuser: false });
		}
		await root.collection('conf_things').update(one.id, { amount: i });
		expected.push(`update the one ${i}`);
		await root.collection('conf_things').create({ title: `made ${i}`, kind: 'a' });
		expected.push(`create made ${i} 0`);
	}
	await until(() => seen.length >= expected.length);
	assert.deepEqual(seen, expected);
	await pb.realtime.unsubscribe();
}));

it('says when it cannot go on', () => resuming(async () => {
	last = '12345';
	const pb = client(server);
	const actions = [];
	await pb.collection('conf_things').subscribe('*', (event) => actions.push(event.action));
	await root.collection('conf_things').create({ title: 'afterwards', kind: 'a' });
	await until(() => actions.length === 2);
	assert.deepEqual(actions, ['reset', 'create']);
	await pb.realtime.unsubscribe();
}));

it('tells what enters and leaves', async () => {
	const pb = client(server);
	const seen = [];
	await pb.collection('conf_things').subscribe('*', (event) => seen.push([event.action, Object.keys(event.record).length > 3]),
		{ filter: 'amount > 10', enterLeave: true });
	const thing = await root.collection('conf_things').create({ title: 'in and out', amount: 1, kind: 'a' });
	for (const amount of [20, 30, 5, 40]) {
		await root.collection('conf_things').update(thing.id, { amount });
	}
	await root.collection('conf_things').delete(thing.id);
	await until(() => seen.length === 5);
	assert.deepEqual(seen, [['enter', true], ['update', true], ['leave', false], ['enter', true], ['delete', true]]);
	await pb.realtime.unsubscribe();
});

it('delivers a loop of writes in order', async () => {
	const pb = client(server);
	const seen = [];
	await pb.collection('conf_things').subscribe('*', (event) => seen.push(event.record.amount), { filter: 'title = "in order"' });
	const thing = await root.collection('conf_things').create({ title: 'in order', amount: 0, kind: 'a' });
	for (let i = 1; i < 100; i++) {
		await root.collection('conf_things').update(thing.id, { amount: i });
	}
	await until(() => seen.length === 100);
	assert.deepEqual(seen, [...Array(100).keys()]);
	await pb.realtime.unsubscribe();
});
