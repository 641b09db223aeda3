import assert from 'node:assert/strict';
import { it } from 'node:test';

import { conformance, fails } from './support/conformance.mjs';
import { ids } from './support/world.mjs';

conformance('batch', (world) => {
	it('creates, updates, upserts and deletes in one call', async () => {
		const ada = await world.person('ada');
		const things = ada.collection('conf_things');
		const old = await things.create({ title: 'old one' });
		const leaving = await things.create({ title: 'leaving' });

		const batch = ada.createBatch();
		batch.collection('conf_things').create({ title: 'made in a batch' });
		batch.collection('conf_things').update(old.id, { title: 'renamed' });
		batch.collection('conf_things').upsert({ id: old.id, amount: 9 });
		batch.collection('conf_things').upsert({ id: 'upserted0000001', title: 'put there' });
		batch.collection('conf_things').delete(leaving.id);
		const results = await batch.send();

		assert.deepEqual(results.map((result) => result.status), [200, 200, 200, 200, 204]);
		assert.equal(results[0].body.title, 'made in a batch');
		const changed = await things.getOne(old.id);
		assert.deepEqual([changed.title, changed.amount], ['renamed', 9]);
		assert.equal((await things.getOne('upserted0000001')).title, 'put there');
		await fails(things.getOne(leaving.id), 404);
	});

	it('undoes everything when one of its calls fails, and says which', async () => {
		const ada = await world.person('ada');
		const before = (await ada.collection('conf_things').getList(1, 1)).totalItems;
		const batch = ada.createBatch();
		batch.collection('conf_things').create({ title: 'never seen' });
		batch.collection('conf_things').create({ title: 'x' });
		const error = await fails(batch.send(), 400);
		assert.deepEqual(Object.keys(error.response.data.requests), ['1']);
		const failed = error.response.data.requests['1'];
		assert.equal(failed.code, 'batch_request_failed');
		assert.equal(failed.response.status, 400);
		assert.equal(failed.response.data.title.code, 'validation_min_text_constraint');
		assert.equal((await ada.collection('conf_things').getList(1, 1)).totalItems, before);
	});

	it('keeps the rules of each collection', async () => {
		const ada = await world.person('ada');
		const batch = ada.createBatch();
		batch.collection('conf_own').create({ note: 'for somebody else', owner: ids.bob });
		const error = await fails(batch.send(), 400);
		assert.equal(error.response.data.requests['0'].response.status, 400);
		const locked = ada.createBatch();
		locked.collection('conf_locked').create({ note: 'x' });
		assert.equal((await fails(locked.send(), 400)).response.data.requests['0'].response.status, 403);
	});

	it('takes files', async () => {
		const ada = await world.person('ada');
		const batch = ada.createBatch();
		batch.collection('conf_things').create({
			title: 'with a file', attachment: new File(['batched'], 'batch.txt', { type: 'text/plain' }),
		});
		const [{ body }] = await batch.send();
		assert.equal(await (await fetch(ada.files.getURL(body, body.attachment))).text(), 'batched');
	});

	it('refuses more calls than allowed, and other paths', async () => {
		const ada = await world.person('ada');
		const batch = ada.createBatch();
		for (let n = 0; n < 21; n++) {
			batch.collection('conf_tags').create({ label: `tag ${n}` });
		}
		await fails(batch.send(), 400, { requests: 'validation_length_too_long' });
		await fails(ada.createBatch().send(), 400, { requests: 'validation_required' });
		await fails(ada.send('/api/batch', {
			method: 'POST', body: { requests: [{ method: 'GET', url: '/api/settings' }] },
		}), 400);
	});

	it('can be switched off', async () => {
		await world.root.settings.update({ batch: { enabled: false } });
		try {
			const batch = world.guest().createBatch();
			batch.collection('conf_tags').create({ label: 'off' });
			await fails(batch.send(), 403);
		} finally {
			await world.root.settings.update({ batch: { enabled: true } });
		}
	});
});
