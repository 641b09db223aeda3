// Builds the image for real, and runs it as compose.yaml would: as a user
// without rights, on a root filesystem that is read-only.
import assert from 'node:assert/strict';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import PocketBase from 'pocketbase';

import { freePort, until } from '../support/server.mjs';
import { obstacle, Workshop } from './oci.mjs';

const reason = await obstacle();
if (reason) {
	console.error(`\n*** THE CONTAINER IMAGE WAS NOT TESTED: ${reason}\n`);
}

const admin = { email: 'admin@example.com', password: 'a-password-from-a-file' };

describe('the container image', { skip: reason }, () => {
	let shop, config, rootfs, volume, port, container;

	before(async () => {
		shop = await Workshop.open();
		config = await shop.build('holdall:test', '1.2.3-test');
		rootfs = await shop.unpack('holdall:test');
		const owner = await stat(join(rootfs, 'data'));
		volume = await shop.volume('data', owner.uid, owner.gid);
		port = await freePort();
		await writeFile(join(shop.dir, 'password'), `${admin.password}\n`, { mode: 0o444 });
	});
	after(() => shop?.close());

	const bind = (source, destination, mode) =>
		({ source, destination, type: 'bind', options: ['bind', 'nosuid', 'nodev', mode] });

	const start = async () => {
		container = await shop.start({
			rootfs, config,
			env: {
				HOLDALL_HTTP_ADDR: `127.0.0.1:${port}`,
				HOLDALL_SUPERUSER_EMAIL: admin.email,
				HOLDALL_SUPERUSER_PASSWORD_FILE: '/run/secrets/superuser_password',
			},
			mounts: [
				bind(volume, '/data', 'rw'),
				bind(join(shop.dir, 'password'), '/run/secrets/superuser_password', 'ro'),
			],
		});
		await Promise.race([
			until(() => container.exec(healthCheck())),
			container.ended.then((code) => Promise.reject(new Error(`it ended with code ${code}`))),
		]).catch((error) => assert.fail(`${error.cause ?? error}\n${container.output}`));
	};
	const healthCheck = () => config.Healthcheck.Test.slice(1);
	const signIn = async () => {
		const pb = new PocketBase(`http://127.0.0.1:${port}`);
		await pb.collection('_superusers').authWithPassword(admin.email, admin.password);
		return pb;
	};

	it('says how it wants to be run', () => {
		assert.equal(config.User, '65532:65532');
		assert.deepEqual(Object.keys(config.Volumes), ['/data']);
		assert.deepEqual(Object.keys(config.ExposedPorts), ['8090/tcp']);
		assert.deepEqual(config.Healthcheck.Test, ['CMD', '/holdall', 'health']);
		assert.ok(config.Env.includes('HOLDALL_DIR=/data'));
		assert.equal(config.StopSignal, 'SIGTERM');
		assert.equal(config.Labels['org.opencontainers.image.version'], '1.2.3-test');
	});

	it('holds the binary and what TLS needs, and nothing else', async () => {
		assert.deepEqual(await filesOf(rootfs), contents);
		const { size } = await stat(join(rootfs, 'holdall'));
		assert.ok(size < 64 << 20, `the binary has ${size >> 20} MB`);
		const [data, tmp] = await Promise.all(['data', 'tmp'].map((name) => stat(join(rootfs, name))));
		assert.deepEqual([data.uid, data.gid], [65532, 65532]);
		assert.equal(tmp.mode & 0o7777, 0o1777);
	});

	it('becomes healthy', start);

	it('answers, and says which version it is', async () => {
		const live = await fetch(`http://127.0.0.1:${port}/api/health/live`);
		assert.equal(live.status, 200);
		await live.text();
		assert.match(await container.exec(['/holdall', '--version']), /1\.2\.3-test/);
	});

	it('runs without rights on a root that it cannot write to', async () => {
		const status = await readFile(`/proc/${await container.pid()}/status`, 'utf8');
		const field = (name) => status.match(new RegExp(`^${name}:\\s*(.*)$`, 'm'))[1];
		assert.equal(field('Uid'), '65532\t65532\t65532\t65532');
		for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
			assert.equal(field(set), '0000000000000000', set);
		}
		assert.equal(field('NoNewPrivs'), '1');
		const mounts = await readFile(`/proc/${await container.pid()}/mountinfo`, 'utf8');
		const root = mounts.split('\n').map((line) => line.split(' ')).find((parts) => parts[4] === '/');
		assert.match(root[5], /\bro\b/);
	});

	it('writes records and files to its volume only', async () => {
		const pb = await signIn();
		const organization = await pb.collection('organizations').create({
			name: 'Test Works', slug: 'test-works', timezone: 'Europe/Berlin',
		});
		const site = await pb.collection('sites').create({
			organization: organization.id, name: 'Depot', address: '1 Example Road',
		});
		assert.equal(site.name, 'Depot');
		const user = await pb.collection('users').create({
			email: 'person@example.com', password: 'person-password', passwordConfirm: 'person-password',
			avatar: new File([picture], 'face.png', { type: 'image/png' }),
		});
		const thumb = await fetch(pb.files.getURL(user, user.avatar, { thumb: '96x96' }));
		assert.equal(thumb.status, 200);
		await thumb.arrayBuffer();
		assert.ok((await readdir(volume)).includes('data.db'));
		assert.deepEqual(await filesOf(rootfs), contents);
	});

	it('takes uploads that are larger than what it keeps in memory', async () => {
		const pb = await signIn();
		await pb.collections.create({
			name: 'large', fields: [{ name: 'file', type: 'file', maxSize: 60 << 20, maxSelect: 1 }],
		});
		const made = await pb.collection('large').create({ file: new File([new Uint8Array(50 << 20)], 'large.bin') });
		assert.match(made.file, /^large_/);
	});

	it('stops when it is asked to, and still has everything after a new start', async () => {
		assert.equal(await container.stop(), 0, container.output);
		await container.kill();
		await start();
		const pb = await signIn();
		const site = await pb.collection('sites').getFirstListItem('name = "Depot"', { expand: 'organization' });
		assert.equal(site.expand.organization.slug, 'test-works');
		const user = await pb.collection('users').getFirstListItem('email = "person@example.com"');
		const avatar = await fetch(pb.files.getURL(user, user.avatar));
		assert.deepEqual(Buffer.from(await avatar.arrayBuffer()), picture);
	});

	it('is unhealthy when it does not answer', async () => {
		const other = ['/holdall', 'health', '--url', `http://127.0.0.1:${await freePort()}`];
		await assert.rejects(container.exec(other), /exit code 1/);
	});
});

const contents = ['/etc/passwd', '/etc/ssl/certs/ca-certificates.crt', '/holdall'];

async function filesOf(folder) {
	const entries = await readdir(folder, { recursive: true, withFileTypes: true });
	return entries.filter((entry) => entry.isFile() && entry.name !== 'superuser_password')
		.map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length)).sort();
}

const picture = Buffer.from(
	'iVBORw0KGgoAAAANSUhEUgAAABQAAAAKCAAAAACRPiE6AAAAD0lEQVR42mNowAIYhrIgAAc5ZAFLvsJUAAAAAElFTkSuQmCC',
	'base64');
