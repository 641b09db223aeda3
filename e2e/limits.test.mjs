// Guesses at a password, and rates, as clients of the official SDK meet them.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { World, fails } from './support/conformance.mjs';
import { run, serve, superuser } from './support/server.mjs';
import { client } from './support/world.mjs';

const signInPath = '/api/collections/conf_people/auth-with-password';

describe('limits', () => {
	const world = new World('holdall');
	before(() =>
		world.open({
			env: {
				HOLDALL_TRUSTED_PROXY_HEADERS: 'X-Forwarded-For', HOLDALL_RATE_PER_USER: '200/1h',
				HOLDALL_MAX_PER_PAGE: '50', HOLDALL_MAX_EXPAND_DEPTH: '2',
			},
		}),
	);
	after(() => world.close());

	const guess = (password, from, headers = {}) =>
		fetch(world.url + signInPath, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': from, ...headers },
			body: JSON.stringify({ identity: 'ada@example.com', password }),
		});

	it('compares few of a thousand guesses, and lets the owner in', async () => {
		const signedIn = await guess('person-password', '198.51.100.1');
		assert.equal(signedIn.status, 200);
		const cookie = signedIn.headers.get('set-cookie').split(';')[0];
		const started = Date.now();
		const statuses = [];
		for (let round = 0; round < 10; round++) {
			const answers = await Promise.all(
				Array.from({ length: 100 }, (_, i) => guess(`guess ${round} ${i}`, `203.0.113.${i}`)),
			);
			for (const answer of answers) {
				statuses.push(answer.status);
				const body = await answer.json();
				if (answer.status === 429) {
					assert.equal(body.data.code, 'too_many_attempts');
					assert.ok(Number(answer.headers.get('retry-after')) >= 1);
				}
			}
		}
		// five at once, and one each time that the wait, which doubles, was over
		const most = 5 + Math.ceil(Math.log2((Date.now() - started) / 1000 + 2));
		const compared = statuses.filter((status) => status === 400).length;
		assert.ok(compared >= 5 && compared <= most, `got ${compared} compared, want 5 to ${most}`);
		assert.equal(statuses.filter((status) => status === 429).length, 1000 - compared);

		assert.equal((await guess('person-password', '198.51.100.1', { Cookie: cookie })).status, 200);
	});

	it('is cleared by the command', async () => {
		// until nobody could have waited it out
		for (let i = 0, status = 400; status !== 429; i++) {
			({ status } = await guess('wrong', `203.0.113.${i}`));
			assert.ok(i < 20);
		}
		const dir = ['--dir', world.server.dir];
		const list = await run('holdall', ['limits', 'list', '--json', ...dir]);
		assert.equal(list.code, 0, list.stderr);
		assert.ok(JSON.parse(list.stdout).some((entry) => entry.kind === 'account' && entry.of === 'ada@example.com'));
		const cleared = await run('holdall', ['limits', 'clear', 'ada@example.com', ...dir]);
		assert.equal(cleared.stdout, '1 forgotten\n', cleared.stderr);
		assert.equal((await guess('person-password', '192.0.2.1')).status, 200);
	});

	it('says how many requests are left', async () => {
		const pb = await world.person('bob');
		let headers;
		pb.afterSend = (response, data) => {
			headers = response.headers;
			return data;
		};
		await pb.collection('conf_things').getList(1, 1);
		assert.equal(headers.get('ratelimit-policy'), '"user";q=200;w=3600');
		assert.match(headers.get('ratelimit'), /^"user";r=19\d;t=\d+$/);
	});

	it('refuses what asks for too much', async () => {
		const pb = await world.person('bob');
		const things = pb.collection('conf_things');
		await fails(things.getList(1, 51), 400, { perPage: 'validation_per_page_too_large' });
		await fails(things.getList(1, 1, { expand: 'owner.a.b' }), 400, { expand: 'validation_expand_too_large' });
		await fails(things.getList(1, 1, { filter: `${'('.repeat(51)}title = "x"${')'.repeat(51)}` }), 400, {
			filter: 'validation_filter_too_complex',
		});
		assert.equal((await world.root.collection('conf_things').getList(1, 500)).perPage, 500);
	});
});

describe('what an organization may have', () => {
	let dir;
	let server;
	let root;
	before(async () => {
		dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-quota-'));
		server = await serve('holdall', { dir, env: { HOLDALL_QUOTA_RECORDS: '3', HOLDALL_QUOTA_REQUESTS: '5' } });
		root = client(server);
		await root.collection('_superusers').authWithPassword(superuser.email, superuser.password);
	});
	after(async () => {
		await server.stop();
		await rm(dir, { recursive: true, force: true });
	});

	it('is a number of records, and of requests a day, which a restart does not forget', async () => {
		const { id } = await root.collection('organizations').create({ name: 'Small', slug: 'small', timezone: 'UTC' });
		const account = { email: 'ada@example.com', password: 'person-password', passwordConfirm: 'person-password', name: 'Ada' };
		const user = await root.collection('users').create(account);
		await root.collection('memberships').create({ organization: id, user: user.id, role: 'owner' });
		const site = { organization: id, name: 'Site', address: 'Somewhere 1' };
		await root.collection('sites').create(site);
		const refused = await root.collection('sites').create(site).catch((error) => error);
		assert.equal(refused.status, 403);
		assert.equal(refused.response.data.code, 'quota_records_exceeded');

		const ada = client(server);
		await ada.collection('users').authWithPassword(account.email, account.password);
		const statuses = [];
		for (let i = 0; i < 6; i++) {
			statuses.push((await ada.collection('sites').getList(1, 1).then(() => ({ status: 200 }), (error) => error)).status);
		}
		assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429]);

		await server.stop();
		server = await serve('holdall', { dir, env: { HOLDALL_QUOTA_RECORDS: '3', HOLDALL_QUOTA_REQUESTS: '5' } });
		const again = client(server);
		again.authStore.save(ada.authStore.token, ada.authStore.record);
		const late = await again.collection('sites').getList(1, 1).catch((error) => error);
		assert.equal(late.status, 429);
		assert.equal(late.response.data.code, 'quota_requests_exceeded');
	});
});
