// A wire between browser and server that a test can cut, as a lost signal does, or
// stop, as a half-dead connection does: nothing passes and nobody is told.
// The browser's own offline mode leaves open connections alone.
import { connect, createServer } from 'node:net';

/** Starts it in front of a port on this machine. */
export async function wire(target) {
	const sockets = new Set();
	let whole = true;
	let stopped = false;
	const server = createServer((near) => {
		if (stopped) {
			sockets.add(near);
			near.on('error', () => {});
			return;
		}
		if (!whole) {
			near.destroy();
			return;
		}
		const far = connect(target, '127.0.0.1');
		for (const [one, other] of [[near, far], [far, near]]) {
			sockets.add(one);
			one.on('error', () => {});
			one.on('close', () => {
				sockets.delete(one);
				other.destroy();
			});
			one.pipe(other);
		}
	});
	await new Promise((resolve, reject) => {
		server.once('error', reject).listen(0, '127.0.0.1', resolve);
	});

	const cut = () => {
		whole = false;
		for (const socket of sockets) {
			socket.destroy();
		}
	};
	return {
		url: `http://127.0.0.1:${server.address().port}`,
		cut,
		stop: () => {
			stopped = true;
			for (const socket of sockets) {
				socket.unpipe();
				socket.pause();
			}
		},
		mend: () => {
			if (stopped) {
				cut();
			}
			whole = true;
			stopped = false;
		},
		close: () => {
			cut();
			return new Promise((resolve) => server.close(resolve));
		},
	};
}
