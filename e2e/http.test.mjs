import assert from 'node:assert/strict';
import { it } from 'node:test';

import { conformance, fails } from './support/conformance.mjs';
import { ids } from './support/world.mjs';

conformance('HTTP', (world) => {
	const call = async (path, init) => {
		const response = await fetch(world.url + path, { redirect: 'manual', ...init });
		const text = await response.text();
		return { status: response.status, headers: response.headers, text };
	};
	const json = async (path, init) => {
		const { text, ...rest } = await call(path, init);
		return { ...rest, body: JSON.parse(text) };
	};

	it('is healthy', async () => {
		const health = await world.guest().health.check();
		assert.equal(health.code, 200);
		assert.match(health.message, /healthy/);
	});

	it('answers a path that is none in the shape of every error', async () => {
		for (const path of ['/api/nothing', '/api/collections/conf_tags/nothing']) {
			const { status, body, headers } = await json(path);
			assert.equal(status, 404);
			assert.deepEqual(body, { data: {}, message: "The requested resource wasn't found.", status: 404 });
			assert.match(headers.get('content-type'), /^application\/json/);
		}
	});

	it('answers HEAD like GET without a body', async () => {
		const path = `/api/collections/conf_tags/records/${ids.red}`;
		const [head, get] = [await call(path, { method: 'HEAD' }), await call(path)];
		assert.equal(head.status, 200);
		assert.equal(head.text, '');
		assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
	});

	it('refuses bodies that are not what they say', async () => {
		const path = '/api/collections/conf_tags/records';
		for (const [type, body] of [
			['application/json', '{"label":'], ['application/json', '[]'], ['application/json', '"x"'],
			['multipart/form-data; boundary=x', 'nonsense'], ['text/plain', 'label=x'],
		]) {
			const answer = await json(path, { method: 'POST', headers: { 'Content-Type': type }, body });
			assert.equal(answer.status, 400, `${type} ${body}`);
			assert.deepEqual(Object.keys(answer.body).sort(), ['data', 'message', 'status']);
		}
		const huge = await json('/api/collections/conf_people/auth-with-password', {
			method: 'POST', headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ identity: 'x'.repeat(33 << 20), password: 'x' }),
		});
		assert.equal(huge.status, 413);
	});

	it('treats a token that is none as no token', async () => {
		const headers = { Authorization: 'Bearer not.a.token' };
		const list = await json('/api/collections/conf_own/records', { headers });
		assert.deepEqual([list.status, list.body.totalItems], [200, 0]);
		assert.equal((await json('/api/settings', { headers })).status, 401);
	});

	it('lets pages of any origin call the API unless it is told otherwise', async () => {
		const headers = { Origin: 'https://app.example.com' };
		const got = await call('/api/health', { headers });
		assert.equal(got.headers.get('access-control-allow-origin'), '*');
		const preflight = await call('/api/collections/conf_tags/records', {
			method: 'OPTIONS',
			headers: {
				...headers,
				'Access-Control-Request-Method': 'PATCH',
				'Access-Control-Request-Headers': 'authorization,content-type',
			},
		});
		assert.equal(preflight.status, 204);
		assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
		assert.match(preflight.headers.get('access-control-allow-methods'), /PATCH/);
		assert.match(preflight.headers.get('access-control-allow-headers'), /authorization/i);
	});

	it('serves the dashboard, compressed for whom it may be', async () => {
		const index = await call('/_/');
		assert.equal(index.status, 200);
		assert.match(index.text, /<!doctype html>/i);
		const script = index.text.match(/src="\.\/(assets\/[^"]+\.js)"/)[1];
		const zipped = await call(`/_/${script}`, { headers: { 'Accept-Encoding': 'gzip' } });
		assert.equal(zipped.headers.get('content-encoding'), 'gzip');
		assert.match(zipped.headers.get('vary'), /Accept-Encoding/);
		const plain = await call(`/_/${script}`, { headers: { 'Accept-Encoding': 'identity' } });
		assert.equal(plain.headers.get('content-encoding'), null);
		assert.equal(plain.text, zipped.text);
	});

	it('sends the headers that guard a browser', async () => {
		const { headers } = await call('/api/health');
		assert.equal(headers.get('x-content-type-options'), 'nosniff');
		assert.match(headers.get('x-frame-options'), /^(SAMEORIGIN|DENY)$/);
	});

	it('keeps answers to people out of shared caches', async () => {
		const ada = await world.person('ada');
		const { headers } = await call('/api/collections/conf_own/records', {
			headers: { Authorization: ada.authStore.token },
		});
		assert.ok(!/public/.test(headers.get('cache-control') ?? ''));
	});

	it('limits requests where the settings say so', async () => {
		await world.root.settings.update({ rateLimits: {
			enabled: true, rules: [{ label: '/api/collections/conf_tags/', maxRequests: 3, duration: 60 }],
		} });
		try {
			const tags = world.guest().collection('conf_tags');
			for (let n = 0; n < 3; n++) {
				await tags.getList();
			}
			await fails(tags.getList(), 429);
		} finally {
			await world.root.settings.update({ rateLimits: { enabled: false } });
		}
	});
});
