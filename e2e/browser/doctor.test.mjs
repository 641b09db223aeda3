// The page of the dashboard that says what is wrong with the server.
import assert from 'node:assert/strict';

import { app, invented } from './app.mjs';
import { assertAccessible, openPage } from './dashboard.mjs';

const world = app();
const part = '.holdall-doctor';

for (const scheme of ['light', 'dark']) {
	world.test(`what is wrong with the server, ${scheme}`, { scheme }, async (page) => {
		await openPage(page, world.url, 'Doctor');
		const finding = page.getByRole('listitem').filter({ hasText: 'backups.none' });
		await finding.getByText('There is no backup: a broken disk takes all data with it.').waitFor();
		await finding.getByText('HOLDALL_BACKUP_DIR').waitFor();
		await assertAccessible(page, part, `doctor-${scheme}`);
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
		await openPage(page, world.url, 'Doctor');
		await page.getByText('Nothing to do. 1 check found nothing. 1 finding ignored by the configuration.').waitFor();
		await page.getByText('Nothing found: Rules.').waitFor();
		await assertAccessible(page, part, `doctor-empty-${scheme}`);
	});
}
