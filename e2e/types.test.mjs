// The typed clients that the program writes: that they compile and refuse what is
// wrong, that their filters select what they say, and that Dart is Dart.
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import ts from 'typescript';
import { Language, Parser } from 'web-tree-sitter';

import { run, serve } from './support/server.mjs';
import { torture } from './support/torture.mjs';
import { client, rootClient } from './support/world.mjs';

const own = fileURLToPath(new URL('./types/', import.meta.url));
let server, root, dir, app, tortured;

before(async () => {
	server = await serve('holdall', { args: ['--demo'] });
	root = await rootClient(server);
	dir = await mkdtemp(join(tmpdir(), 'holdall-types-'));
	await symlink(fileURLToPath(new URL('./node_modules', import.meta.url)), join(dir, 'node_modules'));
	for (const file of ['right.ts', 'wrong.ts', 'torture.ts']) {
		await copyFile(join(own, file), join(dir, file));
	}
	await generate('ts', 'types.gen.ts');
	await generate('dart', 'types.g.dart');
	await root.send('/api/collections/import', { method: 'PUT', body: { collections: [...torture().collections, ...awkward] } });
	await generate('ts', 'torture.gen.ts');
	await generate('dart', 'torture.g.dart');
	app = await load('types.gen.ts');
	tortured = await load('torture.gen.ts');
});
after(async () => {
	await server?.stop();
	if (dir) await rm(dir, { recursive: true });
});

async function generate(language, file) {
	const { code, stderr } = await run('holdall', ['types', language, '--dir', server.dir, '--out', join(dir, file)]);
	assert.equal(code, 0, stderr);
}

/** What a file exports. */
async function load(file) {
	const { outputText } = ts.transpileModule(await readFile(join(dir, file), 'utf8'), {
		compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, verbatimModuleSyntax: true },
	});
	const path = join(dir, file.replace('.ts', '.mjs'));
	await writeFile(path, outputText);
	return import(pathToFileURL(path));
}

// Names and texts that could break a file.
const awkward = [
	'files', 'filter', 'records', 'class', '__proto__x', '9lives', 'work_order', 'dates', 'api', 'promises', 'path', 'terms', 'x',
].map((name, i) => ({
	id: `awkward${String(i).padStart(8, '0')}`, name, type: 'base', listRule: '', viewRule: '',
	fields: [
		...['class', 'new', 'default', '1st', '9', '__proto__', 'constructor', 'toString', 'hash_code', 'hashCode', 'a_b', 'aB', 'any', 'to',
			'eq', 'record', 'value', 'clear', 'get', 'fromRecord', 'name', '_x', 'toBody', 'await',
		].map((field) => ({ name: field, type: 'text', help: 'A */ comment\n// ${x}' })),
		{ name: 'select', type: 'select', maxSelect: 1, values: ['*/', '${x}', "'", '"', '\\', 'a\nb', '日本', 'class', '1', 'values', 'index', 'A', 'a'] },
		{ name: 'all', type: 'relation', maxSelect: 5, collectionId: `awkward${String((i + 1) % 13).padStart(8, '0')}` },
		{ name: 'length', type: 'file', maxSelect: 5, required: true },
	],
}));

/** What the compiler says of files, at its strictest. */
function complaints(...files) {
	const program = ts.createProgram(files.map((file) => join(dir, file)), {
		target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], types: [],
		module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, allowImportingTsExtensions: true, noEmit: true,
		strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noImplicitReturns: true, noImplicitOverride: true,
		noUnusedLocals: true, noUnusedParameters: true, verbatimModuleSyntax: true, isolatedModules: true, erasableSyntaxOnly: true,
	});
	const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => dir, getNewLine: () => '\n' };
	return ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), host);
}

test('TypeScript compiles, also of a hundred collections and of awkward names, and refuses what is wrong', () => {
	assert.equal(complaints('right.ts', 'wrong.ts', 'torture.ts'), '');
});

