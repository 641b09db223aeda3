// Metrics as Prometheus and an operator meet them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { serve, superuser } from './support/server.mjs';
import { client } from './support/world.mjs';

const token = 'metrics-token-of-the-test';

/** Runs promtool in the folder of the alerts, with the text as its input. */
function promtool(args, input = '') {
	const child = spawn('promtool', args, { cwd: fileURLToPath(new URL('../deploy/prometheus', import.meta.url)) });
	let output = '';
	child.stdout.on('data', (text) => (output += text));
	child.stderr.on('data', (text) => (output += text));
	child.stdin.end(input);
	return new Promise((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code) => resolve({ code, output }));
	});
}

describe('metrics', () => {
	let server;
	let target;
	before(async () => {
		target = await mkdtemp(join(tmpdir(), 'holdall-e2e-observe-'));
		server = await serve('holdall', { env: { HOLDALL_METRICS_TOKEN: token, HOLDALL_BACKUP_DIR: target, HOLDALL_BACKUP_SYNC: 'true' } });
	});
	after(async () => {
		await server.stop('SIGKILL');
		await rm(target, { recursive: true, force: true });
	});

	const scrape = (authorization) => fetch(`${server.url}/metrics`, { headers: authorization ? { authorization } : {} });

	it('are for superusers and for those with the token', async () => {
		const root = client(server);
		await root.collection('_superusers').authWithPassword(superuser.email, superuser.password);
		for (const [authorization, status] of [
			['', 401], ['Bearer nonsense', 401], [`Bearer ${token}`, 200], [root.authStore.token, 200],
		]) {
			const answer = await scrape(authorization);
			assert.equal(answer.status, status, authorization);
			assert.equal((await answer.text()).includes('holdall_'), status === 200);
		}
	});

	it('are as promtool wants them', async () => {
		const text = await (await scrape(`Bearer ${token}`)).text();
		assert.match(text, /holdall_backup_lag_seconds/);
		assert.deepEqual(await promtool(['check', 'metrics'], text), { code: 0, output: '' });
	});

	it('raise the alerts that they should', async () => {
		const { code, output } = await promtool(['test', 'rules', 'alerts_test.yml']);
		assert.equal(code, 0, output);
	});

	it('are those that the alerts and the dashboard ask for', async () => {
		// what is only there once something happened
		await fetch(`${server.url}/api/health`);
		const text = await (await scrape(`Bearer ${token}`)).text();
		const known = new Set([...text.matchAll(/^([a-z_]+)[{ ]/gm)].flatMap(([, name]) => [name, name.replace(/_(bucket|count|sum)$/, '')]));
		const rare = new Set([
			'holdall_changes_consumer_behind', 'holdall_changes_consumer_attempts', // there is none before a first endpoint
			'holdall_backup_drill_ok', 'holdall_backup_drill_timestamp_seconds', // nor before a first drill
		]);
		for (const file of ['deploy/prometheus/alerts.yml', 'deploy/grafana/holdall.json']) {
			const content = await readFile(new URL(`../${file}`, import.meta.url), 'utf8');
			const names = new Set([...content.matchAll(/\b(?:holdall|go|process)_[a-z_]+/g)].map(([name]) => name));
			assert.ok(names.size > 5, `${file} names ${names.size} metrics`);
			for (const name of names) {
				assert.ok(known.has(name) || rare.has(name), `${file} asks for ${name}, which there is not`);
			}
		}
	});
});
