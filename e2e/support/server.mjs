// Starts the programs under test as a person would: a process with a data
// folder of its own on a free port.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describedAt, forget } from './described.mjs';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** What can be started. `make build` and `make build-stock` make the files. */
export const programs = {
	holdall: process.env.HOLDALL_BIN ?? join(dist, 'holdall'),
	stock: process.env.STOCK_BIN ?? join(dist, 'stock'),
};

/**
 * How many milliseconds to wait for what has to come: as long as it may take a machine
 * that is busy with other things. Only what never comes takes that long.
 */
export const patience = 60_000;

export const superuser = { email: 'root@example.com', password: 'root-password-1' };

// The environment of the person who runs the tests must not change a result.
const inherited = Object.fromEntries(
	Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDALL_')),
);

const undoing = new WeakMap(); // by test

/**
 * Undoes something when a test is over, before what was to be undone earlier: a server
 * ends, and only then its folder goes. Node's own hooks run in the order in which they
 * were added, and none after one that fails.
 *
 * @param {import('node:test').TestContext} t
 * @param {() => Promise<unknown>} undo
 */
export function atEnd(t, undo) {
	const undos = undoing.get(t) ?? [];
	undos.push(undo);
	if (undos.length > 1) {
		return;
	}
	undoing.set(t, undos);
	t.after(async () => {
		const errors = [];
		for (const each of undos.reverse()) {
			await each().catch((error) => errors.push(error));
		}
		if (errors.length > 0) {
			throw new AggregateError(errors, errors.join('\n'));
		}
	});
}

/** Makes a folder that is gone when the test is over and its servers have ended. */
export async function folder(t) {
	const dir = await mkdtemp(join(tmpdir(), 'holdall-e2e-'));
	atEnd(t, () => rm(dir, { recursive: true, force: true }));
	return dir;
}

/**
 * Runs a program to its end.
 * @returns {Promise<{code: number, signal: string|null, stdout: string, stderr: string}>}
 */
export function run(program, args, { env = {}, timeout = patience } = {}) {
	const child = spawn(programs[program], args, {
		env: { ...inherited, ...env },
		stdio: ['ignore', 'pipe', 'pipe'],
		timeout,
		killSignal: 'SIGKILL',
	});
	const output = collect(child);
	return new Promise((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code, signal) => resolve({ code, signal, ...output }));
	});
}

/**
 * Starts `serve` and waits until it answers.
 *
 * A server is stopped by its handle, and its data folder goes with it unless
 * `dir` was given.
 *
 * @param {'holdall'|'stock'} program
 * @param {{env?: object, args?: string[], dir?: string, port?: number, superuser?: boolean}} options
 */
export async function serve(program, options = {}) {
	const dir = options.dir ?? (await mkdtemp(join(tmpdir(), `holdall-e2e-${program}-`)));
	const port = options.port ?? (await freePort());
	const env = { ...defaults[program], ...options.env };

	if (options.superuser ?? true) {
		const created = await run(
			program,
			['superuser', 'upsert', superuser.email, superuser.password, '--dir', dir],
			{ env },
		);
		if (created.code !== 0) {
			throw new Error(`create the superuser: exit code ${created.code}\n${created.stderr}`);
		}
	}

	const child = spawn(
		programs[program],
		// below the system's folder for temporary files PocketBase takes itself for
		// a program under development, unless it is told
		['serve', '--dev=false', '--dir', dir, '--http', `127.0.0.1:${port}`, ...(options.args ?? [])],
		{ env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
	);
	const server = new Server(program, child, dir, port, options.dir === undefined);
	try {
		await server.ready();
	} catch (error) {
		await server.stop('SIGKILL');
		throw error;
	}
	if (program === 'holdall') {
		describedAt(server.url, superuser);
	}
	return server;
}

// Two thousand calls in a few seconds are no attack here.
const defaults = { holdall: { HOLDALL_RATE_LIMITS: 'false' }, stock: {} };

class Server {
	#child;
	#closed;
	#ownsDir;

	constructor(program, child, dir, port, ownsDir) {
		this.program = program;
		this.dir = dir;
		this.port = port;
		this.url = `http://127.0.0.1:${port}`;
		this.output = collect(child);
		this.#child = child;
		this.#ownsDir = ownsDir;
		this.#closed = new Promise((resolve) => {
			child.once('error', (error) => resolve({ code: null, signal: null, error }));
			child.once('close', (code, signal) => resolve({ code, signal }));
		});
	}

	get pid() {
		return this.#child.pid;
	}

	/** Resolves once the health check answers, rejects when the process ends first. */
	async ready() {
		let ended = null;
		void this.#closed.then((result) => (ended = result));
		await until(async () => {
			if (ended) {
				throw new Fatal(
					`${this.program} ended with code ${ended.code}: ${ended.error ?? ''}\n` +
						this.output.stdout + this.output.stderr,
				);
			}
			const answer = await fetch(`${this.url}/api/health`);
			await answer.arrayBuffer();
			return answer.ok;
		});
	}

	signal(name) {
		this.#child.kill(name);
	}

	/** Resolves with {code, signal} when the process has ended. */
	ended() {
		return this.#closed;
	}

	/** Ends the process, by force after 20 s, and resolves with its {code, signal}. */
	async stop(signal = 'SIGTERM') {
		await forget(this.url);
		this.#child.kill(signal);
		const force = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
		const result = await this.#closed;
		clearTimeout(force);
		if (this.#ownsDir) {
			await rm(this.dir, { recursive: true, force: true });
		}
		return result;
	}
}

function collect(child) {
	const output = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr']) {
		child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
	}
	return output;
}

/** A port nobody listens on. */
export async function freePort() {
	const probe = createServer();
	await new Promise((resolve, reject) => {
		probe.once('error', reject).listen(0, '127.0.0.1', resolve);
	});
	const { port } = probe.address();
	await new Promise((resolve) => probe.close(resolve));
	return port;
}

class Fatal extends Error {}

/**
 * Asks again every 20 ms until the condition holds, and returns what it gave.
 * A condition that throws counts as not yet true.
 */
export async function until(condition, timeout = patience) {
	const deadline = Date.now() + timeout;
	let last;
	for (;;) {
		try {
			const value = await condition();
			if (value) {
				return value;
			}
			last = undefined;
		} catch (error) {
			if (error instanceof Fatal) {
				throw error;
			}
			last = error;
		}
		if (Date.now() > deadline) {
			throw new Error(`not true after ${timeout} ms: ${condition}`, { cause: last });
		}
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}
