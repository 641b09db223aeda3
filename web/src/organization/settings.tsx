import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Belonging, Priority } from "../data/types.ts";
import { PRIORITIES, PRIORITY_LABEL } from "../domain/status.ts";
import { ErrorText, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { useTitle } from "../ui/title.ts";
import { showToast } from "../ui/toast.tsx";
import { TimezoneField } from "./timezone.tsx";

/** What the server takes for priorities without a setting. */
const DEFAULT_HOURS: Record<Priority, number> = { low: 120, normal: 48, high: 8, urgent: 2 };

export function Settings({ belonging, onSaved }: { belonging: Belonging; onSaved: () => void }) {
  const { organization } = belonging;
  useTitle(`Settings · ${organization.name}`);
  const { team } = useData();
  const [name, setName] = useState(organization.name);
  const [timezone, setTimezone] = useState(organization.timezone);
  const [hours, setHours] = useState<Record<Priority, string>>(() => {
    const set = { ...DEFAULT_HOURS, ...organization.settings?.slaHours };
    return Object.fromEntries(PRIORITIES.map((priority) => [priority, String(set[priority])])) as Record<Priority, string>;
  });
  const form = useForm(["name", "timezone"]);

  const save = async () => {
    const slaHours = Object.fromEntries(PRIORITIES.map((priority) => [priority, Number(hours[priority])]));
    const settings = { ...organization.settings, slaHours };
    const done = await form.submit(async () => {
      await team.saveOrganization(organization.id, { name: name.trim(), timezone, settings });
    });
    if (!done) return;
    showToast({ kind: "good", text: "Settings saved." });
    onSaved();
  };

  return (
    <div class="page">
      <header class="page-head">
        <h1>Settings</h1>
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <section class="panel" aria-labelledby="settings-organization">
          <h2 id="settings-organization">Organization</h2>
          <div class="two-columns">
            <TextField label="Name" required maxLength={120} value={name} onValue={setName} error={form.fields.name} />
            <TimezoneField value={timezone} onValue={setTimezone} error={form.fields.timezone} />
          </div>
        </section>
        <section class="panel" aria-labelledby="settings-sla">
          <h2 id="settings-sla">Time until an order is due</h2>
          <p class="hint">In hours after it was made, by priority. A change holds for new orders.</p>
          <div class="sla-fields">
            {PRIORITIES.map((priority) => (
              <TextField
                key={priority}
                label={PRIORITY_LABEL[priority]}
                type="number"
                min="1"
                max="8760"
                step="1"
                required
                value={hours[priority]}
                onValue={(value) => setHours({ ...hours, [priority]: value })}
              />
            ))}
          </div>
        </section>
        <ErrorText>{form.error}</ErrorText>
        <button class="button primary" disabled={form.busy}>
          Save settings
        </button>
      </form>
    </div>
  );
}
