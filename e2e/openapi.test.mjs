// The documents of the reference app: what the tools of others say of them, and
// whether what the program answers is what they say.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { run, serve } from './support/server.mjs';
import { rootClient } from './support/world.mjs';

let server;
before(async () => {
	server = await serve('holdall', { args: ['--demo'] });
});
after(() => server?.stop());

const fetchDocument = async (token) => {
	const answer = await fetch(`${server.url}/api/openapi.json`, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
	assert.equal(answer.status, 200);
	return { document: await answer.json(), etag: answer.headers.get('etag') };
};

test('each sees what they may call', async () => {
	const root = await rootClient(server);
	const guest = (await fetchDocument()).document;
	const superuser = (await fetchDocument(root.authStore.token)).document;
	assert.equal(superuser.openapi, '3.1.0');
	assert.ok(Object.keys(superuser.paths).length > Object.keys(guest.paths).length);
	assert.ok(superuser.paths['/api/settings']);
	assert.equal(guest.paths['/api/settings'], undefined);
	assert.equal(guest.paths['/api/collections/work_orders/records'], undefined);

	const actions = (document, collection) => [
		...Object.keys(document.paths[`/api/collections/${collection}/records`] ?? {}),
		...Object.keys(document.paths[`/api/collections/${collection}/records/{id}`] ?? {}),
	].sort().join(' ');
	for (const [name, want] of [
		['ottoline', 'delete get get patch post'], // owner
		['fenwick', 'get get patch post'], // dispatcher
		['barnaby', 'get get patch'], // technician
		['winifred', 'get get'], // viewer
	]) {
		const signedIn = await fetch(`${server.url}/api/collections/users/auth-with-password`, {
			method: 'POST', headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ identity: `${name}@demo.example`, password: 'holdall-demo' }),
		});
		const { document } = await fetchDocument((await signedIn.json()).token);
		assert.equal(actions(document, 'work_orders'), want, name);
	}
});

test('an unchanged document is not sent twice', async () => {
	const { etag } = await fetchDocument();
	const again = await fetch(`${server.url}/api/openapi.json`, { headers: { 'If-None-Match': etag } });
	assert.equal(again.status, 304);
});

test('the command prints what the server serves', async () => {
	const { code, stdout, stderr } = await run('holdall', ['openapi', '--dir', server.dir, '--view', 'public']);
	assert.equal(code, 0, stderr);
	const printed = JSON.parse(stdout);
	const { document } = await fetchDocument();
	const paths = Object.keys(document.paths).filter((path) => path !== '/api/v1/demo'); // which only serve --demo has
	assert.deepEqual(Object.keys(printed.paths).sort(), paths.sort());
});
