import { useEffect, useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Belonging, Person, Status, User, WorkOrder } from "../data/types.ts";
import { dueState } from "../domain/sla.ts";
import { isFinal, isOffice, moveLabel, movesFrom } from "../domain/status.ts";
import { spanLabel } from "../domain/time.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { PriorityMark, StatusBadge } from "../ui/marks.tsx";
import { useNow } from "../ui/now.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { AssigneeSelect } from "./assignee-select.tsx";
import { Checklist } from "./checklist.tsx";
import { OrderForm } from "./form.tsx";
import { ConfirmEnd } from "./confirm-end.tsx";
import { History } from "./history.tsx";
import { Notes } from "./notes.tsx";
import { Part, PartLevel } from "./part.tsx";
import { Photos } from "./photos.tsx";
import { Report } from "./report.tsx";
import { Signature, askToSaveSignature, mayDropSignature } from "./signature.tsx";
import { Unsent } from "./unsent.tsx";
import { useOrder, type LiveOrder } from "./use-order.ts";

/** The part of the panel that the user asked for, which gets the focus. */
export type PanelPart = "assign" | "move";

interface Props {
  id: string;
  user: User;
  belonging: Belonging;
  people: Person[];
  part: PanelPart | undefined;
  onChanged: (order: WorkOrder) => void;
  onRemoved: () => void;
  onClose: () => void;
}

/** Everything about one order, beside the board. */
export function OrderPanel(props: Props) {
  const { id, user, belonging, onChanged, onClose } = props;
  const live = useOrder(id, onChanged);
  const { order, failure, reload } = live;
  const { timezone } = belonging.organization;
  const writable = isOffice(belonging.role);
  const now = useNow();
  const [unsigned, setUnsigned] = useState(false);

  return (
    <Dialog
      kind="sheet"
      title={order ? `#${order.number} ${order.title}` : "Order"}
      onClose={onClose}
      mayClose={() => !unsigned || mayDropSignature()}
    >
      {failure && <Failed failure={failure} onRetry={failure.status === 404 ? undefined : reload} />}
      {!order && !failure && <Skeleton lines={8} label="Loading the order" />}
      {order && failure?.status !== 404 && (
        <PartLevel value="h3">
          <Unsent order={id} />
          <Actions {...props} live={live} order={order} unsigned={unsigned} />
          <Facts {...props} live={live} order={order} now={now} />
          <Report order={order} now={now} />
          {order.description && (
            <Part title="Description">
              <p class="prose">{order.description}</p>
            </Part>
          )}
          <Checklist items={order.checklist ?? []} onCheck={writable && !isFinal(order.status) ? live.check : undefined} />
          <Photos order={id} user={user} timezone={timezone} writable={writable} />
          <Signature order={order} writable={writable && order.status === "onSite"} onSigned={live.put} onInk={setUnsigned} />
          <Notes order={id} user={user} timezone={timezone} writable={writable} />
          <History order={order} timezone={timezone} now={now} />
        </PartLevel>
      )}
    </Dialog>
  );
}

type PartProps = Props & { live: LiveOrder; order: WorkOrder };

/** The moves that are open to the user, and editing. */
function Actions({ user, belonging, people, part, live, order, unsigned, onRemoved }: PartProps & { unsigned: boolean }) {
  const { orders } = useData();
  const [dialog, setDialog] = useState<"edit" | "remove">();
  const [ending, setEnding] = useState<Status>();
  const move = (to: Status) => {
    if (!isFinal(to)) return live.move(to);
    if (to === "completed" && unsigned) return askToSaveSignature();
    setEnding(to);
  };
  const [first, ...others] = movesFrom(order.status, belonging.role, order.assignee === user.id);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (part === "move") button.current?.focus();
  }, []);
  const label = (to: Status) => moveLabel(order.status, to);
  const removable = belonging.role === "owner" && (order.status === "draft" || order.status === "cancelled");

  return (
    <div class="panel-actions">
      <span aria-live="polite">
        <StatusBadge status={order.status} />
      </span>
      {first && (
        <button ref={button} type="button" class="button primary" onClick={() => move(first)}>
          {label(first)}
          <Icon name="arrowRight" />
        </button>
      )}
      {others.map((to) => (
        <button
          key={to}
          type="button"
          class={`button${to === "cancelled" ? " subtle-danger" : ""}`}
          onClick={() => move(to)}
        >
          {label(to)}
        </button>
      ))}
      {isOffice(belonging.role) && (
        <button type="button" class="button" onClick={() => setDialog("edit")}>
          <Icon name="pen" />
          Edit
        </button>
      )}
      {removable && (
        <button type="button" class="button subtle-danger" onClick={() => setDialog("remove")}>
          <Icon name="trash" />
          Delete
        </button>
      )}
      {ending && (
        <ConfirmEnd
          number={order.number}
          to={ending}
          signed={order.signature !== ""}
          onConfirm={() => live.move(ending)}
          onClose={() => setEnding(undefined)}
        />
      )}
      {dialog === "edit" && (
        <OrderForm belonging={belonging} people={people} order={order} onSaved={live.put} onClose={() => setDialog(undefined)} />
      )}
      {dialog === "remove" && (
        <Confirm
          title={`Delete #${order.number}?`}
          text="Its notes and photos go with it. This cannot be undone."
          action="Delete"
          onClose={() => setDialog(undefined)}
          onConfirm={async () => {
            await orders.remove(order.id);
            onRemoved();
          }}
        />
      )}
    </div>
  );
}

function Facts({ belonging, people, part, live, order, now }: PartProps & { now: Date }) {
  const site = order.expand?.site;
  const due = dueState(order, now);
  const span = spanLabel(order.scheduledStart, order.scheduledEnd, belonging.organization.timezone, now);
  const assignee = people.find((person) => person.id === order.assignee);
  const assignable = isOffice(belonging.role) && !isFinal(order.status);

  return (
    <dl class="facts">
      <div>
        <dt>
          <Icon name="user" size={16} />
          <label for={assignable ? "panel-assignee" : undefined}>Assignee</label>
        </dt>
        <dd>
          {assignable ? (
            <AssigneeSelect
              id="panel-assignee"
              value={order.assignee}
              people={people}
              focused={part === "assign"}
              onAssign={live.assign}
            />
          ) : (
            (assignee?.name ?? (order.assignee ? "Former member" : "Unassigned"))
          )}
        </dd>
      </div>
      <div>
        <dt>
          <Icon name="clock" size={16} />
          Scheduled
        </dt>
        <dd>{span || "Not yet"}</dd>
      </div>
      <div>
        <dt>
          <Icon name="pin" size={16} />
          Site
        </dt>
        <dd>
          {site?.name ?? "Unknown"}
          {site?.address && <small>{site.address}</small>}
          {site?.contact && <small>{site.contact}</small>}
        </dd>
      </div>
      <div>
        <dt>
          <Icon name="alert" size={16} />
          Priority
        </dt>
        <dd class="facts-priority">
          <PriorityMark priority={order.priority} text />
          {due && <span class={`due due-${due.level}`}>{due.text}</span>}
        </dd>
      </div>
    </dl>
  );
}
