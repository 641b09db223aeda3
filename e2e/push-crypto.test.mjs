// What browsers would be sent, read by http_ece, the library that the makers of
// Web Push test with, and by the crypto of Node.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createECDH, createPublicKey, randomBytes, verify } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import ece from 'http_ece';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = fileURLToPath(new URL('../dist/push-request', import.meta.url));

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** A pair of keys of P-256. */
function pair() {
	const keys = createECDH('prime256v1');
	keys.generateKeys();
	return keys;
}

/** The private key as 32 bytes: Node leaves zeros at the beginning out. */
const scalar = (keys) => Buffer.concat([Buffer.alloc(32), keys.getPrivateKey()]).subarray(-32);

const second = 1_000_000_000;
const notifications = [
	{ ID: 'd1', Title: 'Pump 4 ☃', Body: 'Pressure is low', Link: '/orders/1', Data: { order: '1' }, Badge: 0, CollapseKey: 'order/1', TTL: 60 * second, High: true },
	{},
	{ Body: 'x'.repeat(3993 - '{"body":""}'.length) },
	...Array.from({ length: 40 }, (_, i) => ({ Body: 'y'.repeat(i * 7) })),
];

describe('Web Push', () => {
	const vapid = pair();
	const browser = pair();
	const auth = randomBytes(16);
	let requests;

	before(async () => {
		await promisify(execFile)('go', ['build', '-o', program, './e2e/push-request'], {
			cwd: root,
			env: { ...process.env, CGO_ENABLED: '0' },
		});
		const input = {
			privateKey: base64url(scalar(vapid)),
			subject: 'mailto:ops@example.com',
			subscription: {
				endpoint: 'https://push.example.com:443/send/abc',
				expirationTime: null,
				keys: { p256dh: base64url(browser.getPublicKey()), auth: base64url(auth) },
			},
			notifications,
		};
		const ran = spawnSync(program, { input: JSON.stringify(input), encoding: 'utf8' });
		assert.equal(ran.status, 0, ran.stderr);
		requests = ran.stdout
			.trim()
			.split('\n')
			.map((line) => JSON.parse(line))
			.map((request) => ({ ...request, body: Buffer.from(request.body, 'base64') }));
	});

	it('is decrypted by http_ece', () => {
		assert.equal(requests.length, notifications.length);
		for (const [i, { body, headers }] of requests.entries()) {
			assert.deepEqual(headers['Content-Encoding'], ['aes128gcm']);
			assert.ok(body.length <= 4096, `${body.length} bytes`);
			const plain = ece.decrypt(body, { version: 'aes128gcm', privateKey: browser, authSecret: base64url(auth) });
			const payload = JSON.parse(plain.toString());
			assert.equal(payload.title, notifications[i].Title);
			assert.equal(payload.body, notifications[i].Body || undefined);
		}
	});

	it('uses no salt and no key twice', () => {
		assert.equal(new Set(requests.map(({ body }) => body.subarray(0, 16).toString('hex'))).size, requests.length);
		assert.equal(new Set(requests.map(({ body }) => body.subarray(21, 86).toString('hex'))).size, requests.length);
	});

	it('is not read by another browser', () => {
		const options = { version: 'aes128gcm', privateKey: pair(), authSecret: base64url(auth) };
		assert.throws(() => ece.decrypt(requests[0].body, options));
	});

	it('has the headers of RFC 8030', () => {
		const [{ method, url, headers }, empty] = requests;
		assert.equal(method, 'POST');
		assert.equal(url, 'https://push.example.com:443/send/abc');
		assert.deepEqual([headers.Ttl, headers.Urgency], [['60'], ['high']]);
		assert.match(headers.Topic[0], /^[A-Za-z0-9_-]{32}$/);
		assert.deepEqual([empty.headers.Ttl, empty.headers.Urgency, empty.headers.Topic], [['0'], ['normal'], undefined]);
	});

	it('is signed as RFC 8292 has it', () => {
		const [, token, key] = /^vapid t=([^,]+), k=(.+)$/.exec(requests[0].headers.Authorization[0]);
		assert.equal(key, base64url(vapid.getPublicKey()));
		const point = vapid.getPublicKey();
		const jwk = { kty: 'EC', crv: 'P-256', x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33)) };
		const [header, claims, signature] = token.split('.');
		const signed = Buffer.from(`${header}.${claims}`);
		const publicKey = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
		assert.ok(verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url')));
		const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString());
		const { aud, exp, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString());
		assert.deepEqual({ alg, aud, sub }, { alg: 'ES256', aud: 'https://push.example.com', sub: 'mailto:ops@example.com' });
		const left = exp - Date.now() / 1000;
		assert.ok(left > 0 && left <= 24 * 3600, `${left} s left`);
	});
});
