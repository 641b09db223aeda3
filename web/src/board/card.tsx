import type { Card, Person } from "../data/types.ts";
import { dueState } from "../domain/sla.ts";
import { isFinal } from "../domain/status.ts";
import { spanLabel } from "../domain/time.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Icon } from "../ui/icon.tsx";
import { PriorityMark, ProgressMark } from "../ui/marks.tsx";

interface Props {
  card: Card;
  assignee: Person | undefined;
  timezone: string;
  now: Date;
  href: string;
  draggable: boolean;
  dragging: boolean;
  /** Whether it shows a change that the server has not confirmed. */
  unconfirmed: boolean;
  onDragStart: (card: Card) => void;
  onDragEnd: () => void;
}

/** One order on the board. The whole card is a link to its details. */
export function BoardCard({ card, assignee, timezone, now, href, draggable, dragging, unconfirmed, onDragStart, onDragEnd }: Props) {
  const due = dueState(card, now);
  const span = spanLabel(card.scheduledStart, card.scheduledEnd, timezone, now);
  return (
    <li>
      <a
        class="card"
        href={href}
        data-card={card.id}
        data-dragging={dragging ? "" : undefined}
        data-unconfirmed={unconfirmed ? "" : undefined}
        data-final={isFinal(card.status) ? "" : undefined}
        draggable={draggable}
        onDragStart={(event) => {
          event.dataTransfer?.setData("text/plain", `#${card.number} ${card.title}`);
          if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
          onDragStart(card);
        }}
        onDragEnd={onDragEnd}
      >
        <span class="card-head">
          <span class="card-number">#{card.number}</span>
          {unconfirmed && <span class="card-saving">Saving…</span>}
          <PriorityMark priority={card.priority} text={card.priority === "urgent"} />
          <span class="card-person">
            {assignee ? (
              <>
                <Avatar person={assignee} size={24} />
                <span class="visually-hidden">Assigned to {assignee.name}</span>
              </>
            ) : (
              <span class="avatar nobody" title="Unassigned">
                <Icon name="user" size={14} />
                <span class="visually-hidden">Unassigned</span>
              </span>
            )}
          </span>
        </span>
        <strong class="card-title">{card.title}</strong>
        <span class="card-line">
          <Icon name="pin" size={14} />
          <span>{card.site.name || "Unknown site"}</span>
        </span>
        {span && (
          <span class="card-line">
            <Icon name="clock" size={14} />
            <span>{span}</span>
          </span>
        )}
        {(due || card.checklistTotal > 0) && (
          <span class="card-foot">
            {due && <span class={`due due-${due.level}`}>{due.text}</span>}
            {card.checklistTotal > 0 && <ProgressMark done={card.checklistDone} total={card.checklistTotal} />}
          </span>
        )}
      </a>
    </li>
  );
}