test('filters escape any text', async () => {
	const targets = root.collection('torture_targets');
	const texts = ["it's", 'say "so"', 'back\\', "\\'", 'a && b', '(x', '{:y}', 'two\nlines', '日本', '%', '\\n', 'null'];
	for (const name of texts) await targets.create({ name });
	for (const name of texts) {
		const found = await targets.getFullList({ filter: tortured.filter.torture_targets((f) => f.name.eq(name)) });
		assert.deepEqual(found.map((record) => record.name), [name], name);
	}
	const both = tortured.filter.torture_targets((f) => tortured.and(tortured.or(f.name.eq("it's"), f.name.eq('(x')), f.name.ne('(x')));
	assert.deepEqual((await targets.getFullList({ filter: both })).map((record) => record.name), ["it's"]);
	// what gets past the compiler is refused rather than compared with its name
	for (const value of ['\0', undefined, ['a'], {}, NaN, Infinity, new Date(NaN)]) {
		assert.throws(() => tortured.filter.torture_targets((f) => f.name.eq(value)), RangeError);
	}
	assert.throws(() => tortured.filter.torture_targets((f) => f["name = 'a' || id"].eq('x')), RangeError);
});

test('filters on the types of fields select the right records', async () => {
	const { and, distance, filter, format } = tortured;
	const targets = await root.collection('torture_targets').getList(1, 3).then(({ items }) => items.map(({ id }) => id));
	const records = root.collection('torture_everything');
	const make = (text, more) => records.create({
		text, presentable: 'x', not_zero: 1, agreed: true, house_mail: `${text}@example.com`, house_link: 'https://example.com/', long_prose: 'x',
		bounded: '2026-01-31 08:30:00.000Z', choices: ['a'], some_data: { x: 1 }, somewhere: { lon: 13.4, lat: 52.5 }, needed: targets[0],
		attached: [new File(['x'], 'x.txt')], ...more,
	});
	await make('one', { number: 5, ranged: 50, flag: true, choices: ['a', 'b'], targets: targets.slice(0, 2), target: targets[0], data: { deep: { n: 3 } }, day: '2026-03-01 00:00:00.000Z' });
	await make('two', { number: 1e21, choices: ['b'], targets: targets.slice(1, 3), target: targets[1], data: { deep: { n: 4 } }, somewhere: { lon: 2.35, lat: 48.85 } });

	const cases = [
		['eq', (f) => f.text.eq('one'), 'one'],
		['in', (f) => f.text.in(['one', 'two', 'three']), 'one two'],
		['in nothing', (f) => f.text.in([]), ''],
		['not in', (f) => f.text.notIn(['two']), 'one'],
		['not in nothing', (f) => f.text.notIn([]), 'one two'],
		['like', (f) => f.text.like('ON'), 'one'],
		['lower', (f) => f.house_mail.lower.eq('two@example.com'), 'two'],
		['a number', (f) => f.number.gte(5), 'one two'],
		['a number beyond exponents', (f) => f.number.gt(1e20), 'two'],
		['a small number', (f) => f.number.gt(1e-9), 'one two'],
		['a bool', (f) => f.flag.eq(false), 'two'],
		['a moment', (f) => f.day.gt(new Date('2026-02-28T23:59:59.999Z')), 'one'],
		['the clock', (f) => f.day.lt(tortured.clock.now), 'one two'],
		['two fields', (f) => f.created.gte(f.day), 'one two'],
		['an item', (f) => f.choices.has('a'), 'one'],
		['every item', (f) => f.choices.every.eq('b'), 'two'],
		['some item', (f) => f.choices.some.ne('b'), 'one'],
		['how many items', (f) => f.choices.length.eq(2), 'one'],
		['a related id', (f) => f.targets.has(targets[0]), 'one'],
		['any related record', (f) => f.targets.any.id.eq(targets[2]), 'two'],
		['all related records', (f) => f.targets.all.id.ne(targets[2]), 'one'],
		['what a relation leads to', (f) => f.target.to.id.eq(targets[1]), 'two'],
		['from the other side and back', (f) => f.needed.to.torture_everything_via_needed.any.text.eq('two'), 'one two'],
		['in JSON', (f) => f.data.at('deep.n').eq(4), 'two'],
		['a point', (f) => f.somewhere.lon.gt(10), 'one'],
		['a distance', (f) => distance(f.somewhere, { lon: 13, lat: 52 }).lt(100), 'one'],
		['a format', (f) => format(f.day, '%Y-%m').eq('2026-03'), 'one'],
		['nothing asked', () => and(undefined, '', false, null), 'one two'],
	];
	for (const [name, build, want] of cases) {
		const found = await records.getFullList({ filter: filter.torture_everything(build), sort: 'created' });
		assert.equal(found.map(({ text }) => text).join(' '), want, `${name}: ${filter.torture_everything(build)}`);
	}
	assert.throws(() => filter.torture_everything((f) => f.targets.all.torture_everything_via_targets.any.text.eq('x')), RangeError);
	assert.throws(() => filter.torture_everything((f) => f.data.at("x' || 1 = 1")), RangeError);
});

