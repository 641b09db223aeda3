// Compares every answer of the programs under test with what their own document
// says of it: the status, the content type and each value of a JSON body. A
// request that succeeded is compared as well. Whatever differs fails the test
// during which it came.
//
// global fetch, with which the official SDK talks, is listened to; a browser's
// traffic is handed to `observe`.
import { createHash } from 'node:crypto';
import { after, afterEach } from 'node:test';

import addFormats from 'ajv-formats';
import Ajv2020 from 'ajv/dist/2020.js';

const plainFetch = globalThis.fetch;
const servers = new Map(); // by origin
const pending = new Set();
let problems = [];
let compared = 0;
let missed = 0; // for want of a document

/**
 * Compares what comes from this address from now on. A server that has no
 * document is left alone.
 *
 * @param {string} url
 * @param {{email: string, password: string}} superuser
 */
export function describedAt(url, superuser) {
	servers.set(url, new DescribedServer(url, superuser));
}

/** Treats an address as another way to reach a server. */
export function alias(url, target) {
	const server = servers.get(target);
	if (server) {
		servers.set(url, server);
	}
}

/** Ends the comparison of an address, at which nobody will answer any more. */
export async function forget(url) {
	await servers.get(url)?.asked();
	servers.delete(url);
}

/**
 * Compares an answer that somebody else has fetched.
 *
 * @param {{method: string, url: string, status: number, headers: object, body: () => Promise<string>,
 *   sent?: {type: string, body: string}}} exchange body: undefined if it cannot be had
 */
export function observe(exchange) {
	const url = new URL(exchange.url);
	const server = servers.get(url.origin);
	if (!server || !url.pathname.startsWith('/api/')) {
		return;
	}
	const description = server.description();
	track(compare(description, { ...exchange, url }));
}

/** Resolves when everything that came has been compared, with what differs. */
export async function differences() {
	while (pending.size > 0) {
		await Promise.all(pending);
	}
	const found = problems;
	problems = [];
	return found;
}

function track(promise) {
	const done = promise
		.catch((error) => problems.push(`an answer could not be compared: ${error.stack}`))
		.finally(() => pending.delete(done));
	pending.add(done);
}

const failIfDifferent = async () => {
	const found = await differences();
	if (found.length > 0) {
		throw new Error(`answers that are not as the document says:\n\n${found.join('\n\n')}`);
	}
};
afterEach(failIfDifferent);
// it is added before the hooks that end servers, and Node runs none after one that fails:
// the file fails by its exit code instead
after(async () => {
	try {
		await failIfDifferent();
		if (compared === 0 && missed >= 10) {
			throw new Error(`none of ${missed} answers could be compared, as no document was to be had`);
		}
	} catch (error) {
		console.error(error);
		process.exitCode = 1;
	}
	if (compared > 0) {
		console.log(`answers compared with the document: ${compared}`);
	}
});

globalThis.fetch = async function fetch(input, init = {}) {
	const request = input instanceof Request ? input : undefined;
	const url = new URL(request?.url ?? input);
	const server = servers.get(url.origin);
	if (!server || !url.pathname.startsWith('/api/')) {
		return plainFetch(input, init);
	}
	const method = (init.method ?? request?.method ?? 'GET').toUpperCase();
	const headers = new Headers(init.headers ?? request?.headers);
	server.overhear(headers.get('Authorization'));
	const response = await plainFetch(input, init);
	if (response.redirected) {
		return response;
	}
	const changes = changesDocument(method, url.pathname);
	const version = response.headers.get('holdall-version') ?? '';
	const description = changes ? server.latest(version) : server.description(version);
	// read at once, so that the test's own reading finds no half of it gone
	const copy = hasJSON(response.headers.get('content-type')) ? response.clone().text() : undefined;
	copy?.catch(() => {}); // the test may break the connection off
	track(compare(description, {
		method, url, status: response.status, headers: Object.fromEntries(response.headers),
		body: () => copy,
		sent: typeof init.body === 'string' ? { type: headers.get('content-type') ?? '', body: init.body } : undefined,
	}));
	if (response.ok && changes) {
		server.forgetDescription();
	} else {
		await description; // which is read before anything else changes
	}
	return response;
};

