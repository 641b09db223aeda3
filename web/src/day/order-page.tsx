import { useRef, useState } from "preact/hooks";

import type { Belonging, Site, Status, User, WorkOrder } from "../data/types.ts";
import { openRequired } from "../domain/checklist.ts";
import { contactName, mapLink, phoneIn, webMapLink } from "../domain/contact.ts";
import { dueState } from "../domain/sla.ts";
import { STATUS_LABEL, isFinal, moveLabel, movesFrom } from "../domain/status.ts";
import { spanLabel } from "../domain/time.ts";
import { Checklist } from "../order/checklist.tsx";
import { ConfirmEnd } from "../order/confirm-end.tsx";
import { History } from "../order/history.tsx";
import { Notes } from "../order/notes.tsx";
import { Photos } from "../order/photos.tsx";
import { Report } from "../order/report.tsx";
import { Signature, askToSaveSignature, mayDropSignature } from "../order/signature.tsx";
import { useOrder } from "../order/use-order.ts";
import { href } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import { PriorityMark, StatusMark } from "../ui/marks.tsx";
import { useNow } from "../ui/now.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { useTitle } from "../ui/title.ts";
import { showToast } from "../ui/toast.tsx";

interface Props {
  id: string;
  user: User;
  belonging: Belonging;
  /** The order as the list has it. */
  known: WorkOrder | undefined;
  onChanged: (order: WorkOrder) => void;
}

/** What a technician needs at one order, from the way there to the signature. */
export function OrderPage({ id, user, belonging, known, onChanged }: Props) {
  const live = useOrder(id, onChanged, known);
  const { order, failure } = live;
  const { timezone, slug } = belonging.organization;
  useTitle(order ? `#${order.number} ${order.title}` : "Order");
  const now = useNow();
  const checklist = useRef<HTMLDivElement>(null);

  const [next] = order ? movesFrom(order.status, belonging.role, order.assignee === user.id) : [];
  const missing = order && next === "completed" ? openRequired(order.checklist ?? []) : 0;
  const writable = order?.assignee === user.id;
  const [unsigned, setUnsigned] = useState(false);
  const [ending, setEnding] = useState(false);
  const advance = () => {
    if (!order || !next) return;
    if (next !== "completed") return live.move(next);
    if (missing === 0) return unsigned ? askToSaveSignature() : setEnding(true);
    showToast({ kind: "bad", text: `${missing === 1 ? "One required item is" : `${missing} required items are`} still open.` });
    const first = checklist.current?.querySelector<HTMLElement>("li:has(.required) input:not(:checked)");
    first?.scrollIntoView({ block: "center" });
    first?.focus();
  };

  return (
    <article class="order-page" data-action={next ? "" : undefined}>
      <a
        class="back"
        href={href(["o", slug, "day"])}
        onClick={(event) => {
          if (unsigned && !mayDropSignature()) event.preventDefault();
        }}
      >
        <Icon name="chevronLeft" />
        My day
      </a>
      {failure && (!order || failure.status === 404) && (
        <Failed failure={failure} onRetry={failure.status === 404 ? undefined : live.reload} />
      )}
      {failure && order && failure.status !== 404 && (
        <p class="board-stale" role="status">
          <Icon name="alert" size={16} /> This may be old: {failure.sentence}
        </p>
      )}
      {!order && !failure && <Skeleton lines={10} label="Loading the order" />}
      {order && failure?.status !== 404 && (
        <>
          <header class="order-head">
            <p class="order-kicker">
              #{order.number}
              <PriorityMark priority={order.priority} text />
              <DueMark order={order} now={now} />
            </p>
            <h1>{order.title}</h1>
            <Way status={order.status} />
          </header>
          <Place site={order.expand?.site} span={spanLabel(order.scheduledStart, order.scheduledEnd, timezone, now)} />
          <Report order={order} now={now} />
          {order.description && <p class="prose part">{order.description}</p>}
          <div ref={checklist}>
            <Checklist items={order.checklist ?? []} onCheck={writable && !isFinal(order.status) ? live.check : undefined} />
          </div>
          <Photos order={id} user={user} timezone={timezone} writable={writable} />
          <Signature order={order} writable={writable && order.status === "onSite"} onSigned={live.put} onInk={setUnsigned} />
          <Notes order={id} user={user} timezone={timezone} writable={writable} />
          <History order={order} timezone={timezone} now={now} />
          {ending && (
            <ConfirmEnd
              number={order.number}
              to="completed"
              signed={order.signature !== ""}
              onConfirm={() => live.move("completed")}
              onClose={() => setEnding(false)}
            />
          )}
          {next && (
            <div class="action-bar">
              <button type="button" class="button primary large" onClick={advance}>
                {moveLabel(order.status, next)}
                <Icon name={next === "completed" ? "check" : "arrowRight"} />
              </button>
            </div>
          )}
        </>
      )}
    </article>
  );
}

function DueMark({ order, now }: { order: WorkOrder; now: Date }) {
  const due = dueState(order, now);
  return due ? <span class={`due due-${due.level}`}>{due.text}</span> : null;
}

const WAY: Status[] = ["scheduled", "enRoute", "onSite", "completed"];

/** The order's way with the place where it is now. */
function Way({ status }: { status: Status }) {
  const at = WAY.indexOf(status);
  if (at < 0) return <p class={`badge status-${status}`}>{STATUS_LABEL[status]}</p>;
  return (
    <ol class="way" aria-label="Progress">
      {WAY.map((step, index) => (
        <li key={step} data-passed={index < at ? "" : undefined} aria-current={step === status ? "step" : undefined}>
          <StatusMark status={index < at ? "completed" : step} />
          {STATUS_LABEL[step]}
        </li>
      ))}
    </ol>
  );
}

/** When and where, with the map and the telephone one touch away. */
function Place({ site, span }: { site: Site | undefined; span: string }) {
  const phone = phoneIn(site?.contact ?? "");
  const contact = contactName(site?.contact ?? "");
  return (
    <section class="place" aria-label="When and where">
      {span && (
        <p>
          <Icon name="clock" />
          <strong>{span}</strong>
        </p>
      )}
      {site && (
        <p>
          <Icon name="pin" />
          <span>
            <strong>{site.name}</strong>
            {site.address && <span>{site.address}</span>}
          </span>
        </p>
      )}
      {contact && (
        <p>
          <Icon name="user" />
          <span>{contact}</span>
        </p>
      )}
      {site && (
        <>
          <div class="place-actions">
            <a class="button" href={mapLink(site)}>
              <Icon name="pin" />
              Navigate
            </a>
            {phone && (
              <a class="button" href={`tel:${phone}`}>
                <Icon name="phone" />
                Call
              </a>
            )}
          </div>
          <a class="web-map" href={webMapLink(site)} target="_blank" rel="noopener noreferrer">
            Map in the browser
          </a>
        </>
      )}
    </section>
  );
}
