// The backup as an operator meets it: a machine that is lost, a restore to a moment,
// and a change log whose positions are never given out twice.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { atEnd, folder, run, serve, superuser, until } from './support/server.mjs';
import { client } from './support/world.mjs';

async function start(t, dir, env) {
	const server = await serve('holdall', { dir, env });
	atEnd(t, () => server.stop('SIGKILL'));
	const root = client(server);
	await root.collection('_superusers').authWithPassword(superuser.email, superuser.password);
	return { server, root };
}

const organization = (slug) => ({ name: slug, slug, timezone: 'UTC' });

const slugs = async (root) => (await root.collection('organizations').getFullList({ sort: 'slug' })).map((o) => o.slug);

const head = async (root) => Number((await root.sql.run('SELECT MAX(seq) FROM _changes')).rows[0][0]);

/** Resolves when all that was committed before the call is copied. */
async function copied(root) {
	const asked = Date.now();
	await until(async () => {
		const { targets } = await root.send('/api/backup/status');
		return targets.length > 0 && targets.every((t) => t.databases.every((d) => Date.parse(d.caughtUp) > asked));
	});
}

describe('backup', () => {
	it('restores a lost machine to a moment, and gives out no position of the change log twice', async (t) => {
		const [dir, target] = [await folder(t), await folder(t)];
		const env = { HOLDALL_BACKUP_DIR: target, HOLDALL_BACKUP_INTERVAL: '100ms' };
		const { server, root } = await start(t, dir, env);
		await root.collection('organizations').create(organization('before'));
		await copied(root);
		const moment = new Date().toISOString();
		await until(async () => Date.now() > Date.parse(moment));
		await root.collection('organizations').create(organization('after'));
		await copied(root);
		const last = await head(root);

		const live = await run('holdall', ['restore', '--to', moment, '--force', '--dir', dir], { env });
		assert.equal(live.code, 1, live.stderr);
		assert.match(live.stderr, /open/);
		const status = await run('holdall', ['backup', 'status', '--json', '--dir', dir], { env });
		assert.equal(status.code, 0, status.stderr);
		assert.equal(JSON.parse(status.stdout).targets[0].databases[0].name, 'data.db');

		await server.stop('SIGKILL');
		await rm(dir, { recursive: true });
		const restored = await run('holdall', ['restore', '--to', moment, '--dir', dir], { env });
		assert.equal(restored.code, 0, restored.stderr);

		const again = await start(t, dir, env);
		assert.deepEqual(await slugs(again.root), ['before']);
		await again.root.collection('organizations').create(organization('new'));
		assert.ok((await head(again.root)) > last, 'a position of the lost timeline was given out again');
		await again.server.stop();

		const now = await folder(t);
		const newest = await run('holdall', ['restore', '--to', 'now', '--into', now, '--dir', dir], { env });
		assert.equal(newest.code, 0, newest.stderr);
		assert.deepEqual(await slugs((await start(t, now, {})).root), ['before', 'new']);
	});

	it('brings back a record while the server runs', async (t) => {
		const [dir, target] = [await folder(t), await folder(t)];
		const env = { HOLDALL_BACKUP_DIR: target, HOLDALL_BACKUP_INTERVAL: '100ms' };
		const { root } = await start(t, dir, env);
		const deleted = await root.collection('organizations').create(organization('deleted'));
		await root.collection('organizations').create(organization('other'));
		await copied(root);
		const moment = new Date().toISOString();
		await until(async () => Date.now() > Date.parse(moment));
		await root.collection('organizations').delete(deleted.id);

		const rescue = await run('holdall',
			['restore', 'records', 'organizations', '--to', moment, '--filter', "slug = 'deleted'", '--dir', dir, '--json'], { env });
		assert.equal(rescue.code, 0, rescue.stderr);
		assert.deepEqual(JSON.parse(rescue.stdout).created, [deleted.id]);
		assert.deepEqual(await slugs(root), ['deleted', 'other']);
	});

	it('says what is wrong on the command line', async (t) => {
		const dir = await folder(t);
		const none = await run('holdall', ['restore', '--to', 'now', '--dir', dir]);
		assert.equal(none.code, 1);
		assert.match(none.stderr, /no target/);
		const env = { HOLDALL_BACKUP_DIR: await folder(t) };
		const early = await run('holdall', ['restore', '--to', '2001-01-01', '--dir', dir], { env });
		assert.equal(early.code, 1);
		assert.match(early.stderr, /no backup of this time/);
		const nonsense = await run('holdall', ['restore', '--to', 'yesterday', '--dir', dir], { env });
		assert.equal(nonsense.code, 1);
		assert.match(nonsense.stderr, /no time/);
	});
});
