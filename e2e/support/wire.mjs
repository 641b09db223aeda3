// A wire between client and server that can be cut.
import { connect, createServer } from 'node:net';

/** Forwards a free port to the given one. */
export async function wire(port) {
	const pairs = new Set();
	const server = createServer((near) => {
		const far = connect(port, '127.0.0.1');
		const pair = [near, far];
		pairs.add(pair);
		for (const [from, to] of [pair, [far, near]]) {
			from.pipe(to);
			from.on('error', () => to.destroy());
			from.once('close', () => {
				to.destroy();
				pairs.delete(pair);
			});
		}
	});
	await new Promise((resolve, reject) => {
		server.once('error', reject).listen(0, '127.0.0.1', resolve);
	});
	const cut = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
	return {
		url: `http://127.0.0.1:${server.address().port}`,
		/** Breaks every open connection. New ones go through. */
		cut,
		close: () => {
			cut();
			return new Promise((resolve) => server.close(resolve));
		},
	};
}
