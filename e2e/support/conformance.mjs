// Runs one suite against both programs: what holds for PocketBase with nothing
// added has to hold here.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { mailbox } from './mail.mjs';
import { serve } from './server.mjs';
import { client, personClient, populate, rootClient } from './world.mjs';

/**
 * Declares the suite once for each program.
 *
 * @param {string} name
 * @param {(world: World) => void} suite declares its tests; the world is filled
 *   before the first of them runs
 * @param {{env?: object, populate?: boolean}} options
 */
export function conformance(name, suite, options = {}) {
	for (const program of (process.env.PROGRAMS ?? 'stock,holdall').split(',')) {
		describe(`${name}: ${program}`, () => {
			const world = new World(program);
			before(() => world.open(options));
			after(() => world.close());
			suite(world);
		});
	}
}

/** A running program, the mail it sent and ways to sign in. */
export class World {
	constructor(program) {
		this.program = program;
	}

	async open(options = {}) {
		this.mail = await mailbox();
		const env = this.program === 'holdall' ? options.env : undefined;
		this.server = await serve(this.program, env ? { env } : {});
		if (options.populate ?? true) {
			this.root = await populate(this.server, { smtp: this.mail.settings });
		} else {
			this.root = await rootClient(this.server);
		}
	}

	async close() {
		await this.server?.stop();
		await this.mail?.close();
	}

	get url() {
		return this.server.url;
	}

	/** A client that is nobody. */
	guest() {
		return client(this.server);
	}

	/** A client that is signed in as ada or bob. */
	person(name) {
		return personClient(this.server, name);
	}
}

/** Asserts that a call fails as the SDK reports it, and returns the error. */
export async function fails(promise, status, data) {
	let error;
	try {
		await promise;
	} catch (caught) {
		error = caught;
	}
	assert.ok(error, `got an answer, want status ${status}`);
	assert.equal(error.name, 'ClientResponseError 0'.replace('0', String(status)), error.stack);
	assert.equal(error.status, status);
	assert.equal(error.response.status, status);
	assert.equal(typeof error.response.message, 'string');
	if (data) {
		const codes = Object.fromEntries(
			Object.entries(error.response.data).map(([field, { code }]) => [field, code]),
		);
		assert.deepEqual(codes, data);
	}
	return error;
}
