// The program as a person or a script meets it: commands, exit codes, signals.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { freePort, run, serve, until } from './support/server.mjs';
import { client } from './support/world.mjs';

/** Starts a server that is gone when the test is over. */
async function started(t, options) {
	const server = await serve('holdall', options);
	t.after(() => server.stop());
	return server;
}

describe('commands', () => {
	const wrong = [
		['an unknown command', ['sevre'], 2, /unknown command "sevre".*serve/],
		['an unknown flag', ['serve', '--colour'], 2, /unknown flag: --colour/],
		['a value that is none', ['serve', '--queryTimeout', 'soon'], 2, /queryTimeout/],
		['a missing argument', ['superuser', 'create'], 1, /./],
	];
	for (const [name, args, code, message] of wrong) {
		it(`end with ${code} on ${name}, and say so in one line`, async () => {
			const result = await run('holdall', args, { env: { HOLDALL_DIR: '/dev/null/never-made' } });
			assert.match(result.stderr, message);
			assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
			assert.equal(result.stdout, '');
			if (code === 2) {
				assert.equal(result.code, code);
			} else {
				assert.notEqual(result.code, 0);
			}
		});
	}

	it('report every problem of the configuration at once', async () => {
		const result = await run('holdall', ['serve'], {
			env: { HOLDALL_DEMO: 'perhaps', HOLDALL_QUERY_TIMEOUT: 'soon', HOLDALL_COLOUR: 'red' },
		});
		assert.equal(result.code, 2);
		for (const name of ['HOLDALL_DEMO', 'HOLDALL_QUERY_TIMEOUT', 'HOLDALL_COLOUR']) {
			assert.match(result.stderr, new RegExp(name));
		}
		assert.ok(!/goroutine|panic/.test(result.stderr));
	});

	it('end with 0 when help or the version was asked for', async () => {
		for (const args of [[], ['--help'], ['serve', '--help'], ['--version']]) {
			const result = await run('holdall', args);
			assert.equal(result.code, 0, args.join(' '));
			assert.match(result.stdout, /holdall/);
		}
	});
});

describe('serve', () => {
	it('ends with 1 when the port is taken', async (t) => {
		const first = await started(t);
		const second = await run('holdall', ['serve', '--http', `127.0.0.1:${first.port}`, '--dir', `${first.dir}/other`]);
		assert.equal(second.code, 1);
		assert.match(second.stderr, /address already in use/);
	});

	for (const signal of ['SIGTERM', 'SIGINT']) {
		it(`ends with 0 on ${signal}`, async () => {
			const server = await serve('holdall');
			assert.deepEqual(await server.stop(signal), { code: 0, signal: null });
		});
	}

	it('finishes a running request before it ends', async (t) => {
		const server = await started(t);
		const body = JSON.stringify({ identity: 'somebody@example.com', password: 'x' });
		const answer = new Promise((resolve, reject) => {
			const slow = request(`${server.url}/api/collections/users/auth-with-password`, {
				method: 'POST',
				headers: { 'Content-Type': 'application/json', 'Content-Length': body.length, Connection: 'close' },
			});
			slow.once('error', reject).once('response', (response) => {
				response.resume();
				resolve(response.statusCode);
			});
			slow.write(body.slice(0, 10), () => {
				server.signal('SIGTERM');
				// until the port is closed, so that the rest surely comes after
				until(() => fetch(`${server.url}/api/health`).then(() => false, () => true))
					.then(() => slow.end(body.slice(10)), reject);
			});
		});
		assert.equal(await answer, 400);
		assert.equal((await server.ended()).code, 0);
	});

	it('tells open realtime connections to go', async (t) => {
		const server = await started(t);
		const stream = await fetch(`${server.url}/api/realtime`);
		const reader = stream.body.getReader();
		await reader.read();
		const from = Date.now();
		server.signal('SIGTERM');
		await until(() => reader.read().then(({ done }) => done, () => true));
		assert.equal((await server.ended()).code, 0);
		assert.ok(Date.now() - from < 10_000, 'an idle stream held up the shutdown');
	});

	it('asks itself how it is', async (t) => {
		const port = await freePort();
		const env = { HOLDALL_HTTP_ADDR: `127.0.0.1:${port}` };
		const before = await run('holdall', ['health'], { env });
		assert.equal(before.code, 1);
		await started(t, { port });
		const after = await run('holdall', ['health'], { env });
		assert.equal(after.code, 0, after.stderr);
		assert.match(after.stdout, /database/);
	});

	it('makes the superuser that it was told to, with a password from a file', async (t) => {
		const dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-secret-'));
		t.after(() => rm(dir, { recursive: true }));
		await writeFile(join(dir, 'password'), 'from-a-file-1\n');
		const server = await started(t, {
			superuser: false,
			env: { HOLDALL_SUPERUSER_EMAIL: 'boot@example.com', HOLDALL_SUPERUSER_PASSWORD_FILE: join(dir, 'password') },
		});
		const pb = client(server);
		await pb.collection('_superusers').authWithPassword('boot@example.com', 'from-a-file-1');
		assert.equal(pb.authStore.isSuperuser, true);
	});

	it('limits requests by itself, but not what a page needs', async (t) => {
		const server = await started(t, { env: { HOLDALL_RATE_LIMITS: undefined } });
		const pb = client(server);
		for (let n = 0; n < 40; n++) {
			await pb.health.check();
			await pb.collection('users').getList(1, 1).catch((error) => assert.notEqual(error.status, 429));
		}
		const guesses = [];
		for (let n = 0; n < 60; n++) {
			guesses.push((await pb.collection('users').authWithPassword('a@example.com', 'guess')
				.catch((error) => error)).status);
		}
		assert.ok(guesses.includes(429), 'passwords can be guessed without an end');
		const accounts = [];
		for (let n = 0; n < 50; n++) { // the window may turn once
			accounts.push((await pb.collection('users').create({ email: 'nobody' }).catch((error) => error)).status);
		}
		assert.ok(accounts.includes(429), 'accounts can be made without an end');
	});
});

describe('serve --demo', () => {
	it('answers within seconds, with the data and sign-ins it prints', async (t) => {
		const server = await started(t, { args: ['--demo'], superuser: false });
		// processor time, as this machine may be busy with other things
		const [user, system] = (await readFile(`/proc/${server.pid}/stat`, 'utf8'))
			.replace(/.*\) /, '').split(' ').slice(11, 13);
		const seconds = (Number(user) + Number(system)) / 100;
		assert.ok(seconds < 5, `it took ${seconds} s of a processor`);
		const { accounts } = await (await fetch(`${server.url}/api/v1/demo`)).json();
		assert.ok(accounts.length >= 8);
		for (const { email, password, organization } of accounts.filter((account) => account.organization)) {
			const pb = client(server);
			await pb.collection('users').authWithPassword(email, password);
			const memberships = await pb.collection('memberships').getFullList({ expand: 'organization' });
			assert.ok(memberships.some((one) => one.expand.organization.name === organization), email);
			assert.match(server.output.stdout + server.output.stderr, new RegExp(email));
		}
	});

	it('does not exist without the flag', async (t) => {
		const server = await started(t);
		const response = await fetch(`${server.url}/api/v1/demo`);
		assert.equal(response.status, 404);
		await response.text();
	});

	it('serves the web app', async (t) => {
		const server = await started(t);
		const page = await fetch(`${server.url}/`);
		assert.equal(page.status, 200);
		assert.match(page.headers.get('content-type'), /^text\/html/);
		assert.match(await page.text(), /<script type="module"/);
	});
});
