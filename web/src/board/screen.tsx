import { useState } from "preact/hooks";

import { failureOf } from "../data/errors.ts";
import type { Belonging, BoardFilter, Card, Person, Status, User } from "../data/types.ts";
import { filterOf, isFiltered, queryOf } from "../domain/filter.ts";
import { NO_FILTER, type Column } from "../domain/board.ts";
import { STATUS_LABEL, canMove, isFinal, isOffice } from "../domain/status.ts";
import { OrderForm } from "../order/form.tsx";
import { OrderPanel, type PanelPart } from "../order/panel.tsx";
import { go, href, replace, useLocation } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import { useNow } from "../ui/now.ts";
import { Empty, Failed } from "../ui/states.tsx";
import { useTitle } from "../ui/title.ts";
import { announce, showToast } from "../ui/toast.tsx";
import { focusNeighbour } from "./arrows.ts";
import { BoardCard } from "./card.tsx";
import { BoardColumn } from "./column.tsx";
import { FilterBar } from "./filter-bar.tsx";
import { PeopleRail } from "./people.tsx";
import { ShortcutHelp, useShortcuts } from "./shortcuts.tsx";
import { BoardSkeleton } from "./skeleton.tsx";
import { StatusTabs } from "./status-tabs.tsx";
import { useBoard } from "./use-board.ts";
import { useCollapsed } from "./use-collapsed.ts";

interface Props {
  user: User;
  belonging: Belonging;
  /** The order whose details are open. */
  order: string | undefined;
}