/** Whether a request that succeeds makes another document of it. */
const changesDocument = (method, path) =>
	method !== 'GET' && /^\/api\/(settings|collections(\/[^/]+(\/truncate)?)?)$/.test(path);

const hasJSON = (type) => /^application\/(problem\+)?json\b/.test(type ?? '');

/** A program with a document. */
class DescribedServer {
	#token = '';
	#refused = false; // with the superuser's password
	#descriptions = new Map(); // by the version of the API
	#former = new Map(); // those of before the schema changed

	constructor(url, superuser) {
		this.url = url;
		this.superuser = superuser;
	}

	/** Takes a superuser's token from a request, which saves a sign-in. */
	overhear(authorization) {
		const token = (authorization ?? '').replace(/^Bearer /i, '');
		try {
			const { collectionId, type } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
			if (collectionId === 'pbc_3142635823' && type === 'auth') { // _superusers everywhere
				if (token !== this.#token && this.#refused) {
					this.forgetDescription();
				}
				this.#token = token;
			}
		} catch {
			// no token
		}
	}

	/** The document of a version as it is now, the newest by default; null if there is none. */
	description(version = '') {
		if (!this.#descriptions.has(version)) {
			this.#descriptions.set(version, this.#read(version));
		}
		return this.#descriptions.get(version);
	}

	/** One that has been read, if it was before a change: for what changes it, which is in each. */
	latest(version) {
		return this.#descriptions.get(version) ?? this.#former.get(version) ?? this.description(version);
	}

	forgetDescription() {
		this.#former = new Map([...this.#former, ...this.#descriptions]);
		this.#descriptions.clear();
	}

	/** Resolves when nothing more is asked of the server. */
	async asked() {
		await Promise.all(this.#descriptions.values());
	}

	async #read(version) {
		const everything = await this.#ask(version);
		if (everything || this.#refused) {
			return everything;
		}
		const signedIn = await plainFetch(`${this.url}/api/collections/_superusers/auth-with-password`, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ identity: this.superuser.email, password: this.superuser.password }),
		}).catch(() => undefined);
		if (!signedIn?.ok) {
			this.#refused = true;
			return null;
		}
		this.#token = (await signedIn.json()).token;
		return this.#ask(version);
	}

	async #ask(version) {
		if (!this.#token) {
			return null;
		}
		const before = await this.#former.get(version);
		const headers = { Authorization: this.#token, ...(before?.etag && { 'If-None-Match': before.etag }) };
		const answer = await plainFetch(`${this.url}/api/openapi.json${version && `?version=${version}`}`, { headers }).catch(() => undefined);
		if (answer?.status === 304) {
			return before;
		}
		if (!answer?.ok) {
			return null;
		}
		const text = await answer.text();
		const description = known.get(text) ?? new Description(JSON.parse(text));
		known.set(text, description);
		description.etag = answer.headers.get('etag');
		// another's view would not have this
		return description.document.paths['/api/settings'] ? description : null;
	}
}

const known = new Map(); // by the text of the document, which servers share

/** A document that answers and requests can be compared with. */
export class Description {
	#paths;
	#names = new Map(); // of collections, by their ids
	#schemas;
	#validators = new Map(); // by the kind and the pointer

