// A mail server that keeps what it is given, so that a test can follow the
// link or type the code that a person would have received.
import { createServer } from 'node:net';

import { until } from './server.mjs';

/** Starts it on a free port. `settings` is what PocketBase has to be told. */
export async function mailbox() {
	const messages = [];
	const sockets = new Set();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.once('close', () => sockets.delete(socket));
		socket.on('error', () => socket.destroy());
		talk(socket, messages);
	});
	await new Promise((resolve, reject) => {
		server.once('error', reject).listen(0, '127.0.0.1', resolve);
	});

	return {
		messages,
		settings: { enabled: true, host: '127.0.0.1', port: server.address().port, tls: false },
		/** The newest message to an address, from the given count on. */
		to: (address, from = 0) =>
			until(() => messages.slice(from).findLast((message) => message.to.includes(address))),
		close: () => {
			for (const socket of sockets) {
				socket.destroy();
			}
			return new Promise((resolve) => server.close(resolve));
		},
	};
}

// The part of RFC 5321 that a client without extensions needs.
function talk(socket, messages) {
	let pending = '';
	let to = [];
	let body = null;
	const say = (line) => socket.write(`${line}\r\n`);

	const take = (line) => {
		if (body !== null) {
			if (line === '.') {
				messages.push({ to, text: decode(body) });
				to = [];
				body = null;
				say('250 kept');
			} else {
				body += `${line.replace(/^\.\./, '.')}\r\n`;
			}
			return;
		}
		const command = line.slice(0, 4).toUpperCase();
		if (command === 'RCPT') {
			to.push(line.replace(/.*<|>.*/g, ''));
		}
		if (command === 'DATA') {
			body = '';
			say('354 go on');
		} else if (command === 'QUIT') {
			say('221 bye');
			socket.end();
		} else {
			say('250 fine');
		}
	};

	socket.setEncoding('utf8').on('data', (text) => {
		const lines = (pending + text).split('\r\n');
		pending = lines.pop();
		lines.forEach(take);
	});
	say('220 mail.example');
}

/** The text parts of a message: quoted-printable and base64 undone. */
function decode(raw) {
	return raw
		.split(/\r\n(?=--)/)
		.map((part) => {
			const split = part.indexOf('\r\n\r\n');
			const head = part.slice(0, split);
			const text = part.slice(split + 4);
			if (/^Content-Transfer-Encoding: *base64/im.test(head)) {
				return `${head}\r\n\r\n${Buffer.from(text, 'base64').toString('utf8')}`;
			}
			if (/^Content-Transfer-Encoding: *quoted-printable/im.test(head)) {
				return `${head}\r\n\r\n${unquote(text)}`;
			}
			return part;
		})
		.join('\r\n');
}

function unquote(text) {
	const bytes = text
		.replace(/=\r\n/g, '')
		.replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
	return Buffer.from(bytes, 'latin1').toString('utf8');
}
