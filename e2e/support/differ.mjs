// Makes the answers of two servers comparable: what differs by nature (times,
// tokens, made-up ids) is named by its kind and its order of appearance.
import assert from 'node:assert/strict';

const kinds = [
	['token', /\beyJ[\w-]+\.[\w-]+\.[\w-]+\b/g],
	['time', /\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?(?=\b|"|$)/g],
	['date', /\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b/g],
	['file', /(?<=_)[a-z0-9]{10}(?=\.[a-z]{2,4}\b)/gi],
	['url', /http:\/\/127\.0\.0\.1:\d+/g],
	['index', /(?<=idx_\w+_)[a-z0-9]{10}(?=`)/g],
	['clone', /(?<=\b_clone_)\w{4}\b/g],
	['folder', /(?<=\/holdall-e2e-)\w+-\w{6}/g],
	['field', /\b(?:text|number|bool|email|url|date|autodate|select|json|file|relation|editor|password|geoPoint)\d{6,10}\b/g],
];

// An id that the server made up. Those that the tests choose hold a run of
// zeros; a word of that length is replaced on both sides alike.
const madeUp = /\b(?![a-z0-9]*0000)[a-z0-9]{15}\b/g;

/** A function that replaces what differs by nature, one for each server. */
export function normaliser() {
	const seen = new Map();
	return (text) => {
		let result = text;
		for (const [kind, pattern] of kinds) {
			result = result.replace(pattern, `<${kind}>`);
		}
		return result.replace(madeUp, (id) => {
			if (!seen.has(id)) {
				seen.set(id, `<id ${seen.size + 1}>`);
			}
			return seen.get(id);
		});
	};
}

// What says something about the connection and not about the answer.
const incidental = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];

/** Everything a client can tell of an answer, as text. */
export async function describeResponse(response, normalise) {
	const type = response.headers.get('content-type') ?? '';
	const body = Buffer.from(await response.arrayBuffer());
	const headers = {};
	for (const [name, value] of response.headers) {
		if (!incidental.includes(name)) {
			headers[name] = normalise(value);
		}
	}
	return {
		status: response.status,
		headers,
		body: /json|text|^$/.test(type) ? normalise(body.toString('utf8')) : `${body.length} bytes of ${type}`,
	};
}

/** Asserts that two answers are the same and shows where a long body differs. */
export function assertSame(got, want) {
	assert.deepEqual({ status: got.status, headers: got.headers }, { status: want.status, headers: want.headers });
	let at = 0;
	while (at < want.body.length && got.body[at] === want.body[at]) {
		at++;
	}
	const around = (text) => text.slice(Math.max(0, at - 80), at + 120);
	assert.equal(around(got.body), around(want.body));
}
