// The page of the dashboard that shows what the fast lane answers.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { superuser } from '../support/server.mjs';
import { app, assertFits, desktop, invented, people, phone } from './app.mjs';

const world = app(async () => ({ HOLDALL_FAST_LANE: 'true' }));
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function signIn(page) {
	await page.goto(`${world.url}/_/#/login`);
	await page.getByLabel('Email').fill(superuser.email);
	await page.getByLabel('Password', { exact: false }).first().fill(superuser.password);
	await page.keyboard.press('Enter');
	await page.getByRole('link', { name: 'Fast lane' }).focus();
	await page.keyboard.press('Enter');
}

async function assertAccessible(page, name) {
	for (const viewport of [desktop, phone]) {
		await page.setViewportSize(viewport);
		await assertFits(page);
		await page.evaluate(axe);
		// the footer is the dashboard's own
		const { violations } = await page.evaluate(() => globalThis.axe.run({ include: ['.holdall-fastlane'], exclude: ['.page-footer'] }));
		const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
		assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
		if (process.env.E2E_PICTURES) {
			await page.screenshot({ path: join(process.env.E2E_PICTURES, `fastlane-${name}-${viewport.width}.png`), fullPage: true });
		}
	}
}

for (const scheme of ['light', 'dark']) {
	world.test(`what the fast lane answers, ${scheme}`, { scheme }, async (page) => {
		const client = await world.client(people.owner);
		const [{ id }] = (await client.collection('sites').getList(1, 1)).items;
		await client.collection('sites').getOne(id);
		await client.collection('sites').getList(1, 1, { sort: '@random' });
		await signIn(page);
		await page.getByText('answered by the fast lane').waitFor();
		const views = page.getByRole('region', { name: 'What was asked' }).getByRole('row').filter({ hasText: 'View of a record' });
		await views.getByRole('cell', { name: '100 %' }).waitFor();
		await page.getByRole('row').filter({ hasText: 'The sort is random' }).getByText('sort', { exact: true }).waitFor();
		await assertAccessible(page, scheme);

		const { token } = world.root.authStore;
		const metrics = await (await fetch(`${world.url}/metrics`, { headers: { authorization: token } })).text();
		assert.match(metrics, /^holdall_fastlane_served_total\{action="view"\} [1-9]/m);
		assert.match(metrics, /^holdall_fastlane_handed_on_total\{action="list",reason="sort"\} [1-9]/m);
	});

	world.test(`nothing was asked, ${scheme}`, { scheme }, async (page) => {
		await page.route(/\/api\/fastlane$/, (route) => route.fulfill({
			headers: { [invented]: '1' },
			json: { started: new Date().toISOString(), actions: [{ action: 'view', served: 0, handedOn: [] }] },
		}));
		await signIn(page);
		await page.getByText('Nothing has been asked since').waitFor();
		await assertAccessible(page, `empty-${scheme}`);
	});
}
