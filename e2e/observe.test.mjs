// Metrics as Prometheus and an operator meet them.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { serve, superuser } from './support/server.mjs';
import { client } from './support/world.mjs';

const token = 'metrics-token-of-the-test';

describe('metrics', () => {
	let server;
	before(async () => {
		server = await serve('holdall', { env: { HOLDALL_METRICS_TOKEN: token } });
	});
	after(() => server.stop('SIGKILL'));

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

	it('are those that the alerts and the dashboard ask for', async () => {
		// what is only there once something happened
		await fetch(`${server.url}/api/health`);
		const text = await (await scrape(`Bearer ${token}`)).text();
		const known = new Set([...text.matchAll(/^([a-z_]+)[{ ]/gm)].flatMap(([, name]) => [name, name.replace(/_(bucket|count|sum)$/, '')]));
		const rare = new Set([
			'holdall_changes_consumer_behind', 'holdall_changes_consumer_attempts', // there is none before a first endpoint
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
