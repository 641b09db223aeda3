// The page that shows the API: nothing is asked of anybody else, nothing is
// stopped by the content security policy, and a call that is tried from it works.
import assert from 'node:assert/strict';

import { app, people } from './app.mjs';

const world = app();

world.test('the API as guests may use it', {}, async (page) => {
	await page.goto(`${world.url}/api/docs`);
	await page.getByText('users', { exact: true }).first().waitFor();
	assert.equal(await page.locator('#who option').count(), 1);
});

world.test('a call is tried with the sign-in of the app', { as: people.dispatcher }, async (page) => {
	await page.goto(`${world.url}/api/docs`);
	await page.locator('#who option').nth(1).waitFor({ state: 'attached' });
	assert.match(await page.locator('#who option:checked').textContent(), /fenwick@demo\.example/);
	await page.getByText('work_orders', { exact: true }).first().click();
	await page.getByText('List records of work_orders').first().click();
	await page.getByRole('button', { name: /Test Request.*\/work_orders\/records\)?$/i }).first().click();
	const [answer] = await Promise.all([
		page.waitForResponse((response) => new URL(response.url()).pathname === '/api/collections/work_orders/records'),
		page.getByRole('button', { name: /^Send/ }).first().click(),
	]);
	assert.equal(answer.status(), 200);
	assert.ok((await answer.json()).items.length > 0, 'the call was not signed in');
});
