import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Organization, User } from "../data/types.ts";
import { slugOf } from "../domain/names.ts";
import { href } from "../router.ts";
import { ErrorText, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { useTitle } from "../ui/title.ts";
import { Welcome } from "../session/layout.tsx";
import { TimezoneField } from "./timezone.tsx";

interface Props {
  user: User;
  /** Whether the user has no organization yet. */
  first: boolean;
  onCreated: (organization: Organization) => Promise<void>;
}

export function CreateOrganization({ user, first, onCreated }: Props) {
  useTitle("Your organization");
  const { session } = useData();
  const [name, setName] = useState("");
  const [slug, setSlug] = useState<string>();
  const [timezone, setTimezone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone);
  const form = useForm(["name", "slug", "timezone"]);
  const wanted = slug ?? slugOf(name);

  return (
    <Welcome
      title={first ? "Name your organization" : "Another organization"}
      lead={first ? `Welcome, ${user.name || user.email}. You become its owner and can invite others.` : undefined}
    >
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          await form.submit(async () => {
            await onCreated(await session.createOrganization({ name: name.trim(), slug: wanted, timezone }));
          });
        }}
      >
        <TextField label="Name" required maxLength={120} value={name} onValue={setName} error={form.fields.name} />
        <TextField
          label="Short name"
          hint="Stands in addresses: small letters, digits and hyphens."
          required
          maxLength={63}
          pattern="[a-z0-9]+(-[a-z0-9]+)*"
          value={wanted}
          onValue={setSlug}
          error={form.fields.slug}
        />
        <TimezoneField value={timezone} onValue={setTimezone} error={form.fields.timezone} />
        <ErrorText>{form.error}</ErrorText>
        <button class="button primary wide" disabled={form.busy}>
          Create organization
        </button>
      </form>
      <p class="form-links">
        {first ? (
          <button type="button" class="link" onClick={() => session.signOut()}>
            Sign out
          </button>
        ) : (
          <a href={href([])}>Back</a>
        )}
      </p>
    </Welcome>
  );
}
