// The official SDK of an app that was built against an older version of the API,
// beside one of today, on a server that has moved on. Each answer to the old app is
// compared with the document of its version as well.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describedAt, forget } from './support/described.mjs';
import { fails } from './support/conformance.mjs';
import { programs, run, serve, superuser, until } from './support/server.mjs';
import { client, rootClient } from './support/world.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const old = '2026-11-01';
const today = '2027-03-15';
const password = 'person-password';

programs.versions = fileURLToPath(new URL('../dist/versions', import.meta.url));

describe('versions', () => {
	let server;
	let admin;
	let ada;
	const open = [];

	before(async () => {
		// as the Makefile builds, so that both find each other's work in the cache
		await promisify(execFile)('go', ['build', '-o', programs.versions, './e2e/versions-server'], {
			cwd: root,
			env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
		});
		server = await serve('versions');
		describedAt(server.url, superuser);
		admin = await rootClient(server);
		ada = await admin.collection('people').create({
			email: 'ada@example.com', password, passwordConfirm: password, given: 'Ada', family: 'Byron', verified: true,
		});
	});
	after(async () => {
		await forget(server?.url);
		await server?.stop();
		await rm(server?.dir, { recursive: true, force: true });
	});
	afterEach(() => Promise.all(open.splice(0).map((pb) => pb.realtime.unsubscribe())));

	/** An app that names a version with each of its requests, undefined for none. */
	function app(version) {
		const pb = client(server);
		pb.beforeSend = (url, options) => {
			if (version) {
				options.headers = { ...options.headers, 'Holdall-Version': version };
			}
			return { url, options };
		};
		open.push(pb);
		return pb;
	}

	it('reads and writes as on the day of its version', async () => {
		const orders = app(old).collection('orders');
		const made = await orders.create({ title: 'old pump', assignee: ada.id }, { expand: 'assignee' });
		assert.equal(made.title, 'old pump');
		assert.equal(made.expand.assignee.name, 'Ada Byron');
		assert.ok(!('subject' in made) && !('given' in made.expand.assignee));
		assert.equal((await orders.update(made.id, { title: 'older pump' })).title, 'older pump');
		assert.deepEqual(await orders.getOne(made.id, { fields: 'title,expand.assignee.name', expand: 'assignee' }), {
			title: 'older pump', expand: { assignee: { name: 'Ada Byron' } },
		});
		const found = await orders.getFullList({ filter: `title = 'older pump' && assignee = '${ada.id}'`, sort: '-title,assignee.name' });
		assert.deepEqual(found.map((order) => order.title), ['older pump']);

		const now = await app().collection('orders').getOne(made.id, { expand: 'technician' });
		assert.equal(now.subject, 'older pump');
		assert.equal(now.technician, ada.id);
		assert.equal(now.expand.technician.family, 'Byron');
		assert.ok(!('title' in now));
		await orders.delete(made.id);
	});

	it('sends files, and writes a field that is two by now', async () => {
		const pb = app(old);
		const photo = new File(['x'], 'photo.txt');
		const made = await pb.collection('orders').create({ title: 'with a photo', photos: [photo] });
		assert.equal(made.photos.length, 1);
		assert.equal(await (await fetch(pb.files.getURL(made, made.photos[0], { 'holdall-version': old }))).text(), 'x');
		const bea = await pb.collection('people').create({
			email: 'bea@example.com', password, passwordConfirm: password, name: 'Bea Ames',
		});
		assert.equal(bea.name, 'Bea Ames');
		assert.equal((await app().collection('people').getOne(bea.id)).given, 'Bea');
		const signedIn = await pb.collection('people').authWithPassword('bea@example.com', password);
		assert.equal(signedIn.record.name, 'Bea Ames');
	});

	it('does several things at once', async () => {
		const batch = app(old).createBatch();
		batch.collection('orders').create({ title: 'first', assignee: ada.id }, { expand: 'assignee' });
		batch.collection('people').update(ada.id, { name: 'Ada King' });
		const [order, person] = await batch.send();
		assert.equal(order.body.title, 'first');
		assert.equal(order.body.expand.assignee.name, 'Ada Byron');
		assert.equal(person.body.name, 'Ada King');
		await app().collection('people').update(ada.id, { given: 'Ada', family: 'Byron' });
	});

	it('is told of errors at the fields that it knows', async () => {
		await fails(app(old).collection('orders').create({ title: 'x' }), 400, { title: 'validation_min_text_constraint' });
		await fails(app().collection('orders').create({ subject: 'x' }), 400, { subject: 'validation_min_text_constraint' });
		await fails(app(old).collection('people').update(ada.id, { name: `Ada ${'x'.repeat(30)}` }), 400, { name: 'validation_max_text_constraint' });
		await fails(app(old).collection('people').getList(1, 1, { filter: "name = 'x'" }), 400, { filter: 'version_field_changed' });
		const error = await fails(app('2020-01-01').collection('orders').getList(), 400);
		assert.equal(error.response.data.code, 'version_unknown');
		assert.match(error.response.message, /2026-11-01, 2027-03-15/);
	});

	it('listens as before, beside those who listen today', async () => {
		const seen = { old: [], narrow: [], now: [] };
		const [before, narrow, now] = [app(old), app(old), app()];
		await before.collection('orders').subscribe('*', (event) => seen.old.push(event));
		await narrow.collection('orders').subscribe('*', (event) => seen.narrow.push(event), {
			filter: "title ~ 'loud'", fields: 'title', expand: 'assignee',
		});
		await now.collection('orders').subscribe('*', (event) => seen.now.push(event));
		const quiet = await admin.collection('orders').create({ subject: 'quiet', technician: ada.id });
		const loud = await admin.collection('orders').create({ subject: 'very loud' });
		await admin.collection('orders').delete(quiet.id);
		await until(() => seen.old.length === 3 && seen.now.length === 3 && seen.narrow.length === 1);
		assert.deepEqual(seen.old.map((event) => [event.action, event.record.title, event.record.assignee]), [
			['create', 'quiet', ada.id], ['create', 'very loud', ''], ['delete', 'quiet', ada.id],
		]);
		assert.ok(seen.old.every((event) => !('subject' in event.record)));
		assert.deepEqual(seen.narrow, [{ action: 'create', record: { title: 'very loud' } }]);
		assert.deepEqual(seen.now.map((event) => event.record.subject), ['quiet', 'very loud', 'quiet']);
		await admin.collection('orders').delete(loud.id);
	});

	it('repeats a write, and knows what it has, within its version', async () => {
		const send = (version, method, path, headers, body) => fetch(`${server.url}/api/collections/orders/records${path}`, {
			method,
			headers: { 'Content-Type': 'application/json', ...(version && { 'Holdall-Version': version }), ...headers },
			body: body && JSON.stringify(body),
		});
		const keyed = () => send(old, 'POST', '', { 'Idempotency-Key': 'one' }, { title: 'only once' });
		const [first, again] = [await keyed(), await keyed()];
		const made = await first.json();
		assert.deepEqual(await again.json(), made);
		assert.equal(made.title, 'only once');
		assert.equal(again.headers.get('Idempotency-Replayed'), 'true');
		// an app that was updated in between repeats the same write in its own words
		const updated = await send(today, 'POST', '', { 'Idempotency-Key': 'one' }, { subject: 'only once' });
		assert.deepEqual([updated.status, (await updated.json()).subject], [200, 'only once']);

		const [mine, theirs] = await Promise.all([old, undefined].map((v) => send(v, 'GET', `/${made.id}`)));
		assert.notEqual(mine.headers.get('ETag'), theirs.headers.get('ETag'));
		const has = (version, tag) => send(version, 'GET', `/${made.id}`, { 'If-None-Match': tag }).then((a) => a.status);
		assert.equal(await has(old, mine.headers.get('ETag')), 304);
		assert.equal(await has(undefined, mine.headers.get('ETag')), 200);
		assert.equal(await has(old, theirs.headers.get('ETag')), 200);
		const match = (tag, title) => send(old, 'PATCH', `/${made.id}`, { 'If-Match': tag }, { title });
		assert.equal((await match(mine.headers.get('ETag'), 'changed')).status, 200);
		assert.equal((await match(mine.headers.get('ETag'), 'changed again')).status, 412);
	});

	it('is told what comes, and others what to know', async () => {
		const answer = await fetch(`${server.url}/api/collections/orders/records`, { headers: { 'Holdall-Version': old } });
		assert.equal(answer.headers.get('Holdall-Version'), old);
		assert.equal(answer.headers.get('Deprecation'), '@1805068800');
		assert.equal(answer.headers.get('Sunset'), 'Thu, 01 Jan 2099 00:00:00 GMT');
		assert.match(answer.headers.get('Link'), /<https:\/\/docs.example.com\/versions>; rel="deprecation"/);
		const { versions } = await admin.send('/api/versions', {});
		assert.deepEqual(versions.map(({ date, newest }) => [date, newest]), [[old, false], [today, true]]);
		assert.ok(versions[0].usage.requests > 10);

		const document = async (query) => (await fetch(`${server.url}/api/openapi.json${query}`)).json();
		const [then, now] = [await document(`?version=${old}`), await document('')];
		assert.deepEqual([then.info.version, now.info.version], [old, today]);
		const names = (doc, schema) => Object.keys(doc.components.schemas[schema].properties).filter((name) => !/^collection|^id$|expand/.test(name));
		assert.deepEqual(names(then, 'OrdersRecord'), ['title', 'assignee', 'photos']);
		assert.deepEqual(names(now, 'OrdersRecord'), ['subject', 'technician', 'photos']);
		assert.ok(names(then, 'PeopleCreate').includes('name') && !names(then, 'PeopleCreate').includes('given'));
		const printed = await run('versions', ['openapi', '--version', old, '--dev=false', '--dir', server.dir]);
		assert.equal(JSON.parse(printed.stdout).info.version, old);
		const listed = await run('versions', ['versions', '--json', '--dev=false', '--dir', server.dir]);
		assert.deepEqual(JSON.parse(listed.stdout).problems, []);
	});
});
