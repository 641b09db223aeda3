// The change log as an operator meets it: what it shows, what it hides, and that
// it agrees with the data after a crash and a restored backup.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { atEnd, folder, run, serve, superuser, until } from './support/server.mjs';
import { client } from './support/world.mjs';

/** Starts a server on a folder that outlives it. */
async function startOn(t, dir, env = {}) {
	const server = await serve('holdall', { dir, env });
	atEnd(t, () => server.stop('SIGKILL'));
	const root = client(server);
	await root.collection('_superusers').authWithPassword(superuser.email, superuser.password);
	return { server, root };
}

/** The first column of what the dashboard's SQL console answers. */
async function ask(root, query) {
	const { rows } = await root.sql.run(query);
	return rows.map((row) => row[0]);
}

const inLog = `SELECT record FROM _changes JOIN _changesNames ON n = c
	WHERE collection = (SELECT id FROM _collections WHERE name = 'organizations') AND deleted = `;

/** Fails when the log and the table of the organizations disagree. */
async function assertAgreement(root) {
	assert.deepEqual(await ask(root, `SELECT id FROM organizations WHERE id NOT IN (${inLog}0)`), []);
	assert.deepEqual(await ask(root, `${inLog}0 AND record NOT IN (SELECT id FROM organizations)`), []);
	assert.deepEqual(await ask(root, `${inLog}1 AND record IN (SELECT id FROM organizations)`), []);
}

const head = async (root) => Number((await ask(root, 'SELECT MAX(seq) FROM _changes'))[0]);

const organization = (slug) => ({ name: slug, slug, timezone: 'UTC' });

describe('change log', () => {
	it('keeps its tables out of collections, and writes of the SQL console in', async (t) => {
		const { root } = await startOn(t, await folder(t));
		const collections = await root.collections.getFullList();
		assert.deepEqual(collections.filter((c) => c.name.startsWith('_changes')), []);
		assert.equal((await root.send('/api/collections', { query: { filter: "name ~ '_changes'" } })).totalItems, 0);

		const record = await root.collection('organizations').create(organization('acme-boilers'));
		const before = await head(root);
		await root.sql.run(`UPDATE organizations SET name = 'Acme' WHERE id = '${record.id}'; UPDATE organizations SET timezone = 'UTC'`);
		assert.deepEqual(await ask(root, `${inLog}0 AND seq > ${before}`), [record.id]);
		await assertAgreement(root);
	});

	it('agrees with the data after kill -9, and gives out no position twice', async (t) => {
		const dir = await folder(t);
		let last = 0;
		const acknowledged = [];
		for (let round = 0; round < 3; round++) {
			const { server, root } = await startOn(t, dir);
			assert.ok((await head(root)) >= last);
			const before = acknowledged.length;
			const writers = [0, 1, 2, 3].map(async (writer) => {
				for (let n = 0; ; n++) {
					try {
						const made = await root.collection('organizations').create(organization(`org-${round}-${writer}-${n}`), { requestKey: null });
						acknowledged.push(made.id);
						if (n % 3 === 2) {
							await root.collection('organizations').update(made.id, { name: 'Renamed' }, { requestKey: null });
						}
					} catch (error) {
						assert.equal(error.status, 0, error.stack); // the server is gone
						return;
					}
				}
			});
			await until(() => acknowledged.length > before + 25);
			last = await head(root);
			server.signal('SIGKILL');
			await Promise.all([...writers, server.ended()]);
		}
		const { root } = await startOn(t, dir);
		await assertAgreement(root);
		const stored = new Set(await ask(root, 'SELECT id FROM organizations LIMIT 1000'));
		assert.deepEqual(acknowledged.filter((id) => !stored.has(id)), []);
		await root.collection('organizations').create(organization('after-all'));
		assert.ok((await head(root)) > last);
	});

	it('goes on past what a restored backup undid', async (t) => {
		const dir = await folder(t);
		const { server, root } = await startOn(t, dir);
		await root.collection('organizations').create(organization('before'));
		await root.backups.create('test.zip');
		await root.collection('organizations').create(organization('undone'));
		const undone = await head(root);
		await root.backups.restore('test.zip');
		// the program starts anew in its own process
		await until(async () => (await ask(root, 'SELECT slug FROM organizations')).join() === 'before');
		await assertAgreement(root);
		await root.collection('organizations').create(organization('instead'));
		assert.ok((await head(root)) > undone);
		assert.equal((await server.stop('SIGTERM')).code, 0);
	});

	it('goes when it is switched off, and comes back complete', async (t) => {
		const dir = await folder(t);
		const triggers = `SELECT COUNT(*) FROM sqlite_master WHERE type = 'trigger' AND name GLOB '_changes_*'`;
		const first = await startOn(t, dir);
		await first.root.collection('organizations').create(organization('first'));
		await first.server.stop();

		const off = await startOn(t, dir, { HOLDALL_CHANGES: 'false' });
		assert.equal(Number((await ask(off.root, triggers))[0]), 0);
		await off.root.collection('organizations').create(organization('second'));
		await off.root.sql.run(`DELETE FROM organizations WHERE slug = 'first'`);
		await off.server.stop();

		const plan = await run('holdall', ['collections', 'plan', '--dir', dir]);
		assert.equal(plan.code, 0, plan.stderr);
		const again = await startOn(t, dir);
		assert.ok(Number((await ask(again.root, triggers))[0]) > 0);
		await assertAgreement(again.root);
	});
});
