// A wire between browser and server that a test can cut, as a lost signal does.
// The browser's own offline mode leaves open connections alone.
import { connect, createServer } from 'node:net';

/** Starts it in front of a port on this machine. */
export async function wire(target) {
	const sockets = new Set();
	let whole = true;
	const server = createServer((near) => {
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
		mend: () => {
			whole = true;
		},
		close: () => {
			cut();
			return new Promise((resolve) => server.close(resolve));
		},
	};
}