/** The dispatcher's board. Viewers see the same and change nothing. */
export function BoardScreen({ user, belonging, order }: Props) {
  const { organization, role } = belonging;
  useTitle(`Board · ${organization.name}`);
  const { query } = useLocation();
  const filter = filterOf(query);
  const model = useBoard(organization, filter);
  const now = useNow();
  const [collapsed, toggle] = useCollapsed();
  const [dragged, setDragged] = useState<Card>();
  const [part, setPart] = useState<PanelPart>();
  const [dialog, setDialog] = useState<"new" | "help">();
  const [board, setBoard] = useState<HTMLElement | null>(null);

  const office = isOffice(role);
  const columns = model.columns;
  const technicians = model.people
    .filter((person) => person.role === "technician")
    .sort((a, b) => a.name.localeCompare(b.name));
  const people = new Map(model.people.map((person) => [person.id, person]));

  const here = (id?: string, changed = filter) =>
    href(["o", organization.slug, "board", ...(id ? [id] : [])], queryOf(changed));
  const setFilter = (changed: BoardFilter) => replace(here(order, changed));
  const open = (id: string, at?: PanelPart) => {
    setPart(at);
    go(here(id));
  };
  const close = () => {
    const closed = order;
    setPart(undefined);
    replace(here());
    // The card may have moved, so that the element that had the focus is gone.
    requestAnimationFrame(() => board?.querySelector<HTMLElement>(`[data-card="${closed}"]`)?.focus());
  };

  const act = async (card: Card, what: string, change: Promise<void>) => {
    try {
      await change;
      announce(`#${card.number} ${what}.`);
    } catch (error) {
      showToast({ kind: "bad", text: failureOf(error).sentence });
    }
  };
  const move = (card: Card, to: Status) => act(card, `moved to ${STATUS_LABEL[to]}`, model.move(card.id, to));
  const assign = (card: Card, person: string) =>
    act(card, person ? `assigned to ${people.get(person)?.name ?? "somebody"}` : "unassigned", model.assign(card.id, person));

  const focused = () => document.activeElement?.closest<HTMLElement>("[data-card]")?.dataset.card;
  const openFocused = (at: PanelPart) => {
    const id = focused();
    if (id) open(id, at);
    return id !== undefined;
  };
  const arrow = (key: string) => () => {
    const from = document.activeElement;
    return board !== null && from !== null && focusNeighbour(board, from, key);
  };
  useShortcuts({
    "?": () => setDialog("help"),
    "/": () => document.getElementById("board-search")?.focus(),
    ...(office ? { n: () => setDialog("new"), a: () => openFocused("assign"), m: () => openFocused("move") } : {}),
    ...Object.fromEntries(ARROWS.map((key) => [key, arrow(key)])),
  });

  const empty = columns?.every((column) => column.total === 0);
  return (
    <>
      <div class="board-bar">
        <h1 class="visually-hidden">Board</h1>
        <FilterBar filter={filter} people={technicians} timezone={organization.timezone} onFilter={setFilter} />
        <div class="board-actions">
          <button type="button" class="button quiet icon-only" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => setDialog("help")}>
            <Icon name="help" />
          </button>
          {office && (
            <button type="button" class="button primary" onClick={() => setDialog("new")}>
              <Icon name="plus" />
              New order
            </button>
          )}
        </div>
      </div>

      {model.failure && columns && (
        <p class="board-stale" role="status">
          <Icon name="alert" size={16} /> This may be old: {model.failure.sentence}
        </p>
      )}
      {!columns && (model.failure ? <Failed failure={model.failure} onRetry={() => void model.load()} /> : <BoardSkeleton />)}
      {columns && <StatusTabs columns={columns} board={board} />}
      {columns && (
        <div class="board-layout">
          <div class="board" ref={setBoard} data-dragging={dragged ? "" : undefined}>
            {empty && (
              <div class="board-empty">
                <EmptyBoard filtered={isFiltered(filter)} office={office} onClear={() => setFilter(NO_FILTER)} onNew={() => setDialog("new")} />
              </div>
            )}
            {columns.map((column) => (
              <BoardColumn
                key={column.status}
                column={column}
                collapsed={collapsed.has(column.status)}
                onToggle={() => toggle(column.status)}
                drop={dropState(dragged, column.status, belonging)}
                onDrop={() => {
                  if (dragged) void move(dragged, column.status);
                  setDragged(undefined);
                }}
              >
                {column.cards.map((card) => (
                  <BoardCard
                    key={card.id}
                    card={card}
                    assignee={card.assignee ? (people.get(card.assignee) ?? former(card.assignee)) : undefined}
                    timezone={organization.timezone}
                    now={now}
                    href={here(card.id)}
                    draggable={office && !isFinal(card.status)}
                    dragging={dragged?.id === card.id}
                    onDragStart={setDragged}
                    onDragEnd={() => setDragged(undefined)}
                  />
                ))}
              </BoardColumn>
            ))}
          </div>
          <PeopleRail
            people={technicians}
            load={loadOf(columns)}
            chosen={filter.assignee}
            onChoose={(assignee) => setFilter({ ...filter, assignee })}
            draggedFrom={dragged?.assignee}
            onDrop={(person) => {
              if (dragged) void assign(dragged, person);
              setDragged(undefined);
            }}
          />
        </div>
      )}

      {order && (
        <OrderPanel
          key={order}
          id={order}
          user={user}
          belonging={belonging}
          people={model.people}
          part={part}
          onChanged={(changed) => model.put(changed)}
          onRemoved={() => {
            void model.load();
            close();
          }}
          onClose={close}
        />
      )}
      {dialog === "new" && (
        <OrderForm
          belonging={belonging}
          people={model.people}
          onSaved={(created) => {
            model.put(created);
            announce(`#${created.number} created.`);
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog === "help" && <ShortcutHelp onClose={() => setDialog(undefined)} />}
    </>
  );
}

const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];

function dropState(card: Card | undefined, status: Status, { role }: Belonging): "idle" | "source" | "allowed" | "refused" {
  if (!card) return "idle";
  if (card.status === status) return "source";
  return canMove(card.status, status, role) ? "allowed" : "refused";
}

/** Open orders by assignee. */
function loadOf(columns: Column[]): Map<string, number> {
  const load = new Map<string, number>();
  for (const column of columns) {
    if (isFinal(column.status)) continue;
    for (const card of column.cards) load.set(card.assignee, (load.get(card.assignee) ?? 0) + 1);
  }
  return load;
}

/** Stands for an assignee who is no longer a member. */
function former(id: string): Person {
  return { id, name: "Former member", avatar: "", role: "technician" };
}

function EmptyBoard({ filtered, office, onClear, onNew }: { filtered: boolean; office: boolean; onClear: () => void; onNew: () => void }) {
  if (filtered) {
    return (
      <Empty icon="search" title="No order matches these filters.">
        <button type="button" class="button" onClick={onClear}>
          Clear the filters
        </button>
      </Empty>
    );
  }
  return (
    <Empty icon="board" title="No orders yet.">
      {office && (
        <button type="button" class="button primary" onClick={onNew}>
          <Icon name="plus" />
          Create the first order
        </button>
      )}
    </Empty>
  );
}
