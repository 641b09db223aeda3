import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { href, replace } from "../router.ts";
import { ErrorText, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { useTitle } from "../ui/title.ts";
import { Welcome } from "./layout.tsx";
import { NewPassword } from "./new-password.tsx";

export function SignUp({ then }: { then: string }) {
  useTitle("Create an account");
  const { session } = useData();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const form = useForm(["name", "email", "password"]);

  return (
    <Welcome title="Create an account" lead="After this you name your organization, or join one by its invitation.">
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          const done = await form.submit(() => session.signUp({ name: name.trim(), email: email.trim(), password }));
          if (done) replace(then.startsWith("#/") ? then : "#/");
        }}
      >
        <TextField
          label="Name"
          autocomplete="name"
          required
          maxLength={120}
          value={name}
          onValue={setName}
          error={form.fields.name}
        />
        <TextField
          label="Email"
          type="email"
          autocomplete="username"
          required
          value={email}
          onValue={setEmail}
          error={form.fields.email}
        />
        <NewPassword label="Password" value={password} onValue={setPassword} error={form.fields.password} />
        <ErrorText>{form.error}</ErrorText>
        <button class="button primary wide" disabled={form.busy}>
          Create account
        </button>
        <p class="form-links">
          <a href={href(["sign-in"], then ? new URLSearchParams({ then }) : undefined)}>I have an account</a>
        </p>
      </form>
    </Welcome>
  );
}
