import assert from 'node:assert/strict';
import { it } from 'node:test';

import { conformance, fails } from './support/conformance.mjs';
import { superuser, until } from './support/server.mjs';
import { rootClient } from './support/world.mjs';

conformance('superuser API', (world) => {
	it('is closed to guests and to people', async () => {
		const calls = (pb) => [
			() => pb.settings.getAll(), () => pb.settings.update({}), () => pb.collections.getFullList(),
			() => pb.collections.create({ name: 'x' }), () => pb.collections.delete('conf_tags'),
			() => pb.collections.truncate('conf_tags'), () => pb.collections.getScaffolds(),
			() => pb.logs.getList(), () => pb.logs.getStats(), () => pb.backups.getFullList(),
			() => pb.backups.create('x.zip'), () => pb.crons.getFullList(), () => pb.crons.run('x'),
			() => pb.collection('_superusers').getFullList(),
		];
		for (const call of calls(world.guest())) {
			const error = await call().catch((caught) => caught);
			assert.ok([401, 403].includes(error.status), `${call}: got ${error.status}`);
		}
		for (const call of calls(await world.person('ada'))) {
			await fails(call(), 403);
		}
	});

	it('reads and changes settings, and masks what is secret', async () => {
		const { root } = world;
		const before = await root.settings.getAll();
		for (const part of ['meta', 'smtp', 's3', 'backups', 'logs', 'batch', 'rateLimits', 'trustedProxy']) {
			assert.equal(typeof before[part], 'object', part);
		}
		const changed = await root.settings.update({
			meta: { appName: 'Renamed', appURL: 'https://app.example.com' }, s3: { secret: 'never shown' },
		});
		assert.equal(changed.meta.appName, 'Renamed');
		assert.ok(!JSON.stringify(changed).includes('never shown'));
		assert.equal(changed.smtp.host, before.smtp.host);
		await fails(root.settings.update({ meta: { appName: '' } }), 400);
		const public_ = await (await fetch(`${world.url}/api/settings`)).json();
		assert.equal(public_.status, 401);
		await root.settings.update({ meta: before.meta });
	});

	it('sends a test mail', async () => {
		const from = world.mail.messages.length;
		await world.root.settings.testEmail('conf_people', 'tester@example.com', 'verification');
		const message = await world.mail.to('tester@example.com', from);
		assert.match(message.text, /Subject: .*Verify/i);
		await fails(world.root.settings.testEmail('conf_people', 'no address', 'verification'), 400,
			{ email: 'validation_is_email' });
	});

	it('creates, changes, empties and deletes collections', async () => {
		const { root } = world;
		const made = await root.collections.create({
			name: 'conf_passing', type: 'base', listRule: '', createRule: '',
			fields: [{ name: 'title', type: 'text' }, { name: 'extra', type: 'number' }],
			indexes: ['CREATE INDEX idx_conf_passing_title ON conf_passing (title)'],
		});
		assert.equal(made.fields.find((field) => field.name === 'id').primaryKey, true);
		await world.guest().collection('conf_passing').create({ title: 'kept', extra: 1 });

		const renamed = await root.collections.update('conf_passing', {
			name: 'conf_passed',
			fields: made.fields.map((field) => (field.name === 'title' ? { ...field, name: 'label' } : field)),
			indexes: ['CREATE INDEX idx_conf_passed_label ON conf_passed (label)'],
		});
		assert.equal(renamed.id, made.id);
		const [kept] = await world.guest().collection('conf_passed').getFullList();
		assert.deepEqual([kept.label, kept.extra], ['kept', 1]);

		assert.equal(await root.collections.truncate('conf_passed'), true);
		assert.equal((await world.guest().collection('conf_passed').getList()).totalItems, 0);
		assert.equal(await root.collections.delete('conf_passed'), true);
		await fails(root.collections.getOne('conf_passed'), 404);
	});

	it('refuses collections that cannot be', async () => {
		const { root } = world;
		await fails(root.collections.create({ name: 'conf_tags' }), 400,
			{ name: 'validation_collection_name_exists' });
		await fails(root.collections.create({ name: 'bad name!' }), 400, { name: 'validation_match_invalid' });
		await fails(root.collections.create({ name: 'conf_bad', listRule: 'nothing = 1' }), 400,
			{ listRule: 'validation_invalid_rule' });
		await fails(root.collections.create({ name: 'conf_view', type: 'view', viewQuery: 'DELETE FROM x' }), 400,
			{ fields: 'validation_required', viewQuery: 'validation_invalid_view_query' });
		await fails(root.collections.delete('conf_people'), 400);
		await fails(root.collections.delete('_superusers'), 400);
	});

	it('imports collections, all or none', async () => {
		const { root } = world;
		const model = {
			name: 'conf_imported', type: 'base', fields: [{ name: 'title', type: 'text' }],
		};
		assert.equal(await root.collections.import([model]), true);
		assert.equal((await root.collections.getOne('conf_imported')).type, 'base');
		await fails(root.collections.import([
			{ ...model, name: 'conf_other' }, { ...model, name: 'conf_broken', listRule: 'nothing = 1' },
		]), 400);
		await fails(root.collections.getOne('conf_other'), 404);
		const scaffolds = await root.collections.getScaffolds();
		assert.deepEqual(Object.keys(scaffolds).sort(), ['auth', 'base', 'view']);
		await root.collections.delete('conf_imported');
	});

	it('keeps a log of requests', async () => {
		const { root } = world;
		await root.settings.update({ logs: { minLevel: 0, maxDays: 5 } });
		await world.guest().collection('conf_tags').getList(1, 1, { query: { marker: 'find-me' } });
		const entry = await until(async () => {
			const list = await root.logs.getList(1, 1, { filter: 'data.url ~ "find-me"', sort: '-created' });
			return list.items[0];
		});
		assert.equal(entry.data.status, 200);
		assert.equal(entry.data.method, 'GET');
		assert.equal(entry.data.type, 'request');
		assert.equal((await root.logs.getOne(entry.id)).id, entry.id);
		const stats = await root.logs.getStats();
		assert.ok(stats.length > 0 && stats[0].total > 0);
	});

	it('lists and runs crons', async () => {
		const { root } = world;
		const crons = await root.crons.getFullList();
		const known = crons.map((cron) => cron.id);
		for (const id of ['__pbLogsCleanup__', '__pbDBOptimize__', '__pbOTPCleanup__', '__pbMFACleanup__']) {
			assert.ok(known.includes(id), `${id} of ${known}`);
		}
		assert.equal(await root.crons.run('__pbOTPCleanup__'), true);
		await fails(root.crons.run('missing'), 404);
	});

	it('makes, lists, downloads, uploads and deletes backups', async () => {
		const { root } = world;
		assert.equal(await root.backups.create('conformance.zip'), true);
		const [listed] = await root.backups.getFullList();
		assert.equal(listed.key, 'conformance.zip');
		assert.ok(listed.size > 0);
		const token = await root.files.getToken();
		const download = await fetch(root.backups.getDownloadURL(token, listed.key));
		assert.equal(download.status, 200);
		const zip = new Blob([await download.arrayBuffer()], { type: 'application/zip' });
		assert.equal(zip.size, listed.size);
		const refused = await fetch(root.backups.getDownloadURL('no.token', listed.key));
		assert.equal(refused.status, 403);
		await refused.text();
		await fails(root.backups.create('conformance.zip'), 400,
			{ name: 'validation_backup_name_exists' });
		assert.equal(await root.backups.upload({ file: new File([zip], 'uploaded.zip') }), true);
		assert.equal((await root.backups.getFullList()).length, 2);
		for (const key of ['conformance.zip', 'uploaded.zip']) {
			assert.equal(await root.backups.delete(key), true);
		}
		await fails(root.backups.delete('conformance.zip'), 400);
		await fails(root.backups.restore('conformance.zip'), 400);
	});

	it('manages superusers, but never removes the last', async () => {
		const { root } = world;
		const superusers = root.collection('_superusers');
		const second = await superusers.create({
			email: 'second@example.com', password: 'second-password', passwordConfirm: 'second-password',
		});
		assert.equal(await superusers.delete(second.id), true);
		const [only] = await superusers.getFullList();
		assert.equal(only.email, superuser.email);
		await fails(superusers.delete(only.id), 400);
		assert.equal((await rootClient(world.server)).authStore.isSuperuser, true);
	});

	it('runs SQL for a superuser only', async () => {
		const result = await world.root.sql.run('SELECT label FROM conf_tags ORDER BY label');
		assert.deepEqual(result, (await world.root.sql.run('SELECT label FROM conf_tags ORDER BY label')));
		await fails((await world.person('ada')).sql.run('SELECT 1'), 403);
	});
});
