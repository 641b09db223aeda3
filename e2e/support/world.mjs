// The collections and settings that the conformance tests need. They are made
// through the API, on either program alike, beside whatever it has of its own.
import { EventSource } from 'eventsource';
import PocketBase from 'pocketbase';

import { superuser } from './server.mjs';

globalThis.EventSource = EventSource;

/** An SDK client that never cancels a call because a like one follows. */
export function client(server) {
	return new PocketBase(server.url).autoCancellation(false);
}

/** A client that is signed in as the superuser. */
export async function rootClient(server) {
	const pb = client(server);
	await pb.collection('_superusers').authWithPassword(superuser.email, superuser.password);
	return pb;
}

const signedIn = '@request.auth.id != ""';
const open = { listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '' };

/** Ids are given, so that both programs hold the same rows. */
export const ids = {
	ada: 'ada000000000001',
	bob: 'bob000000000001',
	red: 'tagred000000001',
	blue: 'tagblue00000001',
};

export const collections = [
	{
		name: 'conf_people',
		type: 'auth',
		listRule: signedIn,
		viewRule: signedIn,
		createRule: '',
		updateRule: 'id = @request.auth.id',
		deleteRule: 'id = @request.auth.id',
		otp: { enabled: true, length: 8, duration: 300 },
		authAlert: { enabled: false },
		fields: [
			{ name: 'name', type: 'text', max: 50 },
			{ name: 'secret', type: 'text', hidden: true },
		],
	},
	{
		name: 'conf_tags',
		type: 'base',
		...open,
		fields: [{ name: 'label', type: 'text', required: true, max: 20 }],
		indexes: ['CREATE UNIQUE INDEX idx_conf_tags_label ON conf_tags (label)'],
	},
	{
		name: 'conf_things',
		type: 'base',
		...open,
		deleteRule: signedIn,
		fields: [
			{ name: 'title', type: 'text', required: true, min: 2, max: 80, pattern: '^[^<>]*$' },
			{ name: 'body', type: 'editor' },
			{ name: 'amount', type: 'number', min: -100, max: 1000 },
			{ name: 'count', type: 'number', onlyInt: true },
			{ name: 'active', type: 'bool' },
			{ name: 'mail', type: 'email', exceptDomains: ['blocked.example'] },
			{ name: 'link', type: 'url' },
			{ name: 'due', type: 'date' },
			{ name: 'kind', type: 'select', maxSelect: 1, values: ['a', 'b', 'c'] },
			{ name: 'moods', type: 'select', maxSelect: 2, values: ['calm', 'wild', 'odd'] },
			{ name: 'data', type: 'json' },
			{ name: 'place', type: 'geoPoint' },
			{ name: 'attachment', type: 'file', maxSelect: 1, maxSize: 200_000 },
			{
				name: 'images', type: 'file', maxSelect: 3, maxSize: 200_000,
				mimeTypes: ['image/png'], thumbs: ['10x10', '0x8', '12x6f'],
			},
			{ name: 'owner', type: 'relation', maxSelect: 1, collection: 'conf_people' },
			{ name: 'tags', type: 'relation', maxSelect: 5, collection: 'conf_tags' },
			{ name: 'hush', type: 'text', hidden: true },
			{ name: 'created', type: 'autodate', onCreate: true },
			{ name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
		],
	},
	{
		name: 'conf_locked',
		type: 'base',
		fields: [{ name: 'note', type: 'text' }],
	},
	{
		name: 'conf_own',
		type: 'base',
		...Object.fromEntries(Object.keys(open).map((rule) => [rule, `${signedIn} && owner = @request.auth.id`])),
		fields: [
			{ name: 'note', type: 'text' },
			{ name: 'paper', type: 'file', maxSelect: 1, maxSize: 200_000, protected: true },
			{ name: 'owner', type: 'relation', maxSelect: 1, collection: 'conf_people' },
		],
	},
	{
		name: 'conf_totals',
		type: 'view',
		listRule: '',
		viewRule: '',
		viewQuery: 'SELECT t.id, t.title, COUNT(g.value) AS tagged FROM conf_things t ' +
			"LEFT JOIN json_each(CASE WHEN t.tags = '' THEN '[]' ELSE t.tags END) g GROUP BY t.id",
	},
];

/** Makes the collections, two people and two tags. Batch is switched on. */
export async function populate(server, { smtp } = {}) {
	const root = await rootClient(server);
	await root.settings.update({
		batch: { enabled: true, maxRequests: 20, timeout: 5 },
		...(smtp ? { smtp } : {}),
	});

	const made = {};
	for (const { fields = [], ...definition } of collections) {
		const model = await root.collections.create({
			...definition,
			...(definition.type === 'view' ? {} : {
				fields: fields.map(({ collection, ...field }) =>
					collection ? { ...field, collectionId: made[collection] } : field),
			}),
		});
		made[definition.name] = model.id;
	}

	for (const name of ['ada', 'bob']) {
		await root.collection('conf_people').create({
			id: ids[name], email: `${name}@example.com`, emailVisibility: true, verified: true,
			password: 'person-password', passwordConfirm: 'person-password', name, secret: 'hidden',
		});
	}
	for (const label of ['red', 'blue']) {
		await root.collection('conf_tags').create({ id: ids[label], label });
	}
	return root;
}

/** A client that is signed in as one of the people. */
export async function personClient(server, name) {
	const pb = client(server);
	await pb.collection('conf_people').authWithPassword(`${name}@example.com`, 'person-password');
	return pb;
}

/** A small PNG, 20 by 10 pixels of one grey. */
export function picture() {
	const png = 'iVBORw0KGgoAAAANSUhEUgAAABQAAAAKCAAAAACRPiE6AAAAD0lEQVR42mNowAIYhrIgAAc5ZAFLvsJUAAAAAElFTkSuQmCC';
	return new Blob([Buffer.from(png, 'base64')], { type: 'image/png' });
}
