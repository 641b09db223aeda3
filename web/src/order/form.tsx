import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { Failure, failureOf } from "../data/errors.ts";
import type { Belonging, ChecklistItem, OrderPlan, Person, Priority, Site, WorkOrder } from "../data/types.ts";
import { cleaned } from "../domain/checklist.ts";
import { PRIORITIES, PRIORITY_LABEL } from "../domain/status.ts";
import { fromLocalInput, toLocalInput } from "../domain/time.ts";
import { Dialog } from "../ui/dialog.tsx";
import { ErrorText, Field, TextField } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { PriorityMark } from "../ui/marks.tsx";
import { showToast } from "../ui/toast.tsx";
import { ChecklistEditor } from "./checklist-editor.tsx";
import { SiteField } from "./site-field.tsx";

interface Props {
  belonging: Belonging;
  people: Person[];
  /** The order to edit, none to create one. */
  order?: WorkOrder;
  onSaved: (order: WorkOrder) => void;
  onClose: () => void;
}

interface Draft {
  site: Pick<Site, "id" | "name"> | undefined;
  title: string;
  description: string;
  priority: Priority;
  assignee: string;
  /** Of inputs of type datetime-local, in the organization's timezone. */
  start: string;
  end: string;
  checklist: ChecklistItem[];
}

