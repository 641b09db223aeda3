import assert from 'node:assert/strict';
import { before, it } from 'node:test';

import { conformance, fails } from './support/conformance.mjs';
import { ids, picture } from './support/world.mjs';

const text = (content, name = 'note.txt') => new File([content], name, { type: 'text/plain' });
const image = (name) => new File([picture()], name, { type: 'image/png' });

/** Width and height of a PNG. */
async function size(response) {
	const png = Buffer.from(await response.arrayBuffer());
	assert.equal(png.toString('latin1', 1, 4), 'PNG');
	return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

conformance('files', (world) => {
	let things, guest, made;
	before(async () => {
		guest = world.guest();
		things = guest.collection('conf_things');
		made = await things.create({
			title: 'with files', attachment: text('hello file', 'My Note.txt'),
			images: [image('one.png'), image('two.png')],
			data: { kept: 'beside files' }, amount: 3, place: { lon: 1, lat: 2 }, moods: ['calm', 'wild'],
		});
	});

	it('stores what is uploaded under a name of its own', () => {
		assert.match(made.attachment, /^my_note_[a-z0-9]{10}\.txt$/);
		assert.equal(made.images.length, 2);
		assert.match(made.images[0], /^one_[a-z0-9]{10}\.png$/);
		assert.deepEqual([made.data, made.amount, made.moods],
			[{ kept: 'beside files' }, 3, ['calm', 'wild']]);
		assert.deepEqual(made.place, { lon: 1, lat: 2 });
	});

	it('serves it back, inline or as a download', async () => {
		const plain = await fetch(guest.files.getURL(made, made.attachment));
		assert.equal(plain.status, 200);
		assert.equal(await plain.text(), 'hello file');
		assert.match(plain.headers.get('content-type'), /^text\/plain/);
		assert.match(plain.headers.get('content-disposition'), /^attachment/);
		assert.match(plain.headers.get('content-security-policy'), /sandbox/);
		const shown = await fetch(guest.files.getURL(made, made.images[0]));
		assert.match(shown.headers.get('content-disposition'), /^inline/);
		assert.deepEqual(await size(shown), [20, 10]);
		const download = await fetch(guest.files.getURL(made, made.images[0], { download: true }));
		assert.match(download.headers.get('content-disposition'), /^attachment/);
		await download.arrayBuffer();
	});

	it('answers ranges and conditions', async () => {
		const url = guest.files.getURL(made, made.attachment);
		const part = await fetch(url, { headers: { Range: 'bytes=0-4' } });
		assert.equal(part.status, 206);
		assert.equal(await part.text(), 'hello');
		assert.equal(part.headers.get('content-range'), 'bytes 0-4/10');
		const beyond = await fetch(url, { headers: { Range: 'bytes=50-60' } });
		assert.equal(beyond.status, 416);
		await beyond.text();
		const head = await fetch(url, { method: 'HEAD' });
		assert.equal(head.headers.get('content-length'), '10');
		const unchanged = await fetch(url, {
			headers: { 'If-Modified-Since': head.headers.get('last-modified') },
		});
		assert.equal(unchanged.status, 304);
	});

	const thumbs = [['10x10', [10, 10]], ['0x8', [16, 8]], ['12x6f', [12, 6]], ['7x7', [20, 10]]];
	for (const [thumb, want] of thumbs) {
		it(`serves the thumb ${thumb} as ${want.join(' by ')}`, async () => {
			const response = await fetch(guest.files.getURL(made, made.images[0], { thumb }));
			assert.equal(response.status, 200);
			assert.deepEqual(await size(response), want);
		});
	}

	it('has no thumb of what is no picture', async () => {
		const response = await fetch(guest.files.getURL(made, made.attachment, { thumb: '100x100' }));
		assert.equal(await response.text(), 'hello file');
	});

	it('shows a protected file to whom the rule lets see it, by a token', async () => {
		const [ada, bob] = await Promise.all([world.person('ada'), world.person('bob')]);
		const own = await ada.collection('conf_own').create({ owner: ids.ada, paper: text('for her eyes') });
		const read = async (pb, token) => {
			const response = await fetch(pb.files.getURL(own, own.paper, token ? { token } : {}));
			return [response.status, await response.text()];
		};
		const token = await ada.files.getToken();
		assert.deepEqual(await read(ada, token), [200, 'for her eyes']);
		for (const other of [undefined, `${token}x`, ada.authStore.token, await bob.files.getToken()]) {
			assert.equal((await read(ada, other))[0], 404);
		}
		await fails(guest.files.getToken(), 401);
	});

	it('refuses what is too big or of another type', async () => {
		await fails(things.create({ title: 'big', attachment: text('x'.repeat(200_001)) }), 400,
			{ attachment: 'validation_file_size_limit' });
		await fails(things.create({ title: 'no picture', images: [text('plain', 'x.png')] }), 400,
			{ images: 'validation_invalid_mime_type' });
		await fails(things.create({
			title: 'many', images: ['a.png', 'b.png', 'c.png', 'd.png'].map(image),
		}), 400, { images: 'validation_too_many_files' });
		await fails(things.create({ title: 'invented', attachment: 'not_uploaded.txt' }), 400,
			{ attachment: 'validation_invalid_file' });
	});

	it('adds, replaces and removes files, and what is removed is gone', async () => {
		const record = await things.create({ title: 'changing', images: [image('one.png')] });
		const more = await things.update(record.id, { 'images+': [image('two.png')] });
		assert.equal(more.images.length, 2);
		const [one, two] = more.images;
		const fewer = await things.update(record.id, { 'images-': [one] });
		assert.deepEqual(fewer.images, [two]);
		const gone = await fetch(guest.files.getURL(fewer, one));
		assert.equal(gone.status, 404);
		await gone.text();
		const none = await things.update(record.id, { images: [] });
		assert.deepEqual(none.images, []);
	});

	it('deletes the files with the record', async () => {
		const record = await things.create({ title: 'leaving', attachment: text('bye') });
		const url = guest.files.getURL(record, record.attachment);
		assert.equal(await (await fetch(url)).text(), 'bye');
		await (await world.person('ada')).collection('conf_things').delete(record.id);
		const gone = await fetch(url);
		assert.equal(gone.status, 404);
		await gone.text();
	});

	it('takes fields that are not files as JSON in a form', async () => {
		const form = new FormData();
		form.append('@jsonPayload', JSON.stringify({ title: 'by form', data: [1, 2], active: true }));
		form.append('attachment', text('in a form'));
		const record = await things.create(form);
		assert.deepEqual([record.title, record.data, record.active], ['by form', [1, 2], true]);
		assert.match(record.attachment, /^note_/);
	});

	it('does not serve paths outside the record', async () => {
		for (const path of ['..%2f..%2fdata.db', '%2e%2e/data.db', '..', 'nothing.txt']) {
			const response = await fetch(`${world.url}/api/files/conf_things/${made.id}/${path}`);
			await response.text();
			assert.ok([404, 307].includes(response.status), `${path}: got ${response.status}`);
		}
	});
});
