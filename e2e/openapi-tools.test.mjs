// What the tools of others say of the documents: those of the reference app, and of
// a hundred collections with everything that a collection can have.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';

import SwaggerParser from '@apidevtools/swagger-parser';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectral from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';
import openapiTypeScript, { astToString } from 'openapi-typescript';
import ts from 'typescript';

import { serve } from './support/server.mjs';
import { torture } from './support/torture.mjs';
import { client, rootClient } from './support/world.mjs';

const documents = {}; // as text, by name

before(async () => {
	const server = await serve('holdall', { args: ['--demo'] });
	try {
		const root = await rootClient(server);
		const viewer = client(server);
		await viewer.collection('users').authWithPassword('winifred@demo.example', 'holdall-demo');
		const read = async (token) => (await fetch(`${server.url}/api/openapi.json`, { headers: { Authorization: token } })).text();
		documents['reference app, superuser'] = await read(root.authStore.token);
		documents['reference app, viewer'] = await read(viewer.authStore.token);
		await root.send('/api/collections/import', { method: 'PUT', body: torture() });
		await root.settings.update({ batch: { enabled: true }, rateLimits: { enabled: true, rules: [{ label: '*:auth', maxRequests: 1000, duration: 1 }] } });
		documents['torture schema, superuser'] = await read(root.authStore.token);
	} finally {
		await server.stop();
	}
});

/** Declares a test of each document. */
function ofEach(name, body) {
	for (const which of ['reference app, superuser', 'reference app, viewer', 'torture schema, superuser']) {
		test(`${name}: ${which}`, () => body(documents[which]));
	}
}

const shown = (problems) => problems.slice(0, 20).join('\n');

ofEach('Redocly', async (text) => {
	const config = await createConfig({ extends: ['recommended'] });
	const problems = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
	const errors = problems.filter(({ severity }) => severity === 'error');
	assert.equal(errors.length, 0, shown(errors.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`)));
});

ofEach('Spectral', async (text) => {
	const linter = new spectral.Spectral();
	linter.setRuleset({ extends: [[rulesets.oas, 'recommended']] });
	const errors = (await linter.run(JSON.parse(text))).filter(({ severity }) => severity === 0);
	assert.equal(errors.length, 0, shown(errors.map(({ code, message, path }) => `${code}: ${message} at ${path.join('/')}`)));
});

ofEach('swagger-parser', (text) => SwaggerParser.validate(JSON.parse(text)));

test('openapi-typescript, and the compiler', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdall-e2e-types-'));
	t.after(() => rm(folder, { recursive: true }));
	const files = [];
	for (const [i, text] of Object.values(documents).entries()) {
		files.push(join(folder, `${i}.ts`));
		const types = astToString(await openapiTypeScript(JSON.parse(text)));
		assert.match(types, /export interface operations/);
		await writeFile(files.at(-1), types);
	}
	const program = ts.createProgram(files, { strict: true, noEmit: true, exactOptionalPropertyTypes: true, types: [], lib: ['lib.es2022.d.ts'] });
	const problems = ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
	assert.deepEqual(problems, []);
});
