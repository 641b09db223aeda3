// A hundred collections that between them have every type of field with every
// option, every kind of relation, views and ways to sign in, to try the document
// on. They are made through the API.

const open = { listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '' };
const id = (name) => `tortured${name}`;
const relation = (name, target, options = {}) => ({ name, type: 'relation', collectionId: id(target), maxSelect: 1, ...options });

const fields = (target) => [
	{ name: 'text', type: 'text' },
	{ name: 'short', type: 'text', min: 3, max: 8, help: 'Three to eight characters.' },
	{ name: 'code', type: 'text', pattern: '^[A-Z]{2}-\\d+$' },
	{ name: 'braces', type: 'text', pattern: '^{[a-z]+}$' },
	{ name: 'exotic', type: 'text', pattern: '^\\pL+$' },
	{ name: 'made', type: 'text', autogeneratePattern: '[a-z]{8}', min: 3 },
	{ name: 'hidden', type: 'text', hidden: true },
	{ name: 'presentable', type: 'text', presentable: true, required: true },
	{ name: 'number', type: 'number' },
	{ name: 'ranged', type: 'number', min: 5, max: 90 },
	{ name: 'negative', type: 'number', min: -10, max: -5, onlyInt: true },
	{ name: 'not_zero', type: 'number', required: true },
	{ name: 'flag', type: 'bool' },
	{ name: 'agreed', type: 'bool', required: true },
	{ name: 'mail', type: 'email' },
	{ name: 'house_mail', type: 'email', onlyDomains: ['example.com'], required: true },
	{ name: 'other_mail', type: 'email', exceptDomains: ['example.net'] },
	{ name: 'link', type: 'url' },
	{ name: 'house_link', type: 'url', onlyDomains: ['example.com'], required: true },
	{ name: 'other_link', type: 'url', exceptDomains: ['example.net'] },
	{ name: 'prose', type: 'editor', maxSize: 1000 },
	{ name: 'long_prose', type: 'editor', convertURLs: true, required: true },
	{ name: 'day', type: 'date' },
	{ name: 'bounded', type: 'date', min: '2020-01-01 00:00:00.000Z', max: '2030-01-01 00:00:00.000Z', required: true },
	{ name: 'choice', type: 'select', values: ['a', 'b', 'c-d', 'e f', '"quoted"', '日本'], maxSelect: 1 },
	{ name: 'choices', type: 'select', values: ['a', 'b', 'c'], maxSelect: 2, required: true },
	{ name: 'data', type: 'json', maxSize: 200 },
	{ name: 'some_data', type: 'json', required: true },
	{ name: 'place', type: 'geoPoint' },
	{ name: 'somewhere', type: 'geoPoint', required: true },
	relation('target', target),
	relation('targets', target, { minSelect: 2, maxSelect: 5, cascadeDelete: true }),
	relation('myself', 'everything'),
	relation('needed', target, { required: true }),
	{ name: 'file', type: 'file', maxSelect: 1, maxSize: 1 << 20, mimeTypes: ['image/png', 'text/plain'], thumbs: ['200x0', '0x50f'] },
	{ name: 'files', type: 'file', maxSelect: 3, protected: true },
	{ name: 'attached', type: 'file', maxSelect: 2, required: true },
	{ name: 'created', type: 'autodate', onCreate: true },
	{ name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
];

/** What PUT /api/collections/import takes. */
export const torture = () => {
	const collections = [
		{ id: id('targets'), name: 'torture_targets', type: 'base', ...open, fields: [{ name: 'name', type: 'text', required: true }] },
		{
			id: id('everything'), name: 'torture_everything', type: 'base', ...open, fields: fields('targets'),
			indexes: ['CREATE UNIQUE INDEX idx_torture_target ON torture_everything (target)'],
		},
		{
			id: id('accounts'), name: 'Torture_accounts_2', type: 'auth', ...open,
			authRule: 'verified = true', manageRule: '@request.auth.id != ""',
			passwordAuth: { enabled: true, identityFields: ['email', 'username'] },
			otp: { enabled: true }, mfa: { enabled: true, duration: 600 },
			oauth2: { enabled: true, providers: [{ name: 'github', clientId: 'x', clientSecret: 'y' }] },
			fields: [{ name: 'username', type: 'text', required: true, min: 3, max: 30, pattern: '^[a-z]+$' }, relation('friends', 'accounts', { maxSelect: 9 })],
			indexes: ['CREATE UNIQUE INDEX idx_torture_username ON Torture_accounts_2 (username)'],
		},
		{
			id: id('summary'), name: 'torture_summary', type: 'view', listRule: '', viewRule: '',
			viewQuery: 'SELECT e.id, e.text, e.choice, e.target, e.targets, (e.number + 1) AS more, e.data, e.place, e.file, COUNT(t.id) AS total, ' +
				'CAST(e.number AS TEXT) AS label FROM torture_everything e LEFT JOIN torture_targets t ON t.id = e.target GROUP BY e.id',
		},
		{ id: id('empty'), name: 'torture_empty', type: 'base', fields: [] },
	];
	for (let i = collections.length; i < 100; i++) {
		collections.push({
			id: id(i), name: `torture_${i}`, type: 'base', ...open,
			fields: [
				{ name: 'title', type: 'text', required: true, max: 200 },
				{ name: 'state', type: 'select', values: ['a', 'b'], maxSelect: 1 },
				relation('next', i === 99 ? 5 : i + 1),
				relation('owners', 'accounts', { maxSelect: 5 }),
			],
		});
	}
	return { collections, deleteMissing: false };
};
