// The same sequence of raw calls goes to this program and to PocketBase with
// nothing added. Status, headers and body of every answer must be the same to
// the byte, but for what differs by nature and for what is explained below.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { assertSame, describeResponse, normaliser } from './support/differ.mjs';
import { World } from './support/conformance.mjs';
import { until } from './support/server.mjs';
import { ids, picture } from './support/world.mjs';

// Headers that this program sets otherwise, the values it may give them, and why
// a client of PocketBase does not mind. Nothing else may differ.
const explained = {
	// it names the request in the log
	'x-request-id': /^[\w-]{8,64}$/,
	// browsers dropped this filter for the holes that it made
	'x-xss-protection': /^0$/,
	// nobody frames an answer of the API; what could be framed still can
	'x-frame-options': /^(DENY|SAMEORIGIN)$/,
	'referrer-policy': /^strict-origin-when-cross-origin$/,
	// CORS, which the SDKs use, is not what this one is about
	'cross-origin-resource-policy': /^(same-site|same-origin|cross-origin)$/,
	// a path that is none may be a page of the web app, which can be compressed
	vary: /^Origin(, Accept-Encoding)?$/,
	// a record's, for conditional requests, which the SDK does not make by itself
	etag: /^"[\w-]{22}(\.[\w-]{22})?"$/,
	// so that strangers who guess do not keep out whom it is known from
	'set-cookie': /^holdall_device=[\w.~-]+; Path=\/api\/collections\/; Max-Age=15552000; HttpOnly; SameSite=Lax$/,
	// a script of another origin may read it
	'access-control-expose-headers': /^ETag$/,
};

// What the web app's own pages get on top, where PocketBase has none.
const ofPages = ['content-security-policy', 'permissions-policy', 'cross-origin-opener-policy'];

/** Takes what is explained out of the headers of two answers. */
function explain(path, stock, holdall) {
	// files may be framed, as with PocketBase, and here their errors too
	if (path.startsWith('/api/files/') && !('x-frame-options' in holdall)) {
		delete stock['x-frame-options'];
	}
	for (const [name, allowed] of Object.entries(explained)) {
		if (name in holdall && allowed.test(holdall[name])) {
			delete holdall[name];
			delete stock[name];
		}
	}
	for (const name of ofPages) {
		if (!(name in stock)) {
			delete holdall[name];
		}
	}
}

const people = '/api/collections/conf_people';
const things = '/api/collections/conf_things/records';
const own = '/api/collections/conf_own/records';
const tags = '/api/collections/conf_tags/records';
const one = `${things}/thing0000000001`;
const list = (query) => `${things}?${new URLSearchParams(query)}`;

