import assert from 'node:assert/strict';
import { it } from 'node:test';

import { conformance, fails } from './support/conformance.mjs';
import { until } from './support/server.mjs';
import { ids } from './support/world.mjs';

const token = (message) => message.text.match(/confirm-[a-z-]+\/([\w.-]+)/)[1];

conformance('auth', (world) => {
	it('lists the ways to sign in', async () => {
		const methods = await world.guest().collection('conf_people').listAuthMethods();
		assert.equal(methods.password.enabled, true);
		assert.deepEqual(methods.password.identityFields, ['email']);
		assert.equal(methods.otp.enabled, true);
		assert.equal(methods.otp.duration, 300);
		assert.equal(methods.oauth2.enabled, false);
		assert.equal(methods.mfa.enabled, false);
	});

	it('signs in by password and keeps the record without what is hidden', async () => {
		const pb = world.guest();
		const auth = await pb.collection('conf_people').authWithPassword('ada@example.com', 'person-password');
		assert.equal(auth.record.id, ids.ada);
		assert.equal(auth.record.collectionName, 'conf_people');
		assert.equal(auth.record.email, 'ada@example.com');
		for (const hidden of ['password', 'tokenKey', 'secret']) {
			assert.ok(!(hidden in auth.record), hidden);
		}
		assert.equal(pb.authStore.isValid, true);
		assert.equal(pb.authStore.token, auth.token);
		assert.equal(pb.authStore.isSuperuser, false);
	});

	it('answers a wrong password and an unknown address alike', async () => {
		const people = world.guest().collection('conf_people');
		const wrong = await fails(people.authWithPassword('ada@example.com', 'not-the-password'), 400);
		const unknown = await fails(people.authWithPassword('nobody@example.com', 'person-password'), 400);
		assert.deepEqual(wrong.response, unknown.response);
		await fails(people.authWithPassword('', ''), 400,
			{ identity: 'validation_required', password: 'validation_required' });
	});

	it('refreshes a token, and refuses it for a guest', async () => {
		const ada = await world.person('ada');
		const before = ada.authStore.token;
		const auth = await ada.collection('conf_people').authRefresh();
		assert.equal(auth.record.id, ids.ada);
		assert.equal(ada.authStore.token, auth.token);
		assert.equal(auth.token.split('.').length, before.split('.').length);
		await fails(world.guest().collection('conf_people').authRefresh(), 401);
		await fails(ada.collection('_superusers').authRefresh(), 403);
	});

	it('signs in by a code that was mailed', async () => {
		const people = world.guest().collection('conf_people');
		const { otpId } = await people.requestOTP('bob@example.com');
		const message = await world.mail.to('bob@example.com');
		const code = message.text.match(/\b(\d{8})\b/)[1];
		await fails(people.authWithOTP(otpId, '00000000'), 400);
		const auth = await people.authWithOTP(otpId, code);
		assert.equal(auth.record.id, ids.bob);
		await fails(people.authWithOTP(otpId, code), 400);
		const nobody = await people.requestOTP('nobody@example.com');
		assert.match(nobody.otpId, /^\w{15}$/);
	});

	it('resets a password by the mailed link, which ends the other sessions', async () => {
		const made = await world.root.collection('conf_people').create({
			email: 'reset@example.com', password: 'first-password', passwordConfirm: 'first-password',
		});
		const session = world.guest();
		await session.collection('conf_people').authWithPassword('reset@example.com', 'first-password');

		const people = world.guest().collection('conf_people');
		assert.equal(await people.requestPasswordReset('reset@example.com'), true);
		const reset = token(await world.mail.to('reset@example.com'));
		await fails(people.confirmPasswordReset(reset, 'next-password', 'other'), 400,
			{ passwordConfirm: 'validation_values_mismatch' });
		await fails(people.confirmPasswordReset('not.a.token', 'next-password', 'next-password'), 400,
			{ token: 'validation_invalid_token' });
		assert.equal(await people.confirmPasswordReset(reset, 'next-password', 'next-password'), true);

		await fails(people.authWithPassword('reset@example.com', 'first-password'), 400);
		await fails(session.collection('conf_people').authRefresh(), 401);
		const auth = await people.authWithPassword('reset@example.com', 'next-password');
		assert.equal(auth.record.id, made.id);
		assert.equal(await people.requestPasswordReset('nobody@example.com'), true);
	});

	it('verifies an address by the mailed link', async () => {
		const made = await world.guest().collection('conf_people').create({
			email: 'fresh@example.com', password: 'person-password', passwordConfirm: 'person-password',
		});
		assert.equal(made.verified, false);
		assert.ok(!('email' in made), 'an address is shown although its owner did not choose that');
		const people = world.guest().collection('conf_people');
		assert.equal(await people.requestVerification('fresh@example.com'), true);
		const message = await world.mail.to('fresh@example.com');
		assert.equal(await people.confirmVerification(token(message)), true);
		assert.equal((await world.root.collection('conf_people').getOne(made.id)).verified, true);
		await fails(people.confirmVerification('nonsense'), 400, { token: 'validation_invalid_token_claims' });
	});

	it('changes an address by the link mailed to the new one', async () => {
		await world.root.collection('conf_people').create({
			email: 'before@example.com', password: 'person-password', passwordConfirm: 'person-password', verified: true,
		});
		const pb = world.guest();
		await pb.collection('conf_people').authWithPassword('before@example.com', 'person-password');
		await fails(pb.collection('conf_people').requestEmailChange('ada@example.com'), 400,
			{ newEmail: 'validation_invalid_new_email' });
		assert.equal(await pb.collection('conf_people').requestEmailChange('after@example.com'), true);
		const change = token(await world.mail.to('after@example.com'));
		await fails(pb.collection('conf_people').confirmEmailChange(change, 'wrong-password'), 400,
			{ password: 'validation_invalid_password' });
		assert.equal(await pb.collection('conf_people').confirmEmailChange(change, 'person-password'), true);
		const auth = await world.guest().collection('conf_people')
			.authWithPassword('after@example.com', 'person-password');
		assert.equal(auth.record.email, 'after@example.com');
		await fails(world.guest().collection('conf_people').requestEmailChange('x@example.com'), 401);
	});

	it('lets a superuser act as somebody, and nobody else', async () => {
		const bob = await world.root.collection('conf_people').impersonate(ids.bob, 600);
		assert.equal(bob.authStore.record.id, ids.bob);
		const own = await bob.collection('conf_own').create({ note: 'mine', owner: ids.bob });
		assert.equal(own.owner, ids.bob);
		const borrowed = bob.authStore.token;
		const refreshed = await bob.collection('conf_people').authRefresh();
		assert.equal(refreshed.token, borrowed, 'the borrowed token was prolonged');
		const ada = await world.person('ada');
		await fails(ada.collection('conf_people').impersonate(ids.bob, 600), 403);
		await fails(world.guest().collection('conf_people').impersonate(ids.bob, 600), 401);
	});

	it('asks for a second factor where the collection wants one', async () => {
		await world.root.collections.update('conf_people', { mfa: { enabled: true, duration: 300 } });
		try {
			const pb = world.guest();
			const first = await pb.collection('conf_people')
				.authWithPassword('ada@example.com', 'person-password').catch((error) => error);
			assert.equal(first.status, 401);
			assert.deepEqual(Object.keys(first.response), ['mfaId']);
			const from = world.mail.messages.length;
			const { otpId } = await pb.collection('conf_people').requestOTP('ada@example.com');
			const code = (await world.mail.to('ada@example.com', from)).text.match(/\b(\d{8})\b/)[1];
			const auth = await pb.collection('conf_people')
				.authWithOTP(otpId, code, { mfaId: first.response.mfaId });
			assert.equal(auth.record.id, ids.ada);
		} finally {
			await world.root.collections.update('conf_people', { mfa: { enabled: false } });
		}
	});

	it('starts OAuth2 only where it is set up', async () => {
		const people = world.guest().collection('conf_people');
		await fails(people.authWithOAuth2Code('google', 'code', 'verifier', `${world.url}/done`), 403);
		const redirect = await fetch(`${world.url}/api/oauth2-redirect?state=x&code=y`, { redirect: 'manual' });
		assert.equal(redirect.status, 307);
		assert.match(redirect.headers.get('location'), /oauth2-redirect-failure/);
	});

	it('mails an alert about a sign-in from somewhere new', async () => {
		await world.root.collections.update('conf_people', { authAlert: { enabled: true } });
		try {
			const from = world.mail.messages.length;
			for (const agent of ['first device', 'second device']) {
				await world.guest().collection('conf_people').authWithPassword('bob@example.com', 'person-password',
					{ headers: { 'User-Agent': agent } });
			}
			const alert = await until(() => world.mail.messages.slice(from)
				.find((message) => message.to.includes('bob@example.com')));
			assert.match(alert.text, /new location/i);
		} finally {
			await world.root.collections.update('conf_people', { authAlert: { enabled: false } });
		}
	});
});
