// Repeated writes and conditional requests, as an app makes them with the
// official SDK.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { World, fails } from './support/conformance.mjs';

const things = '/api/collections/conf_things/records';

describe('idempotency', () => {
	const world = new World('holdall');
	before(() => world.open());
	after(() => world.close());

	/** Collects what the SDK was answered with, in `seen`. */
	async function watching(name) {
		const pb = await world.person(name);
		const seen = [];
		pb.afterSend = (response, data) => {
			seen.push(response);
			return data;
		};
		return { pb, seen, collection: pb.collection('conf_things') };
	}

	const replayed = (seen) => seen.map((response) => response.headers.get('Idempotency-Replayed'));

	it('creates one record however often the SDK sends it', async () => {
		const { collection, seen } = await watching('ada');
		const options = { headers: { 'Idempotency-Key': randomUUID() } };
		const answers = await Promise.all(
			Array.from({ length: 20 }, () => collection.create({ title: 'only one' }, options)),
		);
		assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
		assert.equal((await collection.getFullList({ filter: 'title = "only one"' })).length, 1);
		assert.deepEqual(replayed(seen).slice(0, 20).sort(), ['false', ...Array(19).fill('true')]);
	});

	it('gives every write a key in one place', async () => {
		const { pb, collection, seen } = await watching('ada');
		let lost = true;
		// the app's retry: the first answer gets lost on its way
		pb.beforeSend = (url, options) => {
			if (options.method !== 'GET') {
				options.headers = { 'Idempotency-Key': randomUUID(), ...options.headers };
			}
			options.fetch = async (...args) => {
				const response = await fetch(...args);
				if (lost) {
					lost = false;
					await response.arrayBuffer();
					return fetch(...args);
				}
				return response;
			};
			return { url, options };
		};
		const made = await collection.create({ title: 'sent twice', count: 1 });
		assert.equal((await collection.getFullList({ filter: 'title = "sent twice"' })).length, 1);
		lost = true;
		await collection.update(made.id, { 'count+': 1 });
		assert.equal((await collection.getOne(made.id)).count, 2);
		lost = true;
		await collection.delete(made.id);
		await fails(collection.getOne(made.id), 404);
		// and so do sign-in, realtime and the files' tokens, which ignore it
		await pb.collection('conf_people').authWithPassword('ada@example.com', 'person-password');
		await collection.subscribe('*', () => {});
		await collection.unsubscribe('*');
		assert.equal(typeof await pb.files.getToken(), 'string');
		assert.deepEqual(replayed(seen).filter((value) => value !== null), ['true', 'true', 'true']);
	});

	it('replays batches and uploads, which the SDK packs anew each time', async () => {
		const { pb, collection, seen } = await watching('ada');
		const headers = { 'Idempotency-Key': randomUUID() };
		const upload = () =>
			collection.create(
				{ title: 'with a file', attachment: new File(['content'], 'a.txt', { type: 'text/plain' }) },
				{ headers },
			);
		assert.deepEqual(await upload(), await upload());

		const send = async () => {
			const batch = pb.createBatch();
			batch.collection('conf_things').create({ title: 'first of two' });
			batch.collection('conf_things').create({ title: 'second of two' });
			return batch.send({ headers: { 'Idempotency-Key': 'batch-1' } });
		};
		assert.deepEqual(await send(), await send());
		assert.equal((await collection.getFullList({ filter: 'title ~ "of two"' })).length, 2);
		assert.deepEqual(replayed(seen).slice(0, 4), ['false', 'true', 'false', 'true']);
	});

	it('tells why it refuses', async () => {
		const { collection } = await watching('ada');
		const code = (error) => error.response.data.code;
		await collection.create({ title: 'used' }, { headers: { 'Idempotency-Key': 'used' } });
		const reused = collection.create({ title: 'other' }, { headers: { 'Idempotency-Key': 'used' } });
		assert.equal(code(await reused.catch((error) => error)), 'idempotency_key_reused');
		const invalid = await collection.create({ title: 'other' }, { headers: { 'Idempotency-Key': 'not valid' } }).catch((error) => error);
		assert.deepEqual([invalid.status, code(invalid)], [400, 'idempotency_key_invalid']);
		// somebody else's key of the same name is another
		const bob = await watching('bob');
		assert.equal((await bob.collection.create({ title: 'other' }, { headers: { 'Idempotency-Key': 'used' } })).title, 'other');
		// a refused write leaves the key free
		await fails(collection.create({ title: 'x' }, { headers: { 'Idempotency-Key': 'again' } }), 400);
		assert.equal((await collection.create({ title: 'xy' }, { headers: { 'Idempotency-Key': 'again' } })).title, 'xy');
	});

	it('lets one of two editors win', async () => {
		const ada = await watching('ada');
		const bob = await watching('bob');
		const made = await ada.collection.create({ title: 'shared' });
		const tags = await Promise.all([ada, bob].map(async ({ collection, seen }) => {
			await collection.getOne(made.id, { expand: 'tags' });
			return seen.at(-1).headers.get('ETag');
		}));
		const edits = await Promise.allSettled([
			ada.collection.update(made.id, { title: 'by ada' }, { headers: { 'If-Match': tags[0] } }),
			bob.collection.update(made.id, { title: 'by bob' }, { headers: { 'If-Match': tags[1] } }),
		]);
		assert.deepEqual(edits.map((edit) => edit.status).sort(), ['fulfilled', 'rejected']);
		const { reason } = edits.find((edit) => edit.status === 'rejected');
		assert.deepEqual([reason.status, reason.response.data.code], [412, 'precondition_failed']);

		// the answer to an update has the tag for the next one
		const winner = edits[0].status === 'fulfilled' ? ada : bob;
		const next = winner.seen.findLast((response) => response.ok).headers.get('ETag');
		await winner.collection.delete(made.id, { headers: { 'If-Match': next } });
	});

	it('sends a record that has not changed only once', async () => {
		const { pb, collection, seen } = await watching('ada');
		const made = await collection.create({ title: 'unchanged' });
		const one = `${world.url}${things}/${made.id}`;
		const headers = { Authorization: pb.authStore.token };
		const first = await fetch(one, { headers });
		assert.equal(first.headers.get('ETag'), seen[0].headers.get('ETag'));
		await first.arrayBuffer();
		const again = await fetch(one, { headers: { ...headers, 'If-None-Match': first.headers.get('ETag') } });
		assert.deepEqual([again.status, (await again.arrayBuffer()).byteLength], [304, 0]);
		await collection.update(made.id, { title: 'changed' });
		const changed = await fetch(one, { headers: { ...headers, 'If-None-Match': first.headers.get('ETag') } });
		assert.equal((await changed.json()).title, 'changed');
	});
});