const json = (body) => ({ headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
const form = (fields) => {
	const data = new FormData();
	for (const [name, value] of Object.entries(fields)) {
		data.append(name, value);
	}
	return { body: data };
};
const sent = (method, path, body) => [method, path, json(body)];

/**
 * The script: sections of calls [method, path, init], made in order. A path or
 * init may be a function of what was kept, and `as` names who calls.
 */
const script = {
	'signing in': [
		['GET', `${people}/auth-methods`],
		sent('POST', `${people}/auth-with-password`, { identity: 'ada@example.com', password: 'person-password' }),
		sent('POST', `${people}/auth-with-password`, { identity: 'ada@example.com', password: 'wrong' }),
		sent('POST', `${people}/auth-with-password`, { identity: 7, password: [] }),
		sent('POST', `${people}/auth-with-password`, {}),
		sent('POST', `${people}/auth-with-password?fields=record.name`, { identity: 'bob@example.com', password: 'person-password' }),
		['POST', `${people}/auth-refresh`],
		['POST', `${people}/auth-refresh`, { as: 'ada' }],
		['POST', `${people}/auth-refresh?expand=x`, { as: 'root' }],
		sent('POST', `${people}/request-otp`, { email: 'ada@example.com' }),
		sent('POST', `${people}/request-otp`, { email: 'nobody@example.com' }),
		sent('POST', `${people}/request-otp`, { email: 'no address' }),
		sent('POST', `${people}/auth-with-otp`, { otpId: 'missing00000001', password: '12345678' }),
		sent('POST', `${people}/request-password-reset`, { email: 'ada@example.com' }),
		sent('POST', `${people}/request-password-reset`, { email: 'nobody@example.com' }),
		sent('POST', `${people}/confirm-password-reset`, { token: 'x', password: 'y', passwordConfirm: 'z' }),
		sent('POST', `${people}/request-verification`, { email: 'ada@example.com' }),
		sent('POST', `${people}/confirm-verification`, { token: 'x' }),
		sent('POST', `${people}/request-email-change`, { newEmail: 'new@example.com' }),
		sent('POST', `${people}/auth-with-oauth2`, { provider: 'google', code: 'x', redirectURL: 'https://example.com' }),
		sent('POST', `${people}/impersonate/${ids.bob}`, { duration: 60 }),
		['POST', `${people}/impersonate/${ids.bob}`, { as: 'root', ...json({ duration: 60 }) }],
		['POST', `${people}/impersonate/missing00000001`, { as: 'root', ...json({ duration: 60 }) }],
		['POST', '/api/collections/conf_tags/auth-refresh', { as: 'ada' }],
		['POST', '/api/collections/absent/auth-refresh'],
		['GET', '/api/oauth2-redirect?state=a&code=b'],
	],
	'writing records': [
		sent('POST', things, { id: 'thing0000000001', title: 'first', amount: 1.5, tags: [ids.red], data: { b: 1, a: [2] } }),
		sent('POST', things, { id: 'thing0000000002', title: 'second', owner: ids.ada, due: '2026-02-03', place: { lon: 1, lat: 2 } }),
		sent('POST', things, { title: 'third', kind: 'c', moods: ['wild'], active: 'true', count: '3' }),
		sent('POST', things, { title: 'unknown field', nothing: 1 }),
		sent('POST', things, {}),
		sent('POST', things, { title: 'x', amount: 'many', mail: 'm', link: 'l', kind: 'z', owner: 'o', due: 'soon', data: 'text' }),
		sent('POST', things, { id: 'thing0000000001', title: 'again' }),
		sent('POST', `${things}?expand=tags&fields=title,expand.tags.label`, { title: 'expanded', tags: [ids.red, ids.blue] }),
		['POST', things, form({ title: 'with a file', attachment: new File(['text'], 'Some Name.TXT'), images: new File([picture()], 'picture.png') })],
		['POST', things, form({ title: 'bad file', images: new File(['text'], 'picture.png') })],
		['POST', things, form({ '@jsonPayload': '{"title":"payload","data":{"x":1}}' })],
		['POST', things, { headers: { 'Content-Type': 'application/json' }, body: '{"title":' }],
		['POST', things, { headers: { 'Content-Type': 'application/xml' }, body: '<a/>' }],
		['POST', things],
		sent('PATCH', one, { 'amount+': 1, '+tags': ids.blue }),
		sent('PATCH', one, { title: '' }),
		sent('PATCH', `${things}/missing00000001`, { title: 'xx' }),
		sent('PUT', one, { title: 'put' }),
		['DELETE', one],
		['DELETE', `${things}/thing0000000002`, { as: 'ada' }],
		['DELETE', `${things}/thing0000000002`, { as: 'ada' }],
		sent('POST', own, { note: 'x', owner: ids.ada }),
		['POST', own, { as: 'ada', ...json({ id: 'owned0000000001', note: 'hers', owner: ids.ada }) }],
		['PATCH', `${own}/owned0000000001`, { as: 'bob', ...json({ note: 'his' }) }],
		sent('POST', '/api/collections/conf_locked/records', { note: 'x' }),
		sent('POST', '/api/collections/conf_totals/records', { title: 'x' }),
		sent('POST', `${people}/records`, { email: 'cy@example.com', password: 'short', passwordConfirm: 'other' }),
		sent('POST', `${people}/records`, { id: 'cy0000000000001', email: 'cy@example.com', password: 'long-enough', passwordConfirm: 'long-enough' }),
		sent('POST', `${people}/records`, { email: 'cy@example.com', password: 'long-enough', passwordConfirm: 'long-enough', verified: true }),
		sent('POST', `${people}/request-verification`, { email: 'cy@example.com' }),
		['PATCH', `${people}/records/${ids.ada}`, { as: 'ada', ...json({ name: 'Ada', emailVisibility: false, verified: false }) }],
		['PATCH', `${people}/records/${ids.ada}`, { as: 'ada', ...json({ password: 'next-password', passwordConfirm: 'next-password' }) }],
	],
	'reading records': [
		['GET', one],
		['GET', `${one}?expand=tags,owner&fields=*,expand.tags.id`],
		['GET', `${things}/missing00000001`],
		['GET', list({ sort: 'title' })],
		['GET', list({ perPage: 2, page: 2, sort: '-title' })],
		['GET', list({ perPage: 2, skipTotal: 1, sort: 'title', fields: 'title' })],
		['GET', list({ perPage: 5000, page: -3, fields: 'id,title', sort: 'title' })],
		['GET', list({ filter: 'title ~ "e" && amount >= 0', sort: 'title' })],
		['GET', list({ filter: 'title ~ "e" && nothing = 1' })],
		['GET', list({ filter: 'title = (' })],
		['GET', list({ filter: 'hush = "x"' })],
		['GET', list({ filter: '@collection.conf_locked.note = "x"' })],
		['GET', list({ sort: 'nothing' })],
		['GET', list({ filter: "title = '; DROP TABLE conf_things; --'" })],
		['GET', list({ fields: 'title,body:excerpt(3,true)', sort: 'title' }), { as: 'root' }],
		['GET', own],
		['GET', own, { as: 'ada' }],
		['GET', `${own}/owned0000000001`, { as: 'bob' }],
		['GET', `${own}/missing00000001`, { as: 'bob' }],
		['GET', `${people}/records?sort=name`],
		['GET', `${people}/records?sort=id`, { as: 'bob' }],
		['GET', `${people}/records?sort=id`, { as: 'root' }],
		['GET', '/api/collections/conf_locked/records'],
		['GET', '/api/collections/conf_totals/records?sort=title,id'],
		['GET', '/api/collections/absent/records'],
		['HEAD', one],
		['OPTIONS', one],
		['OPTIONS', one, { headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' } }],
		['GET', one, { headers: { Origin: 'https://app.example.com' } }],
		['GET', one, { headers: { Authorization: 'nonsense' } }],
		['GET', one, { headers: { 'Accept-Encoding': 'gzip' } }],
	],
	'batches': [
		['POST', '/api/batch', json({ requests: [
			{ method: 'POST', url: things, body: { id: 'batch0000000001', title: 'batched' } },
			{ method: 'PUT', url: things, body: { id: 'batch0000000001', amount: 4 } },
			{ method: 'PATCH', url: `${things}/batch0000000001?fields=amount`, body: { 'amount+': 1 } },
		] })],
		['POST', '/api/batch', json({ requests: [
			{ method: 'POST', url: things, body: { title: 'undone' } },
			{ method: 'POST', url: things, body: { title: '' } },
		] })],
		['POST', '/api/batch', json({ requests: [{ method: 'GET', url: things }] })],
		['POST', '/api/batch', json({ requests: [] })],
		['POST', '/api/batch', json({})],
	],
	'files': [
		['GET', (kept) => `/api/files/conf_things/${kept.file.id}/${kept.file.attachment}`],
		['GET', (kept) => `/api/files/conf_things/${kept.file.id}/${kept.file.attachment}?download=1`],
		['GET', (kept) => `/api/files/conf_things/${kept.file.id}/${kept.file.images[0]}`],
		['GET', (kept) => `/api/files/conf_things/${kept.file.id}/${kept.file.images[0]}?thumb=10x10`],
		['GET', (kept) => `/api/files/conf_things/${kept.file.id}/${kept.file.images[0]}?thumb=99x99`],
		['HEAD', (kept) => `/api/files/conf_things/${kept.file.id}/${kept.file.attachment}`],
		['GET', (kept) => `/api/files/conf_things/${kept.file.id}/${kept.file.attachment}`, { headers: { Range: 'bytes=1-2' } }],
		['GET', (kept) => `/api/files/conf_things/${kept.file.id}/missing.txt`],
		['GET', '/api/files/conf_things/missing00000001/missing.txt'],
		['GET', '/api/files/absent/missing00000001/missing.txt'],
		['POST', '/api/files/token'],
		['POST', '/api/files/token', { as: 'ada' }],
	],
	'the superuser API': [
		['GET', '/api/health'],
		['GET', '/api/health', { as: 'root' }],
		['HEAD', '/api/health'],
		['GET', '/api/settings'],
		['GET', '/api/settings', { as: 'ada' }],
		['PATCH', '/api/settings', { as: 'root', ...json({ meta: { appName: '', appURL: 'no url' } }) }],
		['GET', '/api/collections'],
		['GET', '/api/collections?filter=name~"conf_"&sort=name', { as: 'root' }],
		['GET', '/api/collections/conf_things', { as: 'root' }],
		['GET', '/api/collections/absent', { as: 'root' }],
		['GET', '/api/collections/meta/scaffolds', { as: 'root' }],
		['POST', '/api/collections', { as: 'root', ...json({ name: 'conf_new', fields: [{ name: 'a', type: 'text' }] }) }],
		['POST', '/api/collections', { as: 'root', ...json({ name: 'conf_new', listRule: 'x =' }) }],
		['PATCH', '/api/collections/conf_new', { as: 'root', ...json({ fields: [{ name: 'b', type: 'number' }], viewRule: '' }) }],
		['DELETE', '/api/collections/conf_new/truncate', { as: 'root' }],
		['DELETE', '/api/collections/conf_new', { as: 'root' }],
		['DELETE', '/api/collections/conf_tags', { as: 'root' }],
		['PUT', '/api/collections/import', { as: 'root', ...json({ collections: [] }) }],
		['GET', '/api/logs', { as: 'ada' }],
		['GET', '/api/logs/missing', { as: 'root' }],
		['GET', '/api/crons', { as: 'ada' }],
		['POST', '/api/crons/missing', { as: 'root' }],
		['GET', '/api/backups', { as: 'root' }],
		['POST', '/api/backups', { as: 'root', ...json({ name: 'bad name' }) }],
		['DELETE', '/api/backups/missing.zip', { as: 'root' }],
		['POST', '/api/sql', { as: 'ada', ...json({ query: 'SELECT 1' }) }],
		['POST', '/api/sql', { as: 'root', ...json({ query: 'SELECT 1 AS one' }) }],
		['POST', '/api/sql', { as: 'root', ...json({ query: 'SELEKT' }) }],
		['POST', '/api/realtime', json({ clientId: 'missing', subscriptions: [] })],
		['POST', '/api/realtime', json({})],
	],
	'paths that are none': [
		['GET', '/api'],
		['GET', '/api/'],
		['GET', '/api/absent'],
		['POST', '/api/health'],
		['DELETE', '/api/settings'],
		['GET', '/_'],
		['GET', '/_/'],
		['GET', '/_/absent.js'],
		['GET', '//api/health'],
	],
};

describe('the same calls get the same answers', () => {
	const worlds = [new World('stock'), new World('holdall')];
	const sides = [];

	before(async () => {
		for (const world of worlds) {
			await world.open();
			const tokens = { root: world.root.authStore.token };
			for (const name of ['ada', 'bob']) {
				tokens[name] = (await world.person(name)).authStore.token;
			}
			sides.push({ world, tokens, kept: {}, normalise: normaliser() });
		}
	});
	after(() => Promise.all(worlds.map((world) => world.close())));

	const pathOf = ([, path], { kept }) => (typeof path === 'function' ? path(kept) : path);
	const send = async (side, call) => {
		const { world, tokens, kept, normalise } = side;
		const [method, , init = {}] = call;
		const { as, headers, ...rest } = init;
		const response = await fetch(world.url + pathOf(call, side), {
			method, redirect: 'manual', ...rest,
			headers: { ...(as ? { Authorization: tokens[as] } : {}), ...headers },
		});
		const copy = response.clone();
		const answer = await describeResponse(response, normalise);
		if (init.body instanceof FormData && response.ok && !kept.file) {
			kept.file = await copy.json();
		}
		return answer;
	};

	for (const [section, calls] of Object.entries(script)) {
		it(section, async (t) => {
			for (const call of calls) {
				const [stock, holdall] = [await send(sides[0], call), await send(sides[1], call)];
				const [method, , init] = call;
				const path = pathOf(call, sides[0]);
				explain(path, stock.headers, holdall.headers);
				const title = `${method} ${path}${init?.as ? ` as ${init.as}` : ''}${
					typeof init?.body === 'string' ? ` ${init.body.slice(0, 80)}` : ''}`;
				await t.test(title, () => assertSame(holdall, stock));
			}
		});
	}

	it('realtime messages', async () => {
		const heard = [];
		for (const { world, normalise } of sides) {
			const stream = await fetch(`${world.url}/api/realtime`);
			const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
			let text = '';
			const readUntil = async (pattern) => {
				while (!pattern.test(text)) {
					const { done, value } = await reader.read();
					assert.ok(!done, `the stream ended after ${text}`);
					text += value;
				}
			};
			await readUntil(/\n\n/);
			const [, clientId] = text.match(/"clientId":"(\w+)"/);
			const subscribed = await fetch(`${world.url}/api/realtime`, {
				method: 'POST',
				...json({ clientId, subscriptions: ['conf_tags/*', 'conf_tags?options={"query":{"fields":"label"}}'] }),
			});
			const made = await fetch(world.url + tags, { method: 'POST', ...json({ id: 'tagheard0000001', label: 'heard' }) });
			await made.arrayBuffer();
			await readUntil(/heard.*\n\n[^]*heard.*\n\n/);
			await reader.cancel();
			const messages = normalise(text.replaceAll(clientId, '<client>')).split('\n\n').sort();
			const type = stream.headers.get('content-type');
			heard.push({ type, caching: stream.headers.get('cache-control'), subscribed: subscribed.status, messages });
		}
		assert.deepEqual(heard[1], heard[0]);
		assert.equal(heard[0].subscribed, 204);
	});

	it('the same mail was sent', async () => {
		const subjects = (world) => world.mail.messages
			.map((message) => `${message.to}: ${message.text.match(/Subject: (.*)/)[1].trim()}`).sort();
		await until(() => worlds.every((world) => world.mail.messages.length >= 3));
		assert.deepEqual(subjects(worlds[1]), subjects(worlds[0]));
	});
});