	constructor(document) {
		this.document = document;
		this.#paths = Object.keys(document.paths).map((path) => ({
			path,
			pattern: new RegExp(`^${path.replace(/[.*+?^$|()[\]\\]/g, '\\$&').replace(/\{[^}]*\}/g, '[^/]+')}$`),
			fixed: path.replace(/\{[^}]*\}/g, '').length,
		})).sort((a, b) => b.fixed - a.fixed);
		for (const { properties } of Object.values(document.components.schemas)) {
			if (properties?.collectionId?.const) {
				this.#names.set(properties.collectionId.const, properties.collectionName.const);
			}
		}
		this.#schemas = new Schemas(document);
	}

	/** The path and the operation of a request, undefined if there is none. */
	find(method, pathname) {
		const parts = decodeURI(pathname).split('/');
		if (parts[2] === 'collections' && this.#names.has(parts[3])) {
			parts[3] = this.#names.get(parts[3]);
		}
		const plain = parts.join('/');
		for (const { path, pattern } of this.#paths) {
			const operation = this.document.paths[path][method.toLowerCase()];
			if (operation && pattern.test(plain)) {
				return { path, operation, pointer: `/paths/${escape(path)}/${method.toLowerCase()}` };
			}
		}
		return undefined;
	}

	/** What is at the end of a reference, and its pointer. */
	follow(value, pointer) {
		while (value?.$ref) {
			pointer = value.$ref.slice(1);
			value = pointer.split('/').slice(1).reduce((at, key) => at[unescape(key)], this.document);
		}
		return { value, pointer };
	}

	/**
	 * How a value differs from the schema at the pointer, undefined if it does not.
	 *
	 * @param {'answer'|'request'|'part'} kind
	 */
	difference(kind, pointer, value) {
		const key = `${kind} ${pointer}`;
		if (!this.#validators.has(key)) {
			this.#validators.set(key, this.#schemas.validator(kind, this.follow({ $ref: `#${pointer}` }).value));
		}
		const validate = this.#validators.get(key);
		if (validate(value)) {
			return undefined;
		}
		const { instancePath, message, params, schemaPath } = validate.errors.at(-1);
		const at = instancePath.split('/').slice(1).reduce((inner, key) => inner?.[unescape(key)], value);
		return `at "${instancePath}" ${message} ${JSON.stringify(params)} (${schemaPath}), got ${JSON.stringify(at)?.slice(0, 400)}`;
	}
}

/**
 * The schemas of a document. What is compiled of one serves every document that has
 * the same, so that a change of the schema costs what it changes.
 */
class Schemas {
	#components;
	#references = new Map(); // from one component to others, by its name
	#ids = new Map(); // by the names of components

	constructor(document) {
		this.#components = document.components.schemas;
	}

	/** What compares a value with a schema. */
	validator(kind, schema) {
		const ajv = kinds[kind];
		const named = this.#named(schema);
		const id = `schema.${digest(JSON.stringify(named))}`;
		for (const name of this.#reached(references(schema))) {
			this.#add(ajv, this.#id(name), this.#components[name]);
		}
		this.#add(ajv, id, schema);
		return ajv.getSchema(id);
	}

	#add(ajv, id, schema) {
		if (!ajv.schemas[id]) {
			ajv.addSchema(ajv.opts.closed ? withoutOthers(this.#named(schema)) : this.#named(schema), id);
		}
	}

	/** A schema that says with each reference which text it means. */
	#named(value) {
		if (Array.isArray(value)) {
			return value.map((inner) => this.#named(inner));
		}
		if (value === null || typeof value !== 'object') {
			return value;
		}
		return Object.fromEntries(Object.entries(value).map(([key, inner]) =>
			[key, key === '$ref' && typeof inner === 'string' ? this.#id(component(inner)) : this.#named(inner)]));
	}

	/** A component and everything it leads to, in one name. */
	#id(name) {
		if (!this.#ids.has(name)) {
			const texts = [...this.#reached([name])].sort().map((each) => [each, this.#components[each]]);
			this.#ids.set(name, `${name.replace(/[^A-Za-z0-9_]/g, '-')}.${digest(JSON.stringify([name, texts]))}`);
		}
		return this.#ids.get(name);
	}

	#reached(names) {
		const reached = new Set(names);
		for (const name of reached) { // which grows meanwhile
			if (!this.#references.has(name)) {
				this.#references.set(name, references(this.#components[name]));
			}
			this.#references.get(name).forEach((next) => reached.add(next));
		}
		return reached;
	}
}

/** The components that a schema names. */
function references(value, found = new Set()) {
	for (const [key, inner] of Object.entries(value ?? {})) {
		if (key === '$ref' && typeof inner === 'string') {
			found.add(component(inner));
		} else if (typeof inner === 'object') {
			references(inner, found);
		}
	}
	return found;
}

function component(reference) {
	const [, name] = /^#\/components\/schemas\/([^/]+)$/.exec(reference) ?? [];
	if (!name) {
		throw new Error(`a schema refers to ${reference}, which is no component`);
	}
	return unescape(name);
}

const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, 20);

function schemas(options = {}) {
	const ajv = new Ajv2020({ strict: false, logger: false, validateSchema: false, inlineRefs: false, code: { optimize: false }, ...options });
	addFormats(ajv);
	return ajv;
}

const kinds = {
	answer: schemas({ closed: true }),
	// PocketBase takes "3" for 3
	request: schemas({ coerceTypes: true }),
	// ?fields= leaves out what is required
	part: schemas({ closed: true }).removeKeyword('required').addKeyword('required'),
};

/**
 * A schema with no members in objects but those it names. One of the parts of an
 * allOf does not name what the others do.
 */
function withoutOthers(value, part = false) {
	if (Array.isArray(value)) {
		return value.map((inner) => withoutOthers(inner));
	}
	if (value === null || typeof value !== 'object') {
		return value;
	}
	const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [
		key, key === 'allOf' && Array.isArray(inner) ? inner.map((one) => withoutOthers(one, true)) : withoutOthers(inner),
	]));
	const closed = !part && copy.type === 'object' && copy.properties && !('additionalProperties' in copy);
	if (closed && !copy.allOf && !copy.anyOf && !copy.oneOf) {
		copy.additionalProperties = false;
	}
	return copy;
}

