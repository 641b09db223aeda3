import assert from 'node:assert/strict';
import { before, it } from 'node:test';

import { conformance, fails } from './support/conformance.mjs';
import { ids } from './support/world.mjs';

const time = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/;

conformance('records', (world) => {
	let things;
	before(async () => {
		things = world.guest().collection('conf_things');
		for (let n = 1; n <= 25; n++) {
			await things.create({
				title: `thing ${String(n).padStart(2, '0')}`,
				amount: n, count: n % 5, active: n % 2 === 0,
				kind: 'abc'[n % 3], owner: n % 2 ? ids.ada : ids.bob,
				tags: n % 3 ? [ids.red] : [ids.red, ids.blue],
				due: `2026-01-${String(n).padStart(2, '0')} 10:00:00.000Z`,
				place: { lon: 13 + n / 100, lat: 52 },
			});
		}
	});

	it('keeps every kind of field as it was given', async () => {
		const given = {
			title: 'everything', body: '<p>some <b>text</b></p>', amount: -1.5, count: 7, active: true,
			mail: 'someone@example.com', link: 'https://example.com/a?b=c', due: '2026-02-03 04:05:06.789Z',
			kind: 'b', moods: ['calm', 'odd'], data: { a: [1, null, 'x'], b: { c: true } },
			place: { lon: 13.4, lat: 52.5 }, owner: ids.ada, tags: [ids.blue, ids.red],
		};
		const made = await things.create({ ...given, hush: 'not shown' });
		const got = await things.getOne(made.id);
		for (const [field, value] of Object.entries(given)) {
			assert.deepEqual(got[field], value, field);
		}
		assert.match(got.created, time);
		assert.match(got.updated, time);
		assert.equal(got.collectionName, 'conf_things');
		assert.ok(!('hush' in got), 'a hidden field is shown');
		assert.deepEqual(made, got);
		const asRoot = world.root.collection('conf_things');
		assert.equal((await asRoot.getOne(made.id)).hush, '', 'a guest set a hidden field');
		assert.equal((await asRoot.update(made.id, { hush: 'set' })).hush, 'set');
	});

	it('gives empty fields their zero values', async () => {
		const made = await things.create({ title: 'bare' });
		const { id, collectionId, created, updated, ...rest } = made;
		assert.match(id, /^[a-z0-9]{15}$/);
		assert.deepEqual(rest, {
			collectionName: 'conf_things', title: 'bare', body: '', amount: 0, count: 0, active: false,
			mail: '', link: '', due: '', kind: '', moods: [], data: null, place: { lon: 0, lat: 0 },
			attachment: '', images: [], owner: '', tags: [],
		});
	});

	it('names the field and the code of what it refuses', async () => {
		const error = await fails(things.create({
			title: 'x', amount: 5000, count: 1.5, mail: 'someone@blocked.example', link: 'nowhere',
			kind: 'z', moods: ['calm', 'wild', 'odd'], owner: 'nobody000000001', place: { lon: 500, lat: 0 },
			data: '{"broken',
		}), 400, {
			title: 'validation_min_text_constraint', amount: 'validation_max_number_constraint',
			count: 'validation_only_int_constraint', mail: 'validation_email_domain_not_allowed',
			link: 'validation_invalid_url', kind: 'validation_invalid_value', moods: 'validation_too_many_values',
			owner: 'validation_missing_rel_records', place: 'validation_invalid_longitude',
		});
		assert.equal(error.response.message, 'Failed to create record.');
		await fails(things.create({}), 400, { title: 'validation_required' });
		await fails(things.create({ title: '<b>' }), 400, { title: 'validation_invalid_format' });
		await fails(things.create({ title: 'ok', data: 'x'.repeat(1 << 20) + 'y' }), 400,
			{ data: 'validation_json_size_limit' });
		await fails(world.guest().collection('conf_tags').create({ label: 'red' }), 400,
			{ label: 'validation_not_unique' });
	});

	it('updates only what it is given, with modifiers', async () => {
		const made = await things.create({ title: 'modified', amount: 10, tags: [ids.red], moods: ['calm'] });
		const updated = await things.update(made.id, { 'amount+': 5, 'tags+': ids.blue, 'moods+': 'wild' });
		assert.equal(updated.amount, 15);
		assert.deepEqual(updated.tags, [ids.red, ids.blue]);
		assert.deepEqual(updated.moods, ['calm', 'wild']);
		assert.equal(updated.title, 'modified');
		assert.equal(updated.created, made.created);
		const less = await things.update(made.id, { 'amount-': 20, 'tags-': [ids.red], '+moods': [] });
		assert.equal(less.amount, -5);
		assert.deepEqual(less.tags, [ids.blue]);
		await fails(things.update('missing00000001', { title: 'xx' }), 404);
	});

	it('deletes once, and only whom the rule allows', async () => {
		const made = await things.create({ title: 'to be deleted' });
		await fails(things.delete(made.id), 404);
		const ada = await world.person('ada');
		assert.equal(await ada.collection('conf_things').delete(made.id), true);
		await fails(ada.collection('conf_things').delete(made.id), 404);
		await fails(things.getOne(made.id), 404);
	});

	it('pages, counts and leaves the count out', async () => {
		const options = { filter: 'title ~ "thing "', sort: 'title' };
		const page = await things.getList(2, 10, options);
		assert.deepEqual([page.page, page.perPage, page.totalItems, page.totalPages], [2, 10, 25, 3]);
		assert.deepEqual(page.items.map((item) => item.amount), [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
		const uncounted = await things.getList(3, 10, { ...options, skipTotal: true });
		assert.deepEqual([uncounted.totalItems, uncounted.totalPages, uncounted.items.length], [-1, -1, 5]);
		const beyond = await things.getList(9, 10, options);
		assert.deepEqual([beyond.items.length, beyond.totalItems], [0, 25]);
		const all = await things.getFullList({ ...options, batch: 7 });
		assert.equal(all.length, 25);
	});

	it('sorts by several fields, in both directions and by relation', async () => {
		const sorted = await things.getFullList({ filter: 'title ~ "thing "', sort: '-count,+amount' });
		const want = [...sorted].sort((a, b) => b.count - a.count || a.amount - b.amount);
		assert.deepEqual(sorted.map((item) => item.id), want.map((item) => item.id));
		const ada = await world.person('ada');
		const byOwner = await ada.collection('conf_things').getList(1, 1, { filter: 'title ~ "thing "', sort: '-owner.name,-amount' });
		assert.equal(byOwner.items[0].amount, 24);
		assert.equal((await things.getList(1, 3, { sort: '@random' })).items.length, 3);
		await fails(things.getList(1, 1, { sort: 'nothing' }), 400);
	});

	const filters = [
		['equality', 'amount = 3', 1],
		['difference', 'kind != "a"', 17],
		['order', 'amount > 20 && amount <= 23', 3],
		['like', 'title ~ "ing 1"', 10],
		['unlike', 'title !~ "thing 0"', 16],
		['either', 'amount = 1 || amount = 2', 2],
		['brackets', '(amount = 1 || amount = 2) && active = true', 1],
		['a relation', 'owner.name = "bob"', 12],
		['any of several', 'tags.label ?= "blue"', 8],
		['all of several', 'tags.label = "red"', 17],
		['a back-relation', 'owner.conf_things_via_owner.amount ?= 2', 12],
		['length', 'tags:length = 2', 8],
		['each', 'tags:each != ""', 25],
		['lower case', 'title:lower = "thing 07"', 1],
		['a date', 'due >= "2026-01-20 00:00:00"', 6],
		['a day macro', 'due < @now || due >= @now', 25],
		['a distance', 'geoDistance(place.lon, place.lat, 13, 52) < 2', 2],
		['a comment', 'amount = 4 // four', 1],
	];
	for (const [name, filter, count] of filters) {
		it(`filters by ${name}`, async () => {
			const ada = await world.person('ada');
			const list = await ada.collection('conf_things')
				.getList(1, 50, { filter: `title ~ "thing " && (${filter}\n)` });
			assert.equal(list.totalItems, count, filter);
		});
	}

	it('filters by a relation only as far as the rules let see', async () => {
		const list = await things.getList(1, 1, { filter: 'owner.name = "bob"' });
		assert.equal(list.totalItems, 0);
	});

	it('binds values into a filter safely', async () => {
		const pb = world.guest();
		const quoted = `it's "quoted" \\ here`;
		await things.create({ title: quoted });
		const found = await things.getFirstListItem(pb.filter('title = {:title}', { title: quoted }));
		assert.equal(found.title, quoted);
		const dated = await things.getFirstListItem(
			pb.filter('due = {:due}', { due: new Date('2026-01-05T10:00:00Z') }));
		assert.equal(dated.amount, 5);
	});

	it('refuses filters that make no sense or reach what is hidden', async () => {
		for (const filter of ['nothing = 1', 'amount =', 'amount ? 1', '(amount = 1', 'hush = "x"',
			'owner.secret = "hidden"', 'owner.password = "x"']) {
			await fails(things.getList(1, 1, { filter }), 400);
		}
		await fails(things.getList(1, 1, { filter: '@collection.conf_locked.note = "x"' }), 403);
	});

	it('finds the first of a list, or says that there is none', async () => {
		const first = await things.getFirstListItem('amount > 20', { sort: 'amount' });
		assert.equal(first.amount, 21);
		// the SDK makes these two errors by itself
		const none = await things.getFirstListItem('amount = 999').catch((error) => error);
		const nameless = await things.getOne('').catch((error) => error);
		assert.deepEqual([none.status, nameless.status], [404, 404]);
	});

	it('expands relations there and back, as far as the rules let see', async () => {
		const { id } = await things.getFirstListItem('amount = 3');
		const guest = await things.getOne(id, { expand: 'owner,tags' });
		assert.equal(guest.expand.owner, undefined, 'a guest sees a person');
		assert.deepEqual(guest.expand.tags.map((tag) => tag.label), ['red', 'blue']);
		const ada = await world.person('ada');
		const seen = await ada.collection('conf_things').getOne(id, { expand: 'owner' });
		assert.equal(seen.expand.owner.name, 'ada');
		assert.ok(!('secret' in seen.expand.owner));
		const back = await ada.collection('conf_tags').getOne(ids.blue, {
			expand: 'conf_things_via_tags.owner',
		});
		assert.ok(back.expand.conf_things_via_tags.length >= 8);
		assert.ok(back.expand.conf_things_via_tags.some((thing) => thing.expand?.owner?.name === 'bob'));
		const unknown = await things.getOne(id, { expand: 'nothing' });
		assert.equal(unknown.expand, undefined);
	});

	it('answers with the fields that were asked for', async () => {
		const list = await things.getList(1, 1, {
			filter: 'amount = 3', expand: 'tags', fields: 'title,amount,expand.tags.label,body:excerpt(5,true)',
		});
		assert.deepEqual(list.items[0], {
			title: 'thing 03', amount: 3, body: '', expand: { tags: [{ label: 'red' }, { label: 'blue' }] },
		});
		const made = await things.create({ title: 'long', body: '<p>a long story</p>' },
			{ fields: 'body:excerpt(6,true)' });
		assert.deepEqual(made, { body: 'a long...' });
	});

	it('shows a list that nobody may see as empty, and a locked one not at all', async () => {
		const guest = world.guest();
		assert.equal((await guest.collection('conf_own').getList()).totalItems, 0);
		await fails(guest.collection('conf_own').create({ note: 'x', owner: ids.ada }), 400);
		await fails(guest.collection('conf_locked').getList(), 403);
		await fails(guest.collection('conf_locked').getOne('missing00000001'), 403);
		await fails(guest.collection('conf_locked').create({ note: 'x' }), 403);
		await fails(guest.collection('conf_absent').getList(), 404);
		const ada = await world.person('ada');
		const bob = await world.person('bob');
		const own = await ada.collection('conf_own').create({ note: 'hers', owner: ids.ada });
		const hidden = await fails(bob.collection('conf_own').getOne(own.id), 404);
		const missing = await fails(bob.collection('conf_own').getOne('missing00000001'), 404);
		assert.deepEqual(hidden.response, missing.response);
		await fails(bob.collection('conf_own').update(own.id, { note: 'his' }), 404);
		await fails(bob.collection('conf_own').delete(own.id), 404);
		assert.equal((await world.root.collection('conf_locked').create({ note: 'kept' })).note, 'kept');
	});

	it('reads a view and refuses to write it', async () => {
		const { id } = await things.getFirstListItem('amount = 3');
		const totals = world.guest().collection('conf_totals');
		assert.equal((await totals.getOne(id)).tagged, 2);
		assert.ok((await totals.getList(1, 5, { sort: '-tagged' })).totalItems >= 25);
		await fails(totals.create({ title: 'xx' }), 400);
		await fails(totals.delete(id), 400);
	});

	it('takes an id that was chosen, once', async () => {
		const made = await things.create({ id: 'chosen000000001', title: 'chosen' });
		assert.equal(made.id, 'chosen000000001');
		await fails(things.create({ id: 'chosen000000001', title: 'again' }), 400,
			{ id: 'validation_not_unique' });
		await fails(things.create({ id: 'short', title: 'short' }), 400,
			{ id: 'validation_min_text_constraint' });
	});

	it('unsets a relation when what it points to goes', async () => {
		const root = world.root;
		const tag = await root.collection('conf_tags').create({ label: 'passing' });
		const made = await things.create({ title: 'tagged', tags: [ids.red, tag.id] });
		await root.collection('conf_tags').delete(tag.id);
		assert.deepEqual((await things.getOne(made.id)).tags, [ids.red]);
	});
});
