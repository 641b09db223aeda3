import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { InvitationPreview, User } from "../data/types.ts";
import { ROLE_LABEL } from "../domain/status.ts";
import { href, replace } from "../router.ts";
import { ErrorText, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { useLoad } from "../ui/load.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { useTitle } from "../ui/title.ts";
import { Welcome } from "./layout.tsx";
import { NewPassword } from "./new-password.tsx";

/** Accepting an invitation: as who one is, by signing in, or with a new account. */
export function Invitation({ token, user }: { token: string; user: User | null }) {
  useTitle("Invitation");
  const { session } = useData();
  const { value: invitation, failure, reload } = useLoad(() => session.previewInvitation(token), [token]);

  if (!invitation) {
    return (
      <Welcome title="Invitation">
        {failure ? <Failed failure={failure} onRetry={failure.transient ? reload : undefined} /> : <Skeleton />}
        {failure && (
          <p class="form-links">
            <a href="#/">Go to Holdall</a>
          </p>
        )}
      </Welcome>
    );
  }
  return (
    <Welcome
      title={`Join ${invitation.organization.name}`}
      lead={
        <>
          You are invited as {ROLE_LABEL[invitation.role].toLowerCase()}, at <strong>{invitation.email}</strong>.
        </>
      }
    >
      <Acceptance token={token} user={user} invitation={invitation} />
    </Welcome>
  );
}

function Acceptance({ token, user, invitation }: { token: string; user: User | null; invitation: InvitationPreview }) {
  const { session } = useData();
  const here = href(["invitation", token]);

  if (!user) {
    if (!invitation.accountExists) return <NewAccount token={token} />;
    return (
      <>
        <p>There is an account with this address. Sign in to accept.</p>
        <a class="button primary wide" href={href(["sign-in"], new URLSearchParams({ then: here }))}>
          Sign in
        </a>
      </>
    );
  }
  if (user.email?.toLowerCase() !== invitation.email.toLowerCase()) {
    return (
      <>
        <p>You are signed in as {user.email}, and this invitation is for another address.</p>
        <button type="button" class="button primary wide" onClick={() => session.signOut()}>
          Sign out
        </button>
      </>
    );
  }
  return <AcceptButton token={token} />;
}

function AcceptButton({ token }: { token: string }) {
  const { session } = useData();
  const form = useForm([]);
  return (
    <>
      <ErrorText>{form.error}</ErrorText>
      <button
        type="button"
        class="button primary wide"
        disabled={form.busy}
        onClick={async () => {
          if (await form.submit(() => session.acceptInvitation(token))) replace("#/");
        }}
      >
        Accept the invitation
      </button>
    </>
  );
}

function NewAccount({ token }: { token: string }) {
  const { session } = useData();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const form = useForm(["name", "password"]);
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        if (await form.submit(() => session.acceptInvitation(token, { name: name.trim(), password }))) replace("#/");
      }}
    >
      <TextField
        label="Your name"
        autocomplete="name"
        required
        maxLength={120}
        value={name}
        onValue={setName}
        error={form.fields.name}
      />
      <NewPassword label="Choose a password" value={password} onValue={setPassword} error={form.fields.password} />
      <ErrorText>{form.error}</ErrorText>
      <button class="button primary wide" disabled={form.busy}>
        Create account and join
      </button>
    </form>
  );
}
