// The page that shows the API, as either program draws it: nothing is asked of
// anybody else, nothing is stopped by the content security policy, axe finds nothing
// serious, and a call that is tried from it works.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { until } from '../support/server.mjs';
import { app, assertFits, desktop, people, phone } from './app.mjs';

const scalar = app();
const swagger = app(async () => ({ HOLDALL_API_PAGE: 'swagger-ui' }));
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails when axe finds something serious that is there to stay: what is drawn comes piece by piece. */
async function assertAccessible(page, where, options = {}) {
	if (!(await page.evaluate(() => Boolean(window.axe)))) {
		await page.evaluate(axe);
	}
	await until(async () => {
		const { violations, passes } = await page.evaluate((chosen) => window.axe.run(document, { resultTypes: ['violations'], ...chosen }), options);
		assert.ok(passes.length > (options.runOnly ? 0 : 10), `axe looked at next to nothing on ${where}`);
		const serious = violations
			.filter(({ impact }) => impact === 'serious' || impact === 'critical')
			.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.slice(0, 3).map(({ html, failureSummary }) => `  ${html.slice(0, 200)}\n  ${failureSummary}`).join('\n')}`);
		assert.equal(serious.join('\n'), '', where);
		return true;
	});
}

/** What the two need to be told apart for. */
const pages = {
	Scalar: {
		world: scalar,
		ready: (page) => page.locator('h2, button', { hasText: 'work_orders' }).first().waitFor({ state: 'attached' }),
	},
	'Swagger UI': {
		world: swagger,
		ready: (page) => page.locator('#operations-tag-work_orders').waitFor(),
	},
};

for (const [name, { world, ready }] of Object.entries(pages)) {
	world.test(name, { as: people.dispatcher, path: '/api/docs' }, async (page) => {
		const look = async (scheme, viewport, options) => {
			await page.setViewportSize(viewport);
			await ready(page);
			await assertFits(page);
			await assertAccessible(page, `${name}, ${scheme}, ${viewport.width} px`, options);
		};
		await look('light', desktop);
		await look('light', phone);
		await page.emulateMedia({ colorScheme: 'dark' });
		await page.locator(':is(html, body).dark-mode').waitFor();
		// in the dark nothing but the colours is another
		await look('dark', phone, { runOnly: ['color-contrast'] });
		await look('dark', desktop, { runOnly: ['color-contrast'] });
	});

	world.test(`${name} shows guests what they may call`, { path: '/api/docs' }, async (page) => {
		await page.getByText('users', { exact: true }).first().waitFor();
		assert.equal(await page.locator('#who option').count(), 1);
		assert.equal(await page.getByText('work_orders', { exact: true }).count(), 0);
	});
}

/** The answer to a list of orders that is asked for by a click on the button. */
async function asked(page, button) {
	const [answer] = await Promise.all([
		page.waitForResponse((response) => new URL(response.url()).pathname === '/api/collections/work_orders/records'),
		button.click(),
	]);
	assert.equal(answer.status(), 200);
	assert.ok((await answer.json()).items.length > 0, 'the call was not signed in');
}

scalar.test('a call is tried with the sign-in of the app', { as: people.dispatcher, path: '/api/docs' }, async (page) => {
	await page.locator('#who option').nth(1).waitFor({ state: 'attached' });
	assert.match(await page.locator('#who option:checked').textContent(), /fenwick@demo\.example/);
	await page.getByText('work_orders', { exact: true }).first().click();
	await page.getByText('List records of work_orders').first().click();
	await page.getByRole('button', { name: /Test Request.*\/work_orders\/records\)?$/i }).first().click();
	const send = page.getByRole('button', { name: /^Send/ }).first();
	await send.waitFor();
	await assertAccessible(page, 'the form to try a call');
	await asked(page, send);
});

swagger.test('a call is tried with the sign-in of the app, in Swagger UI', { as: people.dispatcher, path: '/api/docs' }, async (page) => {
	await page.locator('#operations-tag-work_orders').click();
	const operation = page.locator('.opblock', { hasText: 'List records of work_orders' });
	await operation.locator('.opblock-summary-control').click();
	await operation.getByRole('button', { name: 'Try it out' }).click();
	// the examples of the parameters are filled in
	for (const input of await operation.locator('tr[data-param-name] input').all()) {
		await input.fill('');
	}
	await asked(page, operation.getByRole('button', { name: 'Execute' }));
});
