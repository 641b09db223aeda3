import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { href } from "../router.ts";
import { ErrorText, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { useTitle } from "../ui/title.ts";
import { Welcome } from "./layout.tsx";

export function ForgotPassword() {
  useTitle("Reset your password");
  const { session } = useData();
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const form = useForm(["email"]);

  return (
    <Welcome title="Reset your password" lead="We mail you a link with which you choose a new one.">
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          setSent(await form.submit(() => session.requestPasswordReset(email.trim())));
        }}
      >
        <TextField
          label="Email"
          type="email"
          autocomplete="username"
          required
          value={email}
          onValue={setEmail}
          error={form.fields.email}
        />
        <ErrorText>{form.error}</ErrorText>
        <div role="status">{sent && <p class="notice">If there is an account with this address, a mail is on its way.</p>}</div>
        <button class="button primary wide" disabled={form.busy}>
          Send the link
        </button>
        <p class="form-links">
          <a href={href(["sign-in"])}>Back to sign in</a>
        </p>
      </form>
    </Welcome>
  );
}
