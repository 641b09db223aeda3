// The page of the dashboard that shows how the server is doing.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { superuser } from '../support/server.mjs';
import { app, assertFits, desktop, phone } from './app.mjs';

const world = app(async () => ({ HOLDALL_SLOW_QUERY: '1ms' }));
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

for (const scheme of ['light', 'dark']) {
	world.test(`how the server is doing, ${scheme}`, { scheme }, async (page) => {
		await page.goto(`${world.url}/_/#/login`);
		await page.getByLabel('Email').fill(superuser.email);
		await page.getByLabel('Password', { exact: false }).first().fill(superuser.password);
		await page.keyboard.press('Enter');
		await page.getByRole('link', { name: 'Server' }).click();
		await page.getByRole('cell', { name: 'GET /api/health' }).or(page.getByRole('cell', { name: '_superusers' })).first().waitFor();

		assert.equal(await page.locator('.observe-chart').count(), 8);
		await page.getByRole('heading', { name: 'Slow queries' }).waitFor();
		await page.getByText('Jobs by queue and state.').first().waitFor();
		for (const viewport of [desktop, phone]) {
			await page.setViewportSize(viewport);
			await assertFits(page);
			await page.evaluate(axe);
			const { violations } = await page.evaluate(() => globalThis.axe.run('.holdall-observe'));
			const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
			assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
		}
	});
}
