// The official SDK in Chromium against the realtime plugin, with what
// docs/realtime.md tells a page to do, and the browser's own way to resume.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import PocketBase from 'pocketbase';

import { freePort, serve, until } from '../support/server.mjs';
import { app, createOrder, lookUp, password, people } from './app.mjs';

const world = app();
const sdk = await readFile(new URL('../node_modules/pocketbase/dist/pocketbase.umd.js', import.meta.url), 'utf8');
const docs = await readFile(new URL('../../docs/realtime.md', import.meta.url), 'utf8');
const remembering = docs.split('```js\n').map((part) => part.split('```')[0]).find((code) => code.includes('extends Native'));

// what the page says about a server that is gone, and one without demo accounts
const gone = [/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_INCOMPLETE_CHUNKED_ENCODING/, /ERR_INTERNET_DISCONNECTED/, /ERR_EMPTY_RESPONSE/, /status of 404/];

let server;
let dispatcher;
let place;

before(async () => {
	const dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-browser-realtime-'));
	server = { dir, port: await freePort() };
	server.running = await serve('holdall', { ...server, args: ['--demo'] });
	dispatcher = new PocketBase(server.running.url).autoCancellation(false);
	await dispatcher.collection('users').authWithPassword(people.dispatcher, password);
	place = await lookUp(dispatcher);
});
after(async () => {
	await server?.running.stop();
	await rm(server.dir, { recursive: true, force: true });
});

/** Kills the server and starts it again on the same data. */
async function restart() {
	await server.running.stop('SIGKILL');
	server.running = await serve('holdall', { dir: server.dir, port: server.port, superuser: false });
}

/** Runs body with a page of the server, and what was written while it could not connect. */
function inBrowser(name, body) {
	test(name, { timeout: 120_000 }, async () => {
		const { page, problems } = await world.page({ base: server.running.url, allow: gone });
		const offline = async (write) => {
			await page.context().setOffline(true);
			await restart();
			await write();
			await page.context().setOffline(false);
		};
		try {
			await body(page, offline);
			assert.deepEqual(problems, []);
		} finally {
			await page.context().close();
		}
	});
}

inBrowser('the SDK hears what enters and leaves, and misses nothing while the server is down', async (page, offline) => {
	await page.evaluate(`${sdk};${remembering};0`);
	await page.evaluate(async ([email, secret]) => {
		const pb = new globalThis.PocketBase(location.origin);
		await pb.collection('users').authWithPassword(email, secret);
		globalThis.seen = [];
		await pb.collection('work_orders').subscribe('*', ({ action, record }) => globalThis.seen.push(`${action} ${record.title ?? ''}`.trim()),
			{ filter: 'title ~ "in sight"', enterLeave: true });
	}, [people.dispatcher, password]);
	const seen = () => page.evaluate(() => globalThis.seen);
	const order = await createOrder(dispatcher, place, { title: 'in sight 1' });
	const rename = (title) => dispatcher.collection('work_orders').update(order.id, { title });

	const expected = ['create in sight 1', 'leave', 'enter in sight 2'];
	await rename('elsewhere');
	await rename('in sight 2');
	await until(async () => (await seen()).length === expected.length);

	await offline(async () => {
		await rename('in sight 3');
		await rename('elsewhere again');
		await rename('in sight 4');
		await dispatcher.collection('work_orders').update(order.id, { description: 'as it was' });
	});
	expected.push('update in sight 3', 'leave', 'enter in sight 4', 'update in sight 4');
	await until(async () => (await seen()).length >= expected.length);
	assert.deepEqual(await seen(), expected);
});

inBrowser('an EventSource resumes by its Last-Event-ID', async (page, offline) => {
	await page.evaluate(async (token) => {
		globalThis.seen = [];
		const source = new EventSource('/api/realtime?resume=true');
		source.addEventListener('PB_CONNECT', async (event) => {
			globalThis.connections = (globalThis.connections ?? 0) + 1;
			await fetch('/api/realtime', {
				method: 'POST',
				headers: { 'Content-Type': 'application/json', Authorization: token },
				body: JSON.stringify({ clientId: JSON.parse(event.data).clientId, subscriptions: ['work_orders/*'] }),
			});
		});
		source.addEventListener('PB_POSITION', () => (globalThis.positioned = true));
		source.addEventListener('work_orders/*', (event) => {
			const { action, record } = JSON.parse(event.data);
			globalThis.seen.push(`${action} ${record.title ?? ''}`.trim());
		});
	}, dispatcher.authStore.token);
	await page.waitForFunction(() => globalThis.positioned, undefined, { timeout: 60_000 });
	const order = await createOrder(dispatcher, place, { title: 'before' });
	await until(async () => (await page.evaluate(() => globalThis.seen.length)) === 1);
	await offline(async () => {
		await dispatcher.collection('work_orders').update(order.id, { title: 'missed' });
		await dispatcher.collection('work_orders').update(order.id, { title: 'missed again' });
	});
	await until(async () => (await page.evaluate(() => globalThis.seen.length)) >= 3);
	assert.deepEqual(await page.evaluate(() => globalThis.seen), ['create before', 'update missed', 'update missed again']);
	assert.equal(await page.evaluate(() => globalThis.connections), 2);
});