/** Plans an order: a new one, or what the office decides about an existing one. */
export function OrderForm({ belonging, people, order, onSaved, onClose }: Props) {
  const { orders } = useData();
  const { organization } = belonging;
  const { timezone } = organization;
  const [initial] = useState(() => draftOf(order, timezone));
  const [draft, setDraft] = useState(initial);
  const form = useForm(["site", "title", "description", "priority", "assignee", "scheduledStart", "scheduledEnd"]);
  const set = (change: Partial<Draft>) => setDraft((old) => ({ ...old, ...change }));
  const technicians = people.filter((person) => person.role === "technician" || person.id === draft.assignee);
  const schedulable = !order && draft.assignee !== "" && draft.start !== "";

  const save = async (schedule: boolean) => {
    const plan = planOf(draft, timezone);
    let saved: WorkOrder | undefined;
    await form.submit(async () => {
      // Without a site the server's rule refuses the order as a whole, and cannot say why.
      if (!draft.site) throw new Failure("", 400, { site: "Choose the site where the work is done." });
      saved = order
        ? await orders.plan(order.id, changesOf(planOf(initial, timezone), plan, order))
        : await orders.create(organization.id, plan);
    });
    if (!saved) return;
    onSaved(saved);
    onClose();
    if (schedule) await scheduleNow(saved);
  };
  // The order is there already, so a refusal here must not keep the form open.
  const scheduleNow = async (created: WorkOrder) => {
    try {
      onSaved(await orders.move(created.id, "scheduled"));
    } catch (error) {
      showToast({ kind: "bad", text: `#${created.number} was saved as a draft. ${failureOf(error).sentence}` });
    }
  };

  return (
    <Dialog
      title={order ? `Edit #${order.number}` : "New order"}
      width="44rem"
      onClose={onClose}
      mayClose={() => draft === initial || window.confirm("Discard what you have entered?")}
      footer={
        <>
          <button type="submit" form="order-form" class={`button${schedulable ? "" : " primary"}`} disabled={form.busy}>
            {order ? "Save" : "Save as draft"}
          </button>
          {schedulable && (
            <button type="submit" form="order-form" class="button primary" value="schedule" disabled={form.busy}>
              Create and schedule
            </button>
          )}
        </>
      }
    >
      <form
        id="order-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save((event.submitter as HTMLButtonElement | null)?.value === "schedule");
        }}
      >
        <TextField
          label="Title"
          required
          maxLength={200}
          value={draft.title}
          onValue={(title) => set({ title })}
          error={form.fields.title}
          autofocus
        />
        <SiteField organization={organization.id} value={draft.site} onValue={(site) => set({ site })} error={form.fields.site} />
        <Field label="Description" optional error={form.fields.description}>
          {(control) => (
            <textarea
              class="input"
              rows={3}
              maxLength={5000}
              {...control}
              value={draft.description}
              onInput={(event) => set({ description: event.currentTarget.value })}
            />
          )}
        </Field>
        <PriorityField value={draft.priority} onValue={(priority) => set({ priority })} />
        <Field label="Assignee" optional error={form.fields.assignee}>
          {(control) => (
            <select
              class="input"
              {...control}
              value={draft.assignee}
              onChange={(event) => set({ assignee: event.currentTarget.value })}
            >
              <option value="">Unassigned</option>
              {technicians.map((person) => (
                <option key={person.id} value={person.id}>
                  {person.name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <div class="two-columns">
          <TextField
            label="Start"
            type="datetime-local"
            optional
            hint={`Time in ${timezone.replace(/_/g, " ")}`}
            value={draft.start}
            onValue={(start) => set({ start, end: draft.end || endAfter(start) })}
            error={form.fields.scheduledStart}
          />
          <TextField
            label="End"
            type="datetime-local"
            optional
            min={draft.start || undefined}
            value={draft.end}
            onValue={(end) => set({ end })}
            error={form.fields.scheduledEnd}
          />
        </div>
        <ChecklistEditor items={draft.checklist} onItems={(checklist) => set({ checklist })} />
        <ErrorText>{form.error}</ErrorText>
      </form>
    </Dialog>
  );
}

function PriorityField({ value, onValue }: { value: Priority; onValue: (priority: Priority) => void }) {
  return (
    <fieldset class="field">
      <legend>Priority</legend>
      <div class="segments wide">
        {[...PRIORITIES].reverse().map((priority) => (
          <label key={priority}>
            <input
              type="radio"
              name="priority"
              class="visually-hidden"
              checked={priority === value}
              aria-label={PRIORITY_LABEL[priority]}
              onChange={() => onValue(priority)}
            />
            <PriorityMark priority={priority} text />
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function draftOf(order: WorkOrder | undefined, timezone: string): Draft {
  return {
    site: order && { id: order.site, name: order.expand?.site?.name ?? "" },
    title: order?.title ?? "",
    description: order?.description ?? "",
    priority: order?.priority ?? "normal",
    assignee: order?.assignee ?? "",
    start: toLocalInput(order?.scheduledStart ?? "", timezone),
    end: toLocalInput(order?.scheduledEnd ?? "", timezone),
    checklist: order?.checklist ?? [],
  };
}

function planOf(draft: Draft, timezone: string): OrderPlan {
  return {
    site: draft.site?.id ?? "",
    title: draft.title.trim(),
    description: draft.description.trim(),
    priority: draft.priority,
    assignee: draft.assignee,
    scheduledStart: fromLocalInput(draft.start, timezone),
    scheduledEnd: fromLocalInput(draft.end, timezone),
    checklist: cleaned(draft.checklist),
  };
}

/** What was changed, so that nothing else is overwritten; items that were ticked off meanwhile stay so. */
function changesOf(before: OrderPlan, after: OrderPlan, current: WorkOrder): Partial<OrderPlan> {
  const differs = (name: keyof OrderPlan) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
  const names = (Object.keys(after) as (keyof OrderPlan)[]).filter(differs);
  const done = new Set(current.checklist?.filter((item) => item.done).map((item) => item.id));
  const plan = { ...after, checklist: after.checklist.map((item) => ({ ...item, done: done.has(item.id) })) };
  return Object.fromEntries(names.map((name) => [name, plan[name]]));
}

/** Two hours later on the clock, which is what a visit usually takes. */
function endAfter(start: string): string {
  const at = Date.parse(start + ":00Z");
  return Number.isNaN(at) ? "" : new Date(at + 2 * 3600_000).toISOString().slice(0, 16);
}
