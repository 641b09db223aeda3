// Durable jobs as an operator meets them: who may ask, and the command beside a
// server that runs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { run, serve, superuser } from './support/server.mjs';
import { client } from './support/world.mjs';

describe('jobs', () => {
	it('are for superusers alone', async (t) => {
		const server = await serve('holdall');
		t.after(() => server.stop('SIGKILL'));
		const root = client(server);
		await root.collection('_superusers').authWithPassword(superuser.email, superuser.password);
		const account = { email: 'ines@example.com', password: 'a long password', passwordConfirm: 'a long password' };
		await root.collection('users').create(account);
		const user = client(server);
		await user.collection('users').authWithPassword(account.email, account.password);

		const routes = [
			['GET', '/api/jobs'], ['GET', '/api/jobs/stats'], ['GET', '/api/jobs/schedules'], ['GET', '/api/jobs/missing'],
			['POST', '/api/jobs/missing/retry'], ['POST', '/api/jobs/missing/cancel'], ['POST', '/api/jobs/retry'],
			['POST', '/api/jobs/queues/default/pause'], ['POST', '/api/jobs/queues/default/resume'],
		];
		for (const [method, path] of routes) {
			for (const [who, status] of [[client(server), 401], [user, 403]]) {
				await assert.rejects(who.send(path, { method }), (error) => {
					assert.equal(error.status, status, `${method} ${path}`);
					return true;
				});
			}
		}
		const { items } = await root.send('/api/jobs', {});
		assert.deepEqual(items, []);
	});

	it('can be paused from the command line while the server runs', async (t) => {
		const server = await serve('holdall');
		t.after(() => server.stop('SIGKILL'));
		const root = client(server);
		await root.collection('_superusers').authWithPassword(superuser.email, superuser.password);
		const paused = async () => {
			const { queues } = await root.send('/api/jobs/stats', {});
			return queues.find(({ name }) => name === 'default').paused;
		};
		assert.equal(await paused(), false);
		assert.equal((await run('holdall', ['jobs', 'pause', 'default', '--dir', server.dir])).code, 0);
		assert.equal(await paused(), true);
		assert.equal((await run('holdall', ['jobs', 'resume', 'default', '--dir', server.dir])).code, 0);
		assert.equal(await paused(), false);

		const wrong = await run('holdall', ['jobs', 'show', 'missing', '--dir', server.dir]);
		assert.notEqual(wrong.code, 0);
		assert.match(wrong.stderr, /missing/);
	});
});
