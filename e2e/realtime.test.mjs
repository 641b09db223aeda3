import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';

import { conformance, fails } from './support/conformance.mjs';
import { until } from './support/server.mjs';
import { wire } from './support/wire.mjs';
import { client, ids } from './support/world.mjs';

/** Keeps what a subscription delivers. */
function inbox() {
	const events = [];
	const receive = (event) => events.push(event);
	return Object.assign(receive, {
		events,
		/** What happened to records of this title, in order. */
		of: (title) => events.filter((event) => event.record.title === title).map((event) => event.action),
	});
}

/**
 * Makes a change that every subscription of the collection must deliver and
 * waits for it, so that what did not arrive before it never will.
 */
async function barrier(pb, seen) {
	const title = `barrier ${Math.random().toString(36).slice(2)}`;
	await pb.collection('conf_things').create({ title, amount: 1, kind: 'a' });
	await until(() => seen.of(title).length > 0);
}

conformance('realtime', (world) => {
	const open = [];
	const connect = (pb) => {
		open.push(pb);
		return pb;
	};
	afterEach(async () => {
		await Promise.all(open.splice(0).map((pb) => pb.realtime.unsubscribe()));
	});

	it('delivers creates, updates and deletes of a collection in order', async () => {
		const pb = connect(world.guest());
		const seen = inbox();
		await pb.collection('conf_things').subscribe('*', seen);
		const ada = await world.person('ada');
		const made = await ada.collection('conf_things').create({ title: 'lively' });
		await ada.collection('conf_things').update(made.id, { amount: 1 });
		await ada.collection('conf_things').delete(made.id);
		await until(() => seen.of('lively').length === 3);
		assert.deepEqual(seen.of('lively'), ['create', 'update', 'delete']);
		const [created, updated] = seen.events;
		assert.equal(created.record.id, made.id);
		assert.equal(created.record.collectionName, 'conf_things');
		assert.equal(updated.record.amount, 1);
		assert.ok(!('hush' in created.record));
	});

	it('delivers one record without its neighbours', async () => {
		const pb = connect(world.guest());
		const things = pb.collection('conf_things');
		const one = await things.create({ title: 'watched' });
		const other = await things.create({ title: 'unwatched' });
		const all = inbox();
		const seen = inbox();
		await things.subscribe('*', all);
		await things.subscribe(one.id, seen);
		await things.update(other.id, { amount: 1 });
		await things.update(one.id, { amount: 2 });
		await barrier(pb, all);
		assert.deepEqual(seen.events.map((event) => event.record.title), ['watched']);
	});

	it('delivers only what a filter lets through, with what is expanded', async () => {
		const pb = connect(world.guest());
		const seen = inbox();
		await pb.collection('conf_things').subscribe('*', seen,
			{ filter: 'amount > 10', expand: 'tags', fields: 'title,expand.tags.label' });
		const all = inbox();
		await pb.collection('conf_things').subscribe('*', all);
		await pb.collection('conf_things').create({ title: 'small', amount: 5, tags: [ids.red] });
		await pb.collection('conf_things').create({ title: 'large', amount: 50, tags: [ids.red] });
		await barrier(pb, all);
		assert.deepEqual(seen.events.map((event) => event.record),
			[{ title: 'large', expand: { tags: [{ label: 'red' }] } }]);
	});

	it('follows the rules, for whoever is signed in', async () => {
		const [ada, bob] = await Promise.all([world.person('ada'), world.person('bob')]);
		const [hers, his] = [inbox(), inbox()];
		await connect(ada).collection('conf_own').subscribe('*', hers);
		await connect(bob).collection('conf_own').subscribe('*', his);
		await bob.collection('conf_own').create({ note: 'his', owner: ids.bob });
		await ada.collection('conf_own').create({ note: 'hers', owner: ids.ada });
		await until(() => hers.events.length && his.events.length);
		assert.deepEqual(hers.events.map((event) => event.record.note), ['hers']);
		assert.deepEqual(his.events.map((event) => event.record.note), ['his']);
		const guest = connect(world.guest());
		const nothing = inbox();
		const all = inbox();
		await guest.collection('conf_own').subscribe('*', nothing);
		await guest.collection('conf_things').subscribe('*', all);
		await ada.collection('conf_own').create({ note: 'hers again', owner: ids.ada });
		await barrier(guest, all);
		assert.deepEqual(nothing.events, []);
	});

	it('sees as somebody else after a sign-in', async () => {
		const pb = connect(world.guest());
		const seen = inbox();
		await pb.collection('conf_own').subscribe('*', seen);
		await pb.collection('conf_people').authWithPassword('ada@example.com', 'person-password');
		await pb.collection('conf_own').unsubscribe('*');
		await pb.collection('conf_own').subscribe('*', seen);
		await pb.collection('conf_own').create({ note: 'after', owner: ids.ada });
		await until(() => seen.events.some((event) => event.record.note === 'after'));
	});

	it('refuses a connection that changes hands', async () => {
		const ada = connect(await world.person('ada'));
		await ada.collection('conf_own').subscribe('*', inbox());
		const bob = await world.person('bob');
		await fails(bob.send('/api/realtime', {
			method: 'POST', body: { clientId: ada.realtime.clientId, subscriptions: ['conf_own/*'] },
		}), 403);
		await fails(bob.send('/api/realtime', {
			method: 'POST', body: { clientId: 'nobody', subscriptions: [] },
		}), 404);
		await fails(bob.send('/api/realtime', { method: 'POST', body: {} }), 400);
	});

	it('ends a connection when its account goes', async () => {
		await world.root.collection('conf_people').create({
			email: 'leaving@example.com', password: 'person-password', passwordConfirm: 'person-password',
		});
		const pb = connect(world.guest());
		const { record } = await pb.collection('conf_people')
			.authWithPassword('leaving@example.com', 'person-password');
		const own = inbox();
		await pb.collection('conf_own').subscribe('*', own);
		await pb.collection('conf_own').create({ note: 'still here', owner: record.id });
		await until(() => own.events.length === 1);
		const watched = connect(world.guest());
		const all = inbox();
		await watched.collection('conf_things').subscribe('*', all);
		await world.root.collection('conf_people').delete(record.id);
		await world.root.collection('conf_own').create({ note: 'too late', owner: '' });
		await barrier(watched, all);
		assert.equal(own.events.filter((event) => event.record.note === 'too late').length, 0);
	});

	it('stops after an unsubscription', async () => {
		const pb = connect(world.guest());
		const [one, two] = [inbox(), inbox()];
		const stop = await pb.collection('conf_things').subscribe('*', one);
		await pb.collection('conf_things').subscribe('*', two);
		await stop();
		await pb.collection('conf_things').create({ title: 'after one stopped' });
		await barrier(pb, two);
		assert.deepEqual(one.events, []);
		assert.deepEqual(two.of('after one stopped'), ['create']);
		await pb.collection('conf_things').unsubscribe();
		assert.equal(pb.realtime.isConnected, false);
	});

	it('connects again by itself after a broken line, and goes on delivering', async (t) => {
		const line = await wire(world.server.port);
		t.after(() => line.close());
		const pb = connect(client(line));
		const seen = inbox();
		const connections = [];
		await pb.realtime.subscribe('PB_CONNECT', (event) => connections.push(event.clientId));
		await pb.collection('conf_things').subscribe('*', seen);
		const first = pb.realtime.clientId;
		line.cut();
		await until(() => pb.realtime.isConnected && pb.realtime.clientId !== first);
		await until(async () => {
			await pb.collection('conf_things').create({ title: 'after the break' });
			return seen.of('after the break').length > 0;
		});
		assert.equal(new Set(connections).size, connections.length);
		assert.ok(connections.length >= 2);
		await pb.realtime.unsubscribe();
	});

	it('delivers nothing of what was rolled back', async () => {
		const pb = connect(world.guest());
		const seen = inbox();
		await pb.collection('conf_things').subscribe('*', seen);
		const batch = pb.createBatch();
		batch.collection('conf_things').create({ title: 'rolled back' });
		batch.collection('conf_things').create({ title: 'x' });
		await fails(batch.send(), 400);
		await barrier(pb, seen);
		assert.deepEqual(seen.of('rolled back'), []);
	});
});