test('expand and routes answer in the shape of their types', async () => {
	const { api, filter } = app;
	const pb = client(server);
	await pb.collection('users').authWithPassword('ottoline@demo.example', 'holdall-demo');
	const orders = pb.collection('work_orders');
	const scheduled = await orders.getList(1, 500, { filter: filter.work_orders((f) => f.status.eq('scheduled')), expand: 'site,notes_via_work_order.author' });
	assert.ok(scheduled.items.length > 0);
	for (const order of scheduled.items) {
		assert.equal(order.status, 'scheduled');
		assert.equal(typeof order.expand.site.name, 'string');
		for (const note of order.expand.notes_via_work_order ?? []) assert.equal(note.expand.author.collectionName, 'users');
	}
	const mine = await pb.collection('memberships').getFullList({ filter: filter.memberships((f) => f.user.eq(pb.authStore.record.id)) });
	assert.ok(mine.length > 0 && mine.every(({ user }) => user === pb.authStore.record.id));

	const { id, organization } = scheduled.items[0];
	const moved = await api(pb).workOrders.transition({ id }, { to: 'enRoute' }, { expand: 'site', idempotencyKey: `types-${id}` });
	assert.equal(moved.status, 'enRoute');
	assert.equal(typeof moved.expand.site.name, 'string');
	const board = await api(pb).organizations.board({ id: organization, q: 'nothing is called so' });
	assert.deepEqual(board.columns.map(({ total }) => total), [0, 0, 0, 0, 0, 0]);
	const csv = await api(pb).organizations.export({ id: organization, format: 'csv' });
	assert.match(await csv.text(), /^(\uFEFF)?"?number/);
	await assert.rejects(api(pb).organizations.export({ id: 'nowhere' }), { name: 'ClientResponseError 404' });
});

test('a value leads to no other path', async () => {
	for (const id of ['..', '.', '', undefined]) {
		await assert.rejects(app.api(root).workOrders.transition({ id }, { to: 'enRoute' }), RangeError);
	}
});

test('what is not current is refused', async () => {
	const file = join(dir, 'types.gen.ts'); // from before the import
	const { code, stderr } = await run('holdall', ['types', 'ts', '--dir', server.dir, '--check', file]);
	assert.equal(code, 1);
	assert.match(stderr, /is not current: it differs from line \d+\n.*[-+] /);
	const same = await run('holdall', ['types', 'ts', '--dir', server.dir, '--check', join(dir, 'torture.gen.ts')]);
	assert.equal(same.code, 0, same.stderr);
});

test('Dart has no error of syntax, and names no type that is not there', async () => {
	await Parser.init();
	const wasm = createRequire(import.meta.url).resolve('@repomix/tree-sitter-wasms/out/tree-sitter-dart.wasm');
	const parser = new Parser().setLanguage(await Language.load(wasm));
	for (const file of ['types.g.dart', 'torture.g.dart']) {
		const source = await readFile(join(dir, file), 'utf8');
		const tree = parser.parse(source);
		assert.deepEqual(mistakes(tree.rootNode), [], file);
		assert.deepEqual(unknownTypes(tree.rootNode, source), [], file);
	}
	assert.notDeepEqual(mistakes(parser.parse('class A { int get => }').rootNode), [], 'the parser finds what is wrong');
});

function mistakes(node) {
	if (node.isError || node.isMissing) return [`line ${node.startPosition.row + 1}: ${node.text.slice(0, 80)}`];
	return node.hasError ? node.children.flatMap(mistakes) : [];
}

// What the language and the SDK have.
const known = new Set(('Object String int double num bool DateTime List Map Set Iterable Future Uri BigInt RegExp MapEntry ArgumentError override Never void dynamic ' +
	'PocketBase RecordModel RecordService RecordAuth UnsubscribeFunc ClientException http MultipartFile Response Request Function Deprecated').split(' '));

function unknownTypes(rootNode, source) {
	const declared = new Set([...source.matchAll(/^(?:abstract |interface )*(?:class|enum|extension|typedef) (\w+)/gm)].map(([, name]) => name));
	const unknown = new Set();
	for (const { text: name } of rootNode.descendantsOfType('type_identifier')) {
		if (!known.has(name) && !declared.has(name) && !/^[A-Z]$/.test(name)) unknown.add(name);
	}
	return [...unknown];
}
