// A push service of the kind that browser vendors run (RFC 8030), over TLS, for
// browsers that cannot reach theirs.
import { execFileSync } from 'node:child_process';
import { createECDH, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import ece from 'http_ece';

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** Starts the service. Its `env` makes the program trust it and reach it. */
export async function pushService() {
	const dir = mkdtempSync(join(tmpdir(), 'holdall-e2e-push-'));
	const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(dir, name));
	const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', ...subject], { stdio: 'ignore' });

	const service = new PushService(dir, cert);
	const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => service.take(request, response));
	service.server = server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return service;
}

class PushService {
	#subscriptions = new Map();

	constructor(dir, cert) {
		this.dir = dir;
		this.env = { HOLDALL_PUSH_ALLOW: '127.0.0.1/32', SSL_CERT_FILE: cert };
	}

	/** What a browser's pushManager.subscribe() would get, as toJSON() gives it. */
	subscribe() {
		const keys = createECDH('prime256v1');
		keys.generateKeys();
		const auth = base64url(randomBytes(16));
		const path = `/send/${base64url(randomBytes(12))}`;
		this.#subscriptions.set(path, { keys, auth, messages: [] });
		return {
			endpoint: `https://127.0.0.1:${this.server.address().port}${path}`,
			expirationTime: null,
			keys: { p256dh: base64url(keys.getPublicKey()), auth },
		};
	}

	/** The messages that a subscription has got, with what was in them. */
	messages({ endpoint }) {
		return this.#subscriptions.get(new URL(endpoint).pathname).messages;
	}

	async take(request, response) {
		const subscription = this.#subscriptions.get(request.url);
		if (!subscription) {
			response.writeHead(410).end();
			return;
		}
		const body = Buffer.concat(await request.toArray());
		const { keys, auth } = subscription;
		const payload = ece.decrypt(body, { version: 'aes128gcm', privateKey: keys, authSecret: auth });
		subscription.messages.push({ headers: request.headers, payload: JSON.parse(payload.toString()) });
		response.writeHead(201, { location: `/message/${base64url(randomBytes(8))}` }).end();
	}

	async close() {
		this.server.closeAllConnections();
		this.server.close();
		await once(this.server, 'close');
		rmSync(this.dir, { recursive: true });
	}
}
