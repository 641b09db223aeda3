// The pages that plugins add to PocketBase's dashboard.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { superuser } from '../support/server.mjs';
import { assertFits, desktop, phone } from './app.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Signs in to the dashboard and opens the page that its menu has a link to, without a mouse. */
export async function openPage(page, url, link) {
	await page.goto(`${url}/_/#/login`);
	await page.getByLabel('Email').fill(superuser.email);
	await page.getByLabel('Password', { exact: false }).first().fill(superuser.password);
	await page.keyboard.press('Enter');
	await page.getByRole('link', { name: link }).focus();
	await page.keyboard.press('Enter');
}

/**
 * Fails when the page is wider than a screen or a phone, or axe finds something serious in it.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} part the selector of what the plugin has drawn
 * @param {string} name of the pictures in the folder E2E_PICTURES, if that is set
 */
export async function assertAccessible(page, part, name) {
	for (const viewport of [desktop, phone]) {
		await page.setViewportSize(viewport);
		await assertFits(page);
		await page.evaluate(axe);
		// the footer is the dashboard's own
		const { violations } = await page.evaluate((include) => globalThis.axe.run({ include: [include], exclude: ['.page-footer'] }), part);
		const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
		assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
		if (process.env.E2E_PICTURES) {
			await page.screenshot({ path: join(process.env.E2E_PICTURES, `${name}-${viewport.width}.png`), fullPage: true });
		}
	}
}