const escape = (key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));
const unescape = (key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~');

// Not for clients of the API, and so not in its document.
const hidden = /^\/api\/(openapi\.json|docs|oauth2-redirect)(\/|$)/;

async function compare(coming, { method, url, status, headers, body, sent }) {
	const description = await coming;
	if (!description) {
		missed++;
		return;
	}
	if (method === 'OPTIONS' || hidden.test(url.pathname)) {
		return;
	}
	const title = `${method} ${url.pathname}${url.search}: ${status}`;
	const report = (text) => problems.push(`${title}: ${text}`);
	const found = description.find(method === 'HEAD' ? 'GET' : method, url.pathname);
	if (!found) {
		// what is not described is refused
		if (status < 400 || status >= 500) {
			report('no such operation is described');
		}
		return;
	}
	const { operation, pointer } = found;
	if (operation.responses['2XX']) {
		return; // nobody has described the route
	}
	compared++;
	if (sent && status < 300) {
		compareRequest(description, found, sent, report);
	}
	const key = [String(status), ...(status >= 500 ? ['default'] : [])].find((k) => operation.responses[k]);
	if (!key) {
		report(`this status is not described\n  ${await body()}`);
		return;
	}
	const response = description.follow(operation.responses[key], `${pointer}/responses/${key}`);
	const { content } = response.value;
	const type = headers['content-type']?.split(';')[0];
	if (!content) {
		const text = await body();
		if (text) {
			report(`it should have no body\n  ${text}`);
		}
		return;
	}
	if (status === 304 || method === 'HEAD') {
		return;
	}
	if (!content[type] && !content['*/*']) {
		report(`it has the type ${type}, not ${Object.keys(content).join(' or ')}`);
		return;
	}
	const schema = `${response.pointer}/content/${escape(type)}/schema`;
	if (!hasJSON(type) || !content[type]?.schema) {
		return;
	}
	let text;
	try {
		text = await body();
	} catch {
		return; // the connection was broken off
	}
	if (text === undefined) {
		return;
	}
	const difference = description.difference(url.searchParams.has('fields') ? 'part' : 'answer', schema, JSON.parse(text));
	if (difference) {
		report(difference);
	}
}

function compareRequest(description, { operation, pointer }, { type, body }, report) {
	const content = operation.requestBody?.content;
	const kind = type.split(';')[0];
	if (!content || !hasJSON(kind) || body === '') {
		return;
	}
	if (!content[kind]) {
		report(`it was accepted as ${kind}, not ${Object.keys(content).join(' or ')}`);
		return;
	}
	const difference = description.difference('request', `${pointer}/requestBody/content/${escape(kind)}/schema`, JSON.parse(body));
	if (difference) {
		report(`the request was accepted, but ${difference}\n  ${body.slice(0, 1000)}`);
	}
}
