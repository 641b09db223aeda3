// The page of the dashboard that says what is wrong with the server.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { superuser } from '../support/server.mjs';
import { app, assertFits, desktop, invented, phone } from './app.mjs';

const world = app();
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function signIn(page) {
	await page.goto(`${world.url}/_/#/login`);
	await page.getByLabel('Email').fill(superuser.email);
	await page.getByLabel('Password', { exact: false }).first().fill(superuser.password);
	await page.keyboard.press('Enter');
	await page.getByRole('link', { name: 'Doctor' }).click();
}

async function assertAccessible(page) {
	for (const viewport of [desktop, phone]) {
		await page.setViewportSize(viewport);
		await assertFits(page);
		await page.evaluate(axe);
		// the footer is the dashboard's own
		const { violations } = await page.evaluate(() => globalThis.axe.run({ include: ['.holdall-doctor'], exclude: ['.page-footer'] }));
		const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
		assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
	}
}

for (const scheme of ['light', 'dark']) {
	world.test(`what is wrong with the server, ${scheme}`, { scheme }, async (page) => {
		await signIn(page);
		const finding = page.getByRole('listitem').filter({ hasText: 'backups.none' });
		await finding.getByText('There is no backup: a broken disk takes all data with it.').waitFor();
		await finding.getByText('HOLDALL_BACKUP_DIR').waitFor();
		await assertAccessible(page);
		const answer = page.waitForResponse(/\/api\/doctor$/);
		await page.getByRole('button', { name: 'Look again' }).click();
		assert.equal((await answer).status(), 200);
		await finding.waitFor();
	});

	world.test(`nothing is wrong, ${scheme}`, { scheme }, async (page) => {
		await page.route(/\/api\/doctor$/, (route) => route.fulfill({
			headers: { [invented]: '1' },
			json: {
				at: new Date().toISOString(), versions: { program: '1.0.0' }, findings: [], errors: 0, warnings: 0, notes: 0, ignored: 1, seconds: 0.2,
				checks: [{ code: 'rules', title: 'Rules', findings: 0 }],
			},
		}));
		await signIn(page);
		await page.getByText('Nothing to do. 1 check found nothing. 1 finding ignored by the configuration.').waitFor();
		await page.getByText('Nothing found: Rules.').waitFor();
		await assertAccessible(page);
	});
}
