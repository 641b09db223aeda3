import type { Board, BoardFilter, Card, Change, Status, WorkOrder } from "../data/types.ts";
import { progress } from "./checklist.ts";
import { STATUSES, isFinal } from "./status.ts";
import { dayOf, parseTime } from "./time.ts";

/** The cards that are on the board, and how many there are that match the filter. */
export interface BoardState {
  cards: ReadonlyMap<string, Card>;
  totals: Record<Status, number>;
  /** How many orders each person has to do, on the board or not; "" is nobody, absent where that is not known. */
  open: ReadonlyMap<string, number>;
  /** Set when a change may have altered the counts of `open` in a way that could not be seen. */
  uncounted: boolean;
  /** Set when a change could not be merged for certain, so that the board must be read again. */
  stale: boolean;
}

export interface Column {
  status: Status;
  total: number;
  cards: Card[];
}

export const NO_FILTER: BoardFilter = { q: "", assignee: "", priority: "", from: "", to: "" };

/** Stands for "nobody" where a filter or a drop names a person; the server knows it, too. */
export const UNASSIGNED = "none";

export function stateOf(board: Board, filter: BoardFilter): BoardState {
  const cards = new Map<string, Card>();
  const totals = emptyTotals();
  for (const { status, total, items } of board.columns) {
    totals[status] = total;
    for (const card of items) cards.set(card.id, card);
  }
  return { cards, totals, open: openIn(board, filter), uncounted: false, stale: false };
}

/** The people's counts, and, where the columns' totals tell it, that of orders without a person. */
function openIn({ people, columns }: Board, { assignee, ...rest }: BoardFilter): Map<string, number> {
  const open = new Map(people.map((person) => [person.id, person.open]));
  if (Object.values(rest).some(Boolean) || (assignee !== "" && assignee !== UNASSIGNED)) return open;
  const all = columns.reduce((sum, { status, total }) => (isFinal(status) ? sum : sum + total), 0);
  const given = assignee === UNASSIGNED ? 0 : people.reduce((sum, person) => sum + person.open, 0);
  return open.set("", Math.max(0, all - given));
}

export function cardOf(order: WorkOrder, known?: Card): Card {
  const site = order.expand?.site;
  const { done, total } = progress(order.checklist ?? []);
  return {
    id: order.id,
    number: order.number,
    title: order.title,
    status: order.status,
    priority: order.priority,
    assignee: order.assignee,
    site: site
      ? { id: site.id, name: site.name, address: site.address }
      : known && known.site.id === order.site
        ? known.site
        : { id: order.site, name: "", address: "" },
    scheduledStart: order.scheduledStart,
    scheduledEnd: order.scheduledEnd,
    slaDueAt: order.slaDueAt,
    slaBreachedAt: order.slaBreachedAt,
    checklistDone: done,
    checklistTotal: total,
    updated: order.updated,
  };
}

/**
 * Merges one change. A change that is older than what the board has is
 * dropped, so that a late event cannot undo a newer answer.
 */
export function merge(state: BoardState, change: Change<WorkOrder>, filter: BoardFilter, timezone: string): BoardState {
  const known = state.cards.get(change.record.id);
  if (change.action === "delete") {
    return known ? remove(state, known) : { ...state, uncounted: true, stale: state.stale || overflows(state) };
  }

  const card = cardOf(change.record, known);
  if (known && known.updated > card.updated) return state;
  if (!matches(card, filter, timezone)) return known ? remove(state, known, card) : { ...state, uncounted: true };
  if (known) return place(state, card, known);
  // Text is searched by the server alone, and a card that is new to the board
  // may have been one of those beyond a column's limit.
  if (filter.q !== "" || (change.action === "update" && overflows(state))) return { ...state, stale: true };
  const placed = place(state, card);
  return change.action === "create" ? placed : { ...placed, uncounted: true };
}

/** Whether a card belongs on a board with this filter, its text search aside. */
export function matches(card: Card, filter: BoardFilter, timezone: string): boolean {
  if (filter.assignee && card.assignee !== (filter.assignee === UNASSIGNED ? "" : filter.assignee)) return false;
  if (filter.priority && card.priority !== filter.priority) return false;
  const start = parseTime(card.scheduledStart);
  if (!start || (!filter.from && !filter.to)) return true;
  const day = dayOf(start, timezone);
  return (!filter.from || day >= filter.from) && (!filter.to || day <= filter.to);
}

/** The six columns, with changes that the server has not confirmed laid over them. */
export function columnsOf(state: BoardState, pending: Iterable<{ id: string; patch: Partial<Card> }> = []): Column[] {
  const totals = { ...state.totals };
  const cards = new Map(state.cards);
  for (const { id, patch } of pending) {
    const card = cards.get(id);
    if (!card) continue;
    const changed = { ...card, ...patch };
    totals[card.status]--;
    totals[changed.status]++;
    cards.set(id, changed);
  }
  const columns = new Map<Status, Column>(STATUSES.map((status) => [status, { status, total: totals[status], cards: [] }]));
  for (const card of cards.values()) columns.get(card.status)?.cards.push(card);
  for (const column of columns.values()) column.cards.sort(isFinal(column.status) ? latestFirst : earliestFirst);
  return [...columns.values()];
}

/** The counts of open orders by person, with changes that the server has not confirmed in them. */
export function openOf(state: BoardState, pending: Iterable<{ id: string; patch: Partial<Card> }>): ReadonlyMap<string, number> {
  const cards = new Map(state.cards);
  let open = state.open;
  for (const { id, patch } of pending) {
    const card = cards.get(id);
    if (!card) continue;
    const changed = { ...card, ...patch };
    open = recount(open, card, changed);
    cards.set(id, changed);
  }
  return open;
}

/** The counts after a card became another; absent where it was or is none. */
function recount(open: ReadonlyMap<string, number>, before?: Card, after?: Card): ReadonlyMap<string, number> {
  const counts = new Map(open);
  const add = (card: Card | undefined, by: number) => {
    const count = card && !isFinal(card.status) ? counts.get(card.assignee) : undefined;
    if (card && count !== undefined) counts.set(card.assignee, count + by);
  };
  add(before, -1);
  add(after, 1);
  return counts;
}

function emptyTotals(): Record<Status, number> {
  return { draft: 0, scheduled: 0, enRoute: 0, onSite: 0, completed: 0, cancelled: 0 };
}

/** Whether there are cards that the board does not hold. */
function overflows(state: BoardState): boolean {
  const total = STATUSES.reduce((sum, status) => sum + state.totals[status], 0);
  return total > state.cards.size;
}

/** Takes a card off the board; after is what became of it where it lives on elsewhere. */
function remove(state: BoardState, card: Card, after?: Card): BoardState {
  const cards = new Map(state.cards);
  cards.delete(card.id);
  const totals = { ...state.totals, [card.status]: state.totals[card.status] - 1 };
  return { ...state, cards, totals, open: recount(state.open, card, after) };
}

function place(state: BoardState, card: Card, known?: Card): BoardState {
  const totals = { ...state.totals };
  if (known) totals[known.status]--;
  totals[card.status]++;
  return { ...state, totals, open: recount(state.open, known, card), cards: new Map(state.cards).set(card.id, card) };
}

function earliestFirst(a: Card, b: Card): number {
  if (a.scheduledStart === b.scheduledStart) return a.number - b.number;
  // Orders without a time wait for one, so they come first.
  return a.scheduledStart < b.scheduledStart ? -1 : 1;
}

function latestFirst(a: Card, b: Card): number {
  return earliestFirst(b, a);
}
