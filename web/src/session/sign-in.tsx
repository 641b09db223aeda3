import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { DemoAccount } from "../data/types.ts";
import { ROLE_LABEL } from "../domain/status.ts";
import { href, replace } from "../router.ts";
import { Avatar } from "../ui/avatar.tsx";
import { ErrorText, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { Icon } from "../ui/icon.tsx";
import { useLoad } from "../ui/load.ts";
import { useTitle } from "../ui/title.ts";
import { Welcome } from "./layout.tsx";

export function SignIn({ then }: { then: string }) {
  useTitle("Sign in");
  const { session } = useData();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const form = useForm([]);
  const { value: accounts } = useLoad(() => session.demoAccounts(), []);

  const signIn = async (as: { email: string; password: string }) => {
    // The target goes into the address first: signing in replaces this screen.
    const target = then.startsWith("#/") ? then : "#/";
    if (await form.submit(() => session.signIn(as.email, as.password))) replace(target);
  };
  const carried = then ? new URLSearchParams({ then }) : undefined;

  return (
    <Welcome title="Sign in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void signIn({ email, password });
        }}
      >
        <TextField label="Email" type="email" autocomplete="username" required value={email} onValue={setEmail} />
        <TextField
          label="Password"
          type="password"
          autocomplete="current-password"
          required
          value={password}
          onValue={setPassword}
        />
        <ErrorText>{form.error}</ErrorText>
        <button class="button primary wide" disabled={form.busy}>
          {form.busy ? "Signing in…" : "Sign in"}
        </button>
        <p class="form-links">
          <a href={href(["forgot"])}>Forgot password?</a>
          <a href={href(["sign-up"], carried)}>Create an account</a>
        </p>
      </form>
      {accounts && accounts.length > 0 && (
        <DemoAccounts accounts={accounts} busy={form.busy} onChoose={(account) => void signIn(account)} />
      )}
    </Welcome>
  );
}

const ROLE_ORDER = ["owner", "dispatcher", "technician", "viewer"];

/** The demo data's people, each signed in as by one click. */
function DemoAccounts({
  accounts,
  busy,
  onChoose,
}: {
  accounts: DemoAccount[];
  busy: boolean;
  onChoose: (account: DemoAccount) => void;
}) {
  const organizations = [...new Set(accounts.map((account) => account.organization))];
  return (
    <section class="demo" aria-labelledby="demo-title">
      <h2 id="demo-title">Look around as somebody from the demo data</h2>
      {organizations.map((organization) => (
        <div key={organization} class="demo-organization">
          <h3>
            <Icon name="building" size={16} />
            {organization}
          </h3>
          {ROLE_ORDER.map((role) => {
            const people = accounts.filter((account) => account.organization === organization && account.role === role);
            return (
              people.length > 0 && (
                <div key={role} class="demo-role">
                  <h4>{people.length > 1 ? ROLE_LABEL[people[0]!.role] + "s" : ROLE_LABEL[people[0]!.role]}</h4>
                  <ul>
                    {people.map((account) => (
                      <li key={account.email}>
                        <button type="button" class="person-chip" disabled={busy} onClick={() => onChoose(account)}>
                          <Avatar person={{ id: account.email, name: account.name, avatar: "" }} size={24} />
                          {account.name}
                        </button>
                      </li>
                    ))}
                  </ul>
                </div>
              )
            );
          })}
        </div>
      ))}
    </section>
  );
}
