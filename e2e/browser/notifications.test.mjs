// From an assignment to a notification in the browser. What a browser vendor's
// push service does is done by one of our own: it takes the message, and the test
// hands it to the service worker by the browser's remote control.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { pushService } from '../support/push-service.mjs';
import { until } from '../support/server.mjs';
import { app, createOrder, lookUp, people, phone, soon } from './app.mjs';

let service;
const world = app(async () => {
	service = await pushService();
	return service.env;
});
after(() => service?.close());

const day = `o/${people.slug}/day`;
const account = (page) => page.getByRole('button', { name: /^Account of/ });
const item = (page, name) => page.getByRole('button', { name });

/** Lets the page have notifications, and subscribe to our push service. */
async function allow(page) {
	await page.context().grantPermissions(['notifications'], { origin: world.url });
	await page.exposeFunction('subscribeAtService', () => service.subscribe());
	await page.addInitScript(subscribeElsewhere);
	await page.reload();
}

/** Runs in the page: Chromium's own subscribing needs its maker's service. */
function subscribeElsewhere() {
	const stored = 'test.subscription';
	const restored = () => {
		const text = localStorage.getItem(stored);
		if (!text) {
			return null;
		}
		const { json, key } = JSON.parse(text);
		return {
			endpoint: json.endpoint,
			options: { applicationServerKey: Uint8Array.from(key).buffer },
			toJSON: () => json,
			unsubscribe: async () => localStorage.removeItem(stored),
		};
	};
	PushManager.prototype.getSubscription = async () => restored();
	PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
		if (!restored()) {
			const json = await window.subscribeAtService();
			localStorage.setItem(stored, JSON.stringify({ json, key: [...applicationServerKey] }));
		}
		return restored();
	};
}

const subscription = (page) => page.evaluate(() => JSON.parse(localStorage.getItem('test.subscription'))?.json);

async function turnOn(page) {
	await allow(page);
	await account(page).click();
	await item(page, 'Notify me on this device').click();
	await page.getByText('You will be notified on this device.').waitFor();
	return subscription(page);
}

/** Hands a message to the page's service worker as a push service would. */
async function deliver(page, payload) {
	// "ready" comes before the worker is activated
	await page.evaluate(async () => {
		const { active } = await navigator.serviceWorker.ready;
		while (active.state !== 'activated') {
			await new Promise((resolve) => active.addEventListener('statechange', resolve, { once: true }));
		}
	});
	const control = await page.context().newCDPSession(page);
	const registered = new Promise((resolve) => {
		control.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
			const found = registrations.find(({ scopeURL }) => scopeURL.startsWith(world.url));
			if (found) {
				resolve(found.registrationId);
			}
		});
	});
	await control.send('ServiceWorker.enable');
	const registrationId = await registered;
	await control.send('ServiceWorker.deliverPushMessage', { origin: world.url, registrationId, data: JSON.stringify(payload) });
}

async function serviceWorker(page) {
	const [worker = await page.context().waitForEvent('serviceworker')] = page.context().serviceWorkers();
	return worker;
}

/**
 * Keeps what the page's service worker shows from now on. The browser's own list would
 * end the notification that it is asked for: Chromium drops from the list whatever is
 * not on the screen at that moment, also what is only on its way there.
 *
 * @returns {Promise<() => Promise<object[]>>} what has been shown so far
 */
async function watchShown(page) {
	const worker = await serviceWorker(page);
	await worker.evaluate(() => {
		self.shown = [];
		const show = ServiceWorkerRegistration.prototype.showNotification;
		ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
			await show.call(this, title, options);
			self.shown.push({ title, ...options });
		};
	});
	return () => worker.evaluate(() => self.shown);
}

/** Assigns an order to the technician and plans it. */
async function assign(title) {
	const pb = await world.client(people.dispatcher);
	const found = await lookUp(pb, world.root);
	return createOrder(pb, found, { title, assignee: await found.idOf(people.technician), ...soon() }, 'scheduled');
}

world.test('a technician is notified of an order', { as: people.technician, at: day, viewport: phone }, async (page) => {
	const subscribed = await turnOn(page);
	const order = await assign('Hang the doors');

	const [message] = await until(() => (service.messages(subscribed).length > 0 ? service.messages(subscribed) : undefined));
	assert.match(message.headers.authorization, /^vapid t=/);
	assert.equal(message.payload.title, `Order ${order.number} is yours`);

	const shown = await watchShown(page);
	await deliver(page, message.payload);
	const [notification] = await until(async () => {
		const all = await shown();
		return all.length > 0 ? all : undefined;
	});
	assert.equal(notification.title, message.payload.title);
	assert.match(notification.body, /^Hang the doors, /);
	assert.equal(notification.data.link, `#/o/${people.slug}/day/${order.id}`);
	// the server hears that it was shown
	await until(async () => {
		const { items } = await world.root.send('/api/push/messages', {});
		return items.find(({ title }) => title === message.payload.title)?.shown === 1;
	});
});

world.test('notifications are turned off, and end with the sign-out', { as: people.colleague, at: day, viewport: phone }, async (page) => {
	const devices = async () => (await world.root.collection('_pushDevices').getFullList()).length;
	const before = await devices();
	await turnOn(page);
	assert.equal(await devices(), before + 1);

	await page.reload(); // the choice outlives the page
	await account(page).click();
	await item(page, 'Stop notifying me on this device').click();
	await page.getByText('No more notifications on this device.').waitFor();
	assert.equal(await devices(), before);

	await account(page).click();
	await item(page, 'Notify me on this device').click();
	await page.getByText('You will be notified on this device.').waitFor();
	await account(page).click();
	await item(page, 'Sign out').click();
	await page.getByRole('heading', { name: 'Sign in' }).waitFor();
	await until(async () => (await devices()) === before);
	assert.equal(await subscription(page), undefined);
});

world.test(
	'notifications end with a sign-in that is no longer good',
	{ as: people.viewer, at: `o/${people.slug}/board`, allow: [/401/] },
	async (page) => {
		assert.ok(await turnOn(page));
		const users = world.root.collection('users');
		const { id } = await users.getFirstListItem(`email = "${people.viewer}"`);
		await users.update(id, { password: 'another-password', passwordConfirm: 'another-password' });
		await page.reload();
		await page.getByRole('heading', { name: 'Sign in' }).waitFor();
		await until(async () => (await subscription(page)) === undefined);
	},
);

world.test('a notification opens in the app, not in the dashboard', { as: people.technician, at: day, viewport: phone }, async (page) => {
	await turnOn(page);
	const dashboard = await page.context().newPage();
	await dashboard.goto(`${world.url}/_/`);
	await dashboard.bringToFront();
	const worker = await serviceWorker(page);
	const link = `#/o/${people.slug}/day/doesnotexist000`;
	// what a click does, which only a person can make
	await worker.evaluate((to) => open(to), link);
	await page.waitForURL((url) => url.hash === link);
});

world.test('nobody is asked who has said no', { as: people.technician, at: day }, async (page) => {
	await page.addInitScript(() => Object.defineProperty(Notification, 'permission', { get: () => 'denied' }));
	await page.reload();
	await account(page).click();
	await page.getByText("Notifications are blocked in this browser's settings").waitFor();
	assert.equal(await item(page, 'Notify me on this device').count(), 0);
});
