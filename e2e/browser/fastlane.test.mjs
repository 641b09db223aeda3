// The page of the dashboard that shows what the fast lane answers.
import assert from 'node:assert/strict';

import { until } from '../support/server.mjs';
import { app, invented, people } from './app.mjs';
import { assertAccessible, openPage } from './dashboard.mjs';

const world = app(async () => ({ HOLDALL_FAST_LANE: 'true', HOLDALL_FAST_LANE_CACHE: '8MiB', HOLDALL_FAST_LANE_ETAGS: 'true' }));
const part = '.holdall-fastlane';

for (const scheme of ['light', 'dark']) {
	world.test(`what the fast lane answers, ${scheme}`, { scheme }, async (page) => {
		const client = await world.client(people.owner);
		const [{ id }] = (await client.collection('sites').getList(1, 1)).items;
		await until(async () => { // as everything that the program writes ends what is kept
			await client.collection('sites').getOne(id);
			const { actions } = await world.root.send('/api/fastlane', {});
			return actions.find(({ action }) => action === 'view').kept > 0;
		});
		await client.collection('sites').getList(1, 1, { sort: '@random' });
		await openPage(page, world.url, 'Fast lane');
		await page.getByText('answered by the fast lane').waitFor();
		const views = page.getByRole('region', { name: 'What was asked' }).getByRole('row').filter({ hasText: 'View of a record' });
		await views.getByRole('cell', { name: '100 %' }).waitFor();
		await page.getByRole('row').filter({ hasText: 'The sort is random' }).getByText('sort', { exact: true }).waitFor();
		await page.getByText(/of the lane's views and lists, \d+ of \d+, were answers kept from before/).waitFor();
		await assertAccessible(page, part, `fastlane-${scheme}`);

		const { token } = world.root.authStore;
		const metrics = await (await fetch(`${world.url}/metrics`, { headers: { authorization: token } })).text();
		assert.match(metrics, /^holdall_fastlane_served_total\{action="view"\} [1-9]/m);
		assert.match(metrics, /^holdall_fastlane_kept_total\{action="view"\} [1-9]/m);
		assert.match(metrics, /^holdall_fastlane_handed_on_total\{action="list",reason="sort"\} [1-9]/m);
	});

	world.test(`nothing was asked, ${scheme}`, { scheme }, async (page) => {
		await page.route(/\/api\/fastlane$/, (route) => route.fulfill({
			headers: { [invented]: '1' },
			json: { started: new Date().toISOString(), actions: [{ action: 'view', served: 0, handedOn: [] }] },
		}));
		await openPage(page, world.url, 'Fast lane');
		await page.getByText('Nothing has been asked since').waitFor();
		await assertAccessible(page, part, `fastlane-empty-${scheme}`);
	});
}
