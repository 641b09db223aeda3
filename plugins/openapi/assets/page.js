// Shows the document of whoever reads it. The tokens are those that the dashboard
// and the app's own pages keep in this browser; they go nowhere but to this server.
(() => {
	'use strict';

	// Scalar's validation would try whether it may compile code, which it may not.
	globalThis.__zod_globalConfig = { jitless: true };

	const origin = new URL('.', location.href); // …/api/
	const who = document.getElementById('who');
	const message = document.getElementById('message');

	/** Where the official SDK keeps the app's sign-in, and the dashboard its own. */
	const isStore = (key) => key === 'pocketbase_auth' || key.startsWith('__pb_superusers__');

	const readers = [{ name: 'everybody', token: '' }];
	for (const key of Object.keys(localStorage).filter(isStore).sort().reverse()) {
		const reader = signedIn(localStorage.getItem(key));
		if (reader) {
			readers.push(reader);
		}
	}

	function signedIn(stored) {
		try {
			const { token, record, model } = JSON.parse(stored);
			const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
			if (claims.exp * 1000 < Date.now()) {
				return null;
			}
			const account = record ?? model;
			return { name: `${account?.email || account?.id} (${account?.collectionName})`, token };
		} catch {
			return null; // nobody has signed in there
		}
	}

	for (const [i, reader] of readers.entries()) {
		who.add(new Option(reader.name, String(i)));
	}
	who.selectedIndex = readers.length > 1 ? 1 : 0;
	who.addEventListener('change', () => void show());
	document.addEventListener('DOMContentLoaded', () => void show()); // what draws is there by then

	let shown;

	async function show() {
		const { token } = readers[Number(who.value)];
		const headers = token ? { Authorization: `Bearer ${token}` } : {};
		message.textContent = 'Loading…';
		try {
			const answer = await fetch(new URL('openapi.json', origin), { headers });
			const content = await answer.json();
			if (!answer.ok) {
				throw new Error(content.message);
			}
			message.textContent = '';
			document.title = content.info.title;
			draw(content, token);
		} catch (error) {
			message.textContent = `The document could not be loaded: ${error.message}`;
		}
	}

	function draw(content, token) {
		content.servers = [{ url: new URL(content.servers?.[0]?.url ?? '/', location.href).href.replace(/\/$/, '') }];
		shown?.destroy?.();
		const target = document.getElementById('reference');
		target.replaceChildren();
		const place = document.createElement('div');
		target.append(place);
		shown = globalThis.Scalar ? drawScalar(place, content, token) : drawSwagger(place, content, token);
	}

	function drawScalar(place, content, token) {
		return Scalar.createApiReference(place, {
			content,
			authentication: {
				preferredSecurityScheme: 'token',
				securitySchemes: { token: { token } },
			},
			agent: { disabled: true },
			mcp: { disabled: true },
			telemetry: false,
			withDefaultFonts: false,
			proxyUrl: '',
			showDeveloperTools: 'never',
			hideClientButton: true,
			documentDownloadType: 'none', // it is at the top
			persistAuth: false,
		});
	}

	function drawSwagger(place, content, token) {
		const dark = matchMedia('(prefers-color-scheme: dark)');
		const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
		dark.onchange = follow;
		follow();
		const ui = SwaggerUIBundle({
			domNode: place,
			spec: content,
			validatorUrl: null,
			deepLinking: true,
			docExpansion: 'none',
			filter: true,
			onComplete: () => token && ui.preauthorizeApiKey('token', token),
		});
		return null;
	}

	// What is drawn has controls without names or with roles that are not theirs, and
	// boxes to scroll that no key gets to.
	const name = (text) => (element) => element.setAttribute('aria-label', text);
	const mends = [
		['.group\\/copy-button:not([aria-label])', name('Copy')],
		['button[role=none]', (button) => button.removeAttribute('role')],
		['button.show-more[aria-label^="Show all"]', (button) => name(`${button.textContent.trim()}: ${button.getAttribute('aria-label')}`)(button)],
		['[contenteditable][role=combobox]:not([aria-controls])', (input) => input.setAttribute('role', 'textbox')],
		['select#servers:not([aria-label])', name('Server')],
		['select.content-type:not([aria-label])', name('Content type')],
		['textarea.body-param__text:not([aria-label])', name('Body')],
		['tr[data-param-name] :is(input, select, textarea):not([aria-label])', (input) => name(input.closest('tr').dataset.paramName)(input)],
		[':is(code.custom-scroll, ul.endpoints, .swagger-ui pre):not([tabindex])', (box) => (box.tabIndex = 0)],
	];
	let waiting = false;
	new MutationObserver(() => {
		waiting ||= Boolean(requestAnimationFrame(() => {
			waiting = false;
			for (const [selector, mend] of mends) {
				document.querySelectorAll(selector).forEach(mend);
			}
		}));
	}).observe(document.body, { childList: true, subtree: true });
})();
