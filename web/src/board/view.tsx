import { useState } from "preact/hooks";

import { failureOf } from "../data/errors.ts";
import type { Belonging, Card, Person, Status } from "../data/types.ts";
import { NO_FILTER, type Column } from "../domain/board.ts";
import { isFiltered } from "../domain/filter.ts";
import { STATUS_LABEL, canMove, isFinal, isOffice } from "../domain/status.ts";
import { ConfirmEnd } from "../order/confirm-end.tsx";
import { Icon } from "../ui/icon.tsx";
import { useNow } from "../ui/now.ts";
import { Empty } from "../ui/states.tsx";
import { announce, showToast } from "../ui/toast.tsx";
import { BoardCard } from "./card.tsx";
import { BoardColumn } from "./column.tsx";
import type { BoardModel } from "./model.ts";
import { PeopleRail } from "./people.tsx";
import { useCollapsed } from "./use-collapsed.ts";
import type { Place } from "./use-place.ts";

interface Props {
  model: BoardModel;
  columns: Column[];
  belonging: Belonging;
  place: Place;
  boardRef: (element: HTMLElement | null) => void;
  onNew: () => void;
}

/** The columns and the people beside them, and what is dragged between them. */
export function BoardView({ model, columns, belonging, place, boardRef, onNew }: Props) {
  const { timezone } = belonging.organization;
  const { filter, setFilter } = place;
  const office = isOffice(belonging.role);
  const now = useNow();
  const [collapsed, toggle] = useCollapsed();
  const [dragged, setDragged] = useState<Card>();
  const [ending, setEnding] = useState<{ card: Card; to: Status }>();
  const unconfirmed = model.unconfirmed;
  const people = new Map(model.people.map((person) => [person.id, person]));

  const drop = (onto: (card: Card) => void) => {
    if (dragged) onto(dragged);
    setDragged(undefined);
  };
  const move = (card: Card, to: Status) => void carryOut(card, `moved to ${STATUS_LABEL[to]}`, () => model.move(card.id, to));
  const assign = (card: Card, person: string) => {
    const what = person ? `assigned to ${people.get(person)?.name ?? "somebody"}` : "unassigned";
    void carryOut(card, what, () => model.assign(card.id, person));
  };

  return (
    <div class="board-layout">
      <div class="board" ref={boardRef} data-dragging={dragged ? "" : undefined}>
        {columns.every((column) => column.total === 0) && (
          <EmptyBoard filtered={isFiltered(filter)} onClear={() => setFilter(NO_FILTER)} onNew={office ? onNew : undefined} />
        )}
        {columns.map((column) => (
          <BoardColumn
            key={column.status}
            column={column}
            collapsed={collapsed.has(column.status)}
            onToggle={() => toggle(column.status)}
            drop={dropState(dragged, column.status, belonging)}
            onDrop={() => drop((card) => (isFinal(column.status) ? setEnding({ card, to: column.status }) : move(card, column.status)))}
          >
            {column.cards.map((card) => (
              <BoardCard
                key={card.id}
                card={card}
                assignee={card.assignee ? (people.get(card.assignee) ?? former(card.assignee)) : undefined}
                timezone={timezone}
                now={now}
                href={place.hrefOf(card.id)}
                draggable={office && !isFinal(card.status)}
                unconfirmed={unconfirmed.has(card.id)}
                dragging={dragged?.id === card.id}
                onDragStart={setDragged}
                onDragEnd={() => setDragged(undefined)}
              />
            ))}
          </BoardColumn>
        ))}
      </div>
      <PeopleRail
        people={model.technicians}
        load={model.open}
        chosen={filter.assignee}
        onChoose={(assignee) => setFilter({ ...filter, assignee })}
        draggedFrom={dragged?.assignee}
        onDrop={(person) => drop((card) => assign(card, person))}
      />
      {ending && (
        <ConfirmEnd
          number={ending.card.number}
          to={ending.to}
          onConfirm={() => move(ending.card, ending.to)}
          onClose={() => setEnding(undefined)}
        />
      )}
    </div>
  );
}

/** Says what was done to a card, or why it was not; where there was no answer, offers to try again. */
async function carryOut(card: Card, what: string, change: () => Promise<void>): Promise<void> {
  try {
    await change();
    announce(`#${card.number} ${what}.`);
  } catch (error) {
    const { sentence, transient } = failureOf(error);
    if (!transient) return showToast({ kind: "bad", text: sentence });
    const again = { label: "Try again", run: () => void carryOut(card, what, change) };
    showToast({ kind: "bad", text: `#${card.number} could not be ${what}. ${sentence}`, action: again });
  }
}

function dropState(card: Card | undefined, status: Status, { role }: Belonging): "idle" | "source" | "allowed" | "refused" {
  if (!card) return "idle";
  if (card.status === status) return "source";
  return canMove(card.status, status, role) ? "allowed" : "refused";
}

/** Stands for an assignee who is no longer a member. */
function former(id: string): Person {
  return { id, name: "Former member", avatar: "", role: "technician", open: 0 };
}

/** onNew is undefined for those who may not create orders. */
function EmptyBoard({ filtered, onClear, onNew }: { filtered: boolean; onClear: () => void; onNew: (() => void) | undefined }) {
  return (
    <div class="board-empty">
      <Empty icon={filtered ? "search" : "board"} title={filtered ? "No order matches these filters." : "No orders yet."}>
        {filtered && (
          <button type="button" class="button" onClick={onClear}>
            Clear the filters
          </button>
        )}
        {!filtered && onNew && (
          <button type="button" class="button primary" onClick={onNew}>
            <Icon name="plus" />
            Create the first order
          </button>
        )}
      </Empty>
    </div>
  );
}
