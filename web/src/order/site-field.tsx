import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Site } from "../data/types.ts";
import { Combobox } from "../ui/combobox.tsx";
import { ErrorText, Field, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { Icon } from "../ui/icon.tsx";

interface Props {
  organization: string;
  value: Pick<Site, "id" | "name"> | undefined;
  onValue: (site: Pick<Site, "id" | "name">) => void;
  error?: string | undefined;
}

/** Chooses a site of the organization, or makes a new one on the spot. */
export function SiteField({ organization, value, onValue, error }: Props) {
  const { orders } = useData();
  const [creating, setCreating] = useState(false);

  if (creating) {
    return (
      <NewSite
        organization={organization}
        onCreated={(site) => {
          onValue(site);
          setCreating(false);
        }}
        onCancel={() => setCreating(false)}
      />
    );
  }
  return (
    <div class="site-field">
      <Field label="Site" error={error}>
        {(control) => (
          <Combobox
            control={control}
            value={value && { id: value.id, label: value.name }}
            placeholder="Search by name or address"
            search={async (text) =>
              (await orders.sites(organization, text)).map((site) => ({ id: site.id, label: site.name, detail: site.address }))
            }
            onChoose={(option) => onValue({ id: option.id, name: option.label })}
          />
        )}
      </Field>
      <button type="button" class="button" onClick={() => setCreating(true)}>
        <Icon name="plus" />
        New site
      </button>
    </div>
  );
}

interface NewSiteProps {
  organization: string;
  onCreated: (site: Site) => void;
  onCancel: () => void;
}

function NewSite({ organization, onCreated, onCancel }: NewSiteProps) {
  const { orders } = useData();
  const [name, setName] = useState("");
  const [address, setAddress] = useState("");
  const [contact, setContact] = useState("");
  const form = useForm(["name", "address", "contact"]);
  const save = () =>
    form.submit(async () => {
      onCreated(await orders.createSite(organization, { name: name.trim(), address: address.trim(), contact: contact.trim() }));
    });

  // It stands inside the order's form, so it cannot be a form of its own.
  return (
    <fieldset
      class="new-site"
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
        event.preventDefault();
        void save();
      }}
    >
      <legend>New site</legend>
      <TextField label="Site name" maxLength={160} value={name} onValue={setName} error={form.fields.name} autofocus />
      <TextField label="Address" optional maxLength={300} value={address} onValue={setAddress} error={form.fields.address} />
      <TextField
        label="Contact"
        optional
        maxLength={200}
        hint="Name and telephone number"
        value={contact}
        onValue={setContact}
        error={form.fields.contact}
      />
      <ErrorText>{form.error}</ErrorText>
      <div class="button-row">
        <button type="button" class="button" disabled={form.busy || name.trim() === ""} onClick={() => void save()}>
          Add site
        </button>
        <button type="button" class="button quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </fieldset>
  );
}
