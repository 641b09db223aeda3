// The page of the dashboard that shows how the backup is.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

import { serve, superuser } from '../support/server.mjs';
import { app, assertFits, desktop, phone } from './app.mjs';

const disk = await mkdtemp(join(tmpdir(), 'holdall-e2e-backup-page-'));
const target = join(disk, 'mounted');
const world = app(async () => {
	await mkdir(target);
	return { HOLDALL_BACKUP_DIR: target, HOLDALL_BACKUP_INTERVAL: '100ms' };
});
after(() => rm(disk, { recursive: true, force: true })); // after the server, which writes there
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function signIn(page, url) {
	await page.goto(`${url}/_/#/login`);
	await page.getByLabel('Email').fill(superuser.email);
	await page.getByLabel('Password', { exact: false }).first().fill(superuser.password);
	await page.keyboard.press('Enter');
	await page.getByRole('link', { name: 'Backup', exact: true }).click();
}

async function assertAccessible(page) {
	await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))));
	await page.evaluate(axe);
	const { violations } = await page.evaluate(() => globalThis.axe.run({ include: ['.holdall-backup'], exclude: ['.page-footer'] })); // which is PocketBase's
	assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
}

for (const scheme of ['light', 'dark']) {
	world.test(`how the backup is, ${scheme}`, { scheme }, async (page) => {
		await signIn(page, world.url);
		await page.getByText(/At most .* behind/).waitFor();
		await page.getByRole('region', { name: 'Copies in directory' }).getByRole('cell', { name: 'data.db' }).waitFor();
		await page.getByRole('region', { name: 'Times that can be restored' }).getByRole('cell', { name: 'auxiliary.db' }).waitFor();
		assert.ok((await page.getByText(target).count()) > 0, 'the place is not named');

		await page.getByRole('button', { name: 'Run a drill now' }).focus();
		await page.keyboard.press('Enter');
		await page.getByText('The drill is over: the backup is whole.').waitFor({ timeout: 60_000 });
		await page.getByRole('region', { name: 'Drills' }).getByRole('cell', { name: 'whole' }).first().waitFor();
		for (const viewport of [desktop, phone]) {
			await page.setViewportSize(viewport);
			await assertFits(page);
			await assertAccessible(page);
			if (process.env.SCREENSHOTS) {
				await page.screenshot({ path: join(process.env.SCREENSHOTS, `backup-${scheme}-${viewport.width}.png`), fullPage: true });
			}
		}
	});
}

world.test('what is wrong with the backup', {}, async (page) => {
	await rename(target, join(disk, 'away')); // at once, whatever is being written there
	await signIn(page, world.url);
	await page.getByRole('button', { name: 'Run a drill now' }).click();
	await page.getByText('The drill is over: it failed.').waitFor({ timeout: 60_000 });
	await page.getByRole('alert').filter({ hasText: 'the restore drill of' }).waitFor();
	await page.getByRole('cell', { name: /no such file/ }).first().waitFor();
	await assertFits(page);
	await assertAccessible(page);
	if (process.env.SCREENSHOTS) {
		await page.screenshot({ path: join(process.env.SCREENSHOTS, 'backup-wrong.png'), fullPage: true });
	}
});

world.test('how to begin', {}, async () => {
	const bare = await serve('holdall');
	try {
		const other = await world.page({ base: bare.url, path: '/_/#/login' });
		await signIn(other.page, bare.url);
		await other.page.getByRole('heading', { name: 'Nothing is backed up' }).waitFor();
		await other.page.getByText('HOLDALL_BACKUP_DIR').waitFor();
		await assertAccessible(other.page);
		assert.deepEqual(other.problems, []);
		await other.page.context().close();
	} finally {
		await bare.stop();
	}
});
