// Builds an image with buildah and runs it with runc, both without a daemon and
// without a registry.
import { execFile, spawn } from 'node:child_process';
import { chown, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs a command to its end. Its error holds what the command said. */
export async function run(command, ...args) {
	try {
		const { stdout } = await promisify(execFile)(command, args, { cwd: root, maxBuffer: 64 << 20 });
		return stdout.trim();
	} catch (error) {
		throw new Error(`${command} ${args.join(' ')}: exit code ${error.code}\n${error.stdout}${error.stderr}`);
	}
}

/** Why images cannot be built and run here, or nothing. */
export async function obstacle() {
	if (process.getuid?.() !== 0) {
		return 'it takes root, for the file owners in an image';
	}
	for (const tool of ['buildah', 'runc', 'busybox']) {
		try {
			await run('sh', '-c', `command -v ${tool}`);
		} catch {
			return `${tool} is not installed`;
		}
	}
	return undefined;
}

/** A place for images and containers that is removed at the end. */
export class Workshop {
	static async open() {
		const shop = new Workshop();
		shop.dir = await mkdtemp(join(tmpdir(), 'holdall-container-'));
		shop.containers = [];
		return shop;
	}

	async close() {
		for (const container of this.containers) {
			await container.kill();
		}
		await this.buildah('rm', '--all');
		await rm(this.dir, { recursive: true, force: true });
	}

	buildah(...args) {
		return run('buildah', '--storage-driver', 'vfs', '--root', join(this.dir, 'images'),
			'--runroot', join(this.dir, 'run'), ...args);
	}

	/**
	 * Makes the image that the build stage starts from, as no registry is asked:
	 * a shell and root certificates. The Go toolchain, its modules and its build
	 * cache are this machine's own, mounted while the image is built.
	 */
	async builderImage() {
		const files = join(this.dir, 'builder');
		for (const folder of ['bin', 'tmp', 'root', 'etc/ssl/certs', 'usr/local/go', 'go/pkg/mod']) {
			await mkdir(join(files, folder), { recursive: true });
		}
		await cp(await run('sh', '-c', 'command -v busybox'), join(files, 'bin/busybox'));
		const applets = ['sh', 'mkdir', 'chown', 'chmod', 'cp', 'echo'];
		await Promise.all(applets.map((name) => symlink('busybox', join(files, 'bin', name))));
		await cp('/etc/ssl/certs/ca-certificates.crt', join(files, 'etc/ssl/certs/ca-certificates.crt'));

		const container = await this.buildah('from', 'scratch');
		await this.buildah('copy', '--quiet', container, files, '/');
		await this.buildah('config',
			'--env', 'PATH=/usr/local/go/bin:/bin', '--env', 'GOPATH=/go', '--env', 'HOME=/root',
			'--env', 'GOPROXY=off', '--env', 'GOFLAGS=-mod=readonly', '--env', 'GOTOOLCHAIN=local',
			container);
		await this.buildah('commit', '--quiet', container, 'localhost/builder');
		await this.buildah('rm', container);
		return 'localhost/builder';
	}

	/** Builds the project's Dockerfile and returns the image's configuration. */
	async build(tag, version) {
		const [goroot, modules, cache] = (await run('go', 'env', 'GOROOT', 'GOMODCACHE', 'GOCACHE')).split('\n');
		await this.buildah('build', '--format', 'docker', '--isolation', 'chroot', '--tag', tag,
			'--volume', `${goroot}:/usr/local/go:ro`, '--volume', `${modules}:/go/pkg/mod:ro`,
			'--volume', `${cache}:/root/.cache/go-build:rw`,
			'--build-arg', `GO_IMAGE=${await this.builderImage()}`, '--build-arg', `VERSION=${version}`,
			root);
		return JSON.parse(await this.buildah('inspect', '--type', 'image', tag)).Docker.config;
	}

	/** Unpacks an image into a folder that a container can run on. */
	async unpack(tag) {
		const container = await this.buildah('from', '--pull-never', tag);
		return this.buildah('mount', container);
	}

	/** A folder as a fresh volume is: owned as the image says. */
	async volume(name, uid, gid) {
		const folder = join(this.dir, name);
		await mkdir(folder, { mode: 0o750 });
		await chown(folder, uid, gid);
		return folder;
	}

	/** Starts a container as compose.yaml describes it. */
	async start(options) {
		const container = new Container(this, `holdall-${process.pid}-${this.containers.length}`);
		this.containers.push(container);
		await container.start(options);
		return container;
	}
}

class Container {
	constructor(shop, id) {
		this.id = id;
		this.state = join(shop.dir, 'runc');
		this.bundle = join(shop.dir, id);
		this.output = '';
	}

	runc(...args) {
		return run('runc', '--root', this.state, ...args);
	}

	/**
	 * Runs what the image says, with its root read-only, no capability and no way
	 * to gain one. It shares the network of the host, so that it can be reached.
	 */
	async start({ rootfs, config, env, mounts }) {
		const [uid, gid] = config.User.split(':').map(Number);
		const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
		await mkdir(this.bundle);
		await writeFile(join(this.bundle, 'config.json'), JSON.stringify({
			ociVersion: '1.0.2',
			root: { path: rootfs, readonly: true },
			hostname: 'holdall',
			process: {
				terminal: false, user: { uid, gid }, cwd: config.WorkingDir,
				args: [...config.Entrypoint, ...config.Cmd],
				env: [...(config.Env ?? []), ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
				capabilities: none, noNewPrivileges: true,
			},
			mounts: [
				{ destination: '/proc', type: 'proc', source: 'proc' },
				{ destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
				{ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777', 'size=256m'] },
				...mounts,
			],
			linux: {
				namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
				maskedPaths: ['/proc/kcore', '/proc/keys'], readonlyPaths: ['/proc/sys'],
			},
		}));

		const child = spawn('runc', ['--root', this.state, 'run', '--bundle', this.bundle, this.id],
			{ stdio: ['ignore', 'pipe', 'pipe'] });
		for (const stream of [child.stdout, child.stderr]) {
			stream.setEncoding('utf8').on('data', (text) => (this.output += text));
		}
		this.ended = new Promise((resolve) => {
			child.once('close', (code) => resolve(code));
			child.once('error', (error) => resolve(error));
		});
	}

	/** Runs a command inside, as the health check of an engine is run. */
	exec(command) {
		return this.runc('exec', this.id, ...command);
	}

	/** The process id of the program, as the host sees it. */
	async pid() {
		return JSON.parse(await this.runc('state', this.id)).pid;
	}

	/** Asks the program to stop, and resolves with its exit code. */
	async stop() {
		await this.runc('kill', this.id, 'TERM');
		return this.ended;
	}

	async kill() {
		await this.runc('delete', '--force', this.id).catch(() => {});
		await this.ended;
	}
}
