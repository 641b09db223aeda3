// The program with its demo data, and Chromium to look at it with. Every page is
// watched: a test fails on a console error, a request to anybody else, or
// something that the content security policy stopped, whatever else it tests.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { EventSource } from 'eventsource';
import { chromium } from 'playwright-core';
import PocketBase from 'pocketbase';

import { alias, observe } from '../support/described.mjs';
import { mailbox } from '../support/mail.mjs';
import { serve } from '../support/server.mjs';
import { wire } from './wire.mjs';

globalThis.EventSource = EventSource;

export const password = 'holdall-demo';

/** People of the demo data, by what they are in the organization `slug`. */
export const people = {
	slug: 'tinderbrook',
	owner: 'ottoline@demo.example',
	dispatcher: 'fenwick@demo.example',
	technician: 'barnaby@demo.example',
	colleague: 'clover@demo.example',
	viewer: 'winifred@demo.example',
};

const chromiumPaths = [process.env.CHROMIUM_BIN, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const flags = [
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

/** A header of answers that a test makes up, which no document describes. */
export const invented = 'x-invented';

export const desktop = { width: 1440, height: 900 };
export const phone = { width: 360, height: 780 };

/**
 * Starts the program and the browser around a file's tests.
 *
 * @param {() => Promise<object>} environment variables of the program beside the usual ones
 */
export function app(environment = async () => ({})) {
	const world = new World();
	before(async () => world.open(await environment()));
	after(() => world.close());
	return world;
}

class World {
	async open(env) {
		this.mail = await mailbox();
		this.server = await serve('holdall', { args: ['--demo'], env });
		this.url = this.server.url;
		this.root = new PocketBase(this.url).autoCancellation(false);
		await this.root.collection('_superusers').authWithPassword('root@example.com', 'root-password-1');
		await this.root.settings.update({ meta: { appURL: this.url }, smtp: this.mail.settings });
		this.browser = await chromium.launch({ executablePath: chromiumPaths.find((path) => path && existsSync(path)), args: flags });
	}

	async close() {
		await this.browser?.close();
		await this.server?.stop();
		await this.mail?.close();
	}

	/** An SDK client that is signed in as one of the people. */
	async client(email) {
		const pb = new PocketBase(this.url).autoCancellation(false);
		await pb.collection('users').authWithPassword(email, password);
		return pb;
	}

	/**
	 * Declares a test with a page of its own.
	 *
	 * @param {string} name
	 * @param {{as?: string, at?: string, path?: string, viewport?: object, scheme?: 'light'|'dark', allow?: RegExp[], wired?: boolean}} options
	 *   as: who is signed in · at: where, after the "#" · path: where, if not in the app · allow: console errors that belong to the test ·
	 *   wired: the page reaches the server by a wire that the body gets, to cut it
	 * @param {(page: import('playwright-core').Page, wire?: object) => Promise<void>} body
	 */
	test(name, options, body) {
		test(name, async () => {
			const link = options.wired ? await wire(this.server.port) : undefined;
			if (link) {
				alias(link.url, this.url);
			}
			const { page, problems } = await this.page({ ...options, base: link?.url });
			try {
				await body(page, link);
				assert.deepEqual(problems, []);
			} catch (error) {
				await keepPicture(page, name, error);
				throw error;
			} finally {
				await page.context().close();
				await link?.close();
			}
		});
	}

	/** Opens a page and watches it. */
	async page({ as, at = '', path = `/#/${at}`, viewport = desktop, scheme = 'light', allow = [], base = this.url }) {
		const context = await this.browser.newContext({ viewport, colorScheme: scheme, hasTouch: viewport.width < 500, reducedMotion: 'reduce' });
		const page = await context.newPage();
		page.setDefaultTimeout(30_000);
		const problems = this.watch(page, base, allow);
		if (as) {
			const { authStore } = await this.client(as);
			await context.addInitScript(([token, record]) => {
				// only once: a page that signs out must stay signed out
				if (!sessionStorage.getItem('signed-in')) {
					localStorage.setItem('pocketbase_auth', JSON.stringify({ token, record }));
					sessionStorage.setItem('signed-in', '1');
				}
			}, [authStore.token, authStore.record]);
		}
		await page.goto(base + path);
		return { page, problems };
	}

	watch(page, base, allow) {
		const problems = [];
		const report = (text) => {
			if (!allow.some((pattern) => pattern.test(text))) {
				problems.push(text);
			}
		};
		page.on('console', (message) => {
			if (message.type() === 'error' || message.type() === 'warning') {
				report(`console: ${message.text()}`);
			}
		});
		page.on('pageerror', (error) => report(`uncaught: ${error.stack}`));
		page.on('response', (response) => {
			if (!(invented in response.headers())) {
				observe(exchange(response));
			}
		});
		page.on('request', (request) => {
			const url = new URL(request.url());
			if (url.origin !== base && url.protocol !== 'blob:' && url.protocol !== 'data:') {
				report(`request to ${url.origin}`);
			}
		});
		void page.addInitScript(() => {
			document.addEventListener('securitypolicyviolation', (event) => {
				console.error(`content security policy: ${event.violatedDirective} stopped ${event.blockedURI}`);
			});
		});
		return problems;
	}
}

/** Answers of which the browser has no body for us: streams and downloads. */
const unread = [
	(headers) => headers['content-type']?.startsWith('text/event-stream'),
	(headers) => headers['content-disposition']?.startsWith('attachment'),
];

/** What passed between the page and a server, to compare with its document. */
function exchange(response) {
	const request = response.request();
	const headers = response.headers();
	const body = request.postData();
	return {
		method: request.method(), url: response.url(), status: response.status(), headers,
		body: () => (unread.some((is) => is(headers)) ? undefined : response.text().catch(() => undefined)), // gone with its page
		sent: body === null ? undefined : { type: request.headers()['content-type'] ?? '', body },
	};
}

async function keepPicture(page, name, error) {
	const folder = join(tmpdir(), 'holdall-browser');
	const file = join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.png`);
	await mkdir(folder, { recursive: true });
	await page.screenshot({ path: file }).catch(() => {});
	error.message += `\n(the page as it was: ${file})`;
}

/** Fails when the page is wider than the window. */
export async function assertFits(page) {
	const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
	assert.ok(content <= window, `the page is ${content} px wide in a window of ${window} px`);
}

/** The ids of an organization's first site and of people by address. */
export async function lookUp(pb, root) {
	const organization = await pb.collection('organizations').getFirstListItem(`slug = "${people.slug}"`);
	const site = await pb.collection('sites').getFirstListItem(`organization = "${organization.id}"`);
	const idOf = async (email) => (await root.collection('users').getFirstListItem(`email = "${email}"`)).id;
	return { organization, site, idOf };
}

/** Creates an order through the API, and moves it on as far as wanted. */
export async function createOrder(pb, { organization, site }, fields, ...moves) {
	let order = await pb.collection('work_orders').create({
		organization: organization.id,
		site: site.id,
		priority: 'normal',
		...fields,
	});
	for (const to of moves) {
		order = await pb.send(`/api/v1/work-orders/${order.id}/transition`, { method: 'POST', body: { to } });
	}
	return order;
}

/** A start and an end that make an order schedulable: in an hour, for an hour. */
export function soon() {
	const at = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
	return { scheduledStart: at(1), scheduledEnd: at(2) };
}
