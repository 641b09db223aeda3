import assert from "node:assert/strict";
import { test } from "node:test";

import { NO_FILTER, UNASSIGNED, columnsOf, matches, merge, openOf, stateOf, type BoardState } from "../src/domain/board.ts";
import type { BoardFilter, Card, Change, Status, WorkOrder } from "../src/data/types.ts";
import { board, card, order, person } from "./world.ts";

const ZONE = "Europe/Berlin";
const LATER = "2026-01-11 00:00:00.000Z";

function state(cards: Card[], totals?: Partial<Record<Status, number>>): BoardState {
  return stateOf(board(cards, totals), NO_FILTER);
}

function merged(before: BoardState, change: Change<WorkOrder>, filter: Partial<BoardFilter> = {}): BoardState {
  return merge(before, change, { ...NO_FILTER, ...filter }, ZONE);
}

test("a moved order goes to its column, and the totals follow", () => {
  const after = merged(state([card()]), { action: "update", record: order({ status: "enRoute", updated: LATER }) });
  assert.equal(after.cards.get("o1")?.status, "enRoute");
  assert.deepEqual([after.totals.scheduled, after.totals.enRoute], [0, 1]);
  assert.equal(after.stale, false);
});

test("an event that is older than the board changes nothing", () => {
  const before = state([card({ status: "onSite", updated: LATER })]);
  const after = merged(before, { action: "update", record: order({ status: "enRoute" }) });
  assert.equal(after, before);
});

test("a new order appears", () => {
  const after = merged(state([card()]), { action: "create", record: order({ id: "o2", status: "draft" }) });
  assert.equal(after.cards.size, 2);
  assert.equal(after.totals.draft, 1);
});

test("a deleted order goes", () => {
  const after = merged(state([card()]), { action: "delete", record: order() });
  assert.equal(after.cards.size, 0);
  assert.equal(after.totals.scheduled, 0);
});

test("the site's name survives an event without it, and not a change of site", () => {
  const kept = merged(state([card()]), { action: "update", record: order({ updated: LATER }) });
  assert.equal(kept.cards.get("o1")?.site.name, "Mill Lane 4");
  const moved = merged(state([card()]), { action: "update", record: order({ site: "s2", updated: LATER }) });
  assert.equal(moved.cards.get("o1")?.site.name, "");
});

test("an order that stops matching the filter leaves, another one does not come", () => {
  const before = stateOf(board([card()]), { ...NO_FILTER, assignee: "ada" });
  const gone = merged(before, { action: "update", record: order({ assignee: "bob", updated: LATER }) }, { assignee: "ada" });
  assert.equal(gone.cards.size, 0);
  assert.equal(gone.totals.scheduled, 0);
  const other = merged(before, { action: "create", record: order({ id: "o2", assignee: "bob" }) }, { assignee: "ada" });
  assert.equal(other.cards.size, 1);
});

test("what cannot be merged for certain asks for a new reading", () => {
  const cases: [
    name: string,
    change: Change<WorkOrder>,
    totals: Partial<Record<Status, number>>,
    filter: Partial<BoardFilter>,
    want: boolean,
  ][] = [
    ["an unknown order where the board is complete", { action: "update", record: order({ id: "o2" }) }, {}, {}, false],
    [
      "an unknown order where a column overflows",
      { action: "update", record: order({ id: "o2" }) },
      { completed: 300 },
      {},
      true,
    ],
    ["a new order where a column overflows", { action: "create", record: order({ id: "o2" }) }, { completed: 300 }, {}, false],
    [
      "an unknown deletion where a column overflows",
      { action: "delete", record: order({ id: "o2" }) },
      { completed: 300 },
      {},
      true,
    ],
    ["a new order during a search", { action: "create", record: order({ id: "o2" }) }, {}, { q: "boiler" }, true],
  ];
  for (const [name, change, totals, filter, want] of cases) {
    assert.equal(merged(state([card()], totals), change, filter).stale, want, name);
  }
});

test("the filter's days are those of the organization", () => {
  const late = card({ scheduledStart: "2026-01-14 23:30:00.000Z" });
  assert.equal(matches(late, { ...NO_FILTER, from: "2026-01-15", to: "2026-01-15" }, ZONE), true);
  assert.equal(matches(late, { ...NO_FILTER, to: "2026-01-14" }, ZONE), false);
  assert.equal(matches(card({ scheduledStart: "" }), { ...NO_FILTER, from: "2026-01-15" }, ZONE), true);
});

test("the people's counts are those of the server, and that of nobody is the rest", () => {
  const people = [person("ada", 3), person("bob", 0)];
  const counts = (filter: Partial<BoardFilter>, totals: Partial<Record<Status, number>>) =>
    Object.fromEntries(stateOf({ ...board([], totals), people }, { ...NO_FILTER, ...filter }).open);
  assert.deepEqual(counts({}, { draft: 2, scheduled: 300, completed: 50 }), { ada: 3, bob: 0, "": 299 });
  assert.deepEqual(counts({ assignee: UNASSIGNED }, { draft: 250 }), { ada: 3, bob: 0, "": 250 });
  assert.deepEqual(counts({ assignee: "ada" }, { scheduled: 3 }), { ada: 3, bob: 0 });
  assert.deepEqual(counts({ q: "boiler" }, { scheduled: 1 }), { ada: 3, bob: 0 });
});

test("the people's counts follow what becomes of the board's orders", () => {
  const people = [person("ada", 3), person("bob", 0)];
  const before = stateOf({ ...board([card()]), people }, NO_FILTER);
  const after = (change: Partial<WorkOrder>, action: Change<WorkOrder>["action"] = "update") =>
    Object.fromEntries(merged(before, { action, record: order({ updated: LATER, ...change }) }).open);
  assert.deepEqual(after({ assignee: "bob" }), { ada: 2, bob: 1, "": 0 });
  assert.deepEqual(after({ assignee: "" }), { ada: 2, bob: 0, "": 1 });
  assert.deepEqual(after({ status: "completed" }), { ada: 2, bob: 0, "": 0 });
  assert.deepEqual(after({}, "delete"), { ada: 2, bob: 0, "": 0 });
  assert.deepEqual(after({ id: "o2", assignee: "bob" }, "create"), { ada: 3, bob: 1, "": 0 });
  assert.deepEqual(after({ title: "Another" }), { ada: 3, bob: 0, "": 0 });

  const moved = openOf(before, [{ id: "o1", patch: { assignee: "bob" } }]);
  assert.deepEqual([moved.get("ada"), moved.get("bob"), before.open.get("ada")], [2, 1, 3]);
});

test("a change to an order that the board does not show leaves the counts in doubt", () => {
  const filter = { assignee: "ada" };
  const before = stateOf(board([card()]), { ...NO_FILTER, ...filter });
  const doubt = (change: Change<WorkOrder>) => merged(before, change, filter).uncounted;
  assert.equal(doubt({ action: "update", record: order({ id: "o2", assignee: "bob" }) }), true);
  assert.equal(doubt({ action: "delete", record: order({ id: "o2", assignee: "bob" }) }), true);
  assert.equal(doubt({ action: "update", record: order({ status: "onSite", updated: LATER }) }), false);
});

test("unconfirmed changes lie over the state and leave it alone", () => {
  const before = state([card()]);
  const columns = columnsOf(before, [{ id: "o1", patch: { status: "enRoute" } }]);
  const of = (status: Status) => columns.find((column) => column.status === status);
  assert.equal(of("scheduled")?.total, 0);
  assert.deepEqual(
    of("enRoute")?.cards.map(({ id }) => id),
    ["o1"],
  );
  assert.equal(before.cards.get("o1")?.status, "scheduled");
});

test("open columns begin with what waits for a time and then the earliest, ended ones with the latest", () => {
  const at = (id: string, status: Status, scheduledStart: WorkOrder["scheduledStart"], number: number) => card({ id, status, scheduledStart, number });
  const columns = columnsOf(
    state([
      at("late", "scheduled", "2026-01-16 09:00:00.000Z", 1),
      at("early", "scheduled", "2026-01-15 09:00:00.000Z", 2),
      at("none", "scheduled", "", 3),
      at("old", "completed", "2026-01-01 09:00:00.000Z", 4),
      at("new", "completed", "2026-01-02 09:00:00.000Z", 5),
    ]),
  );
  const ids = (status: Status) => columns.find((column) => column.status === status)?.cards.map(({ id }) => id);
  assert.deepEqual(ids("scheduled"), ["none", "early", "late"]);
  assert.deepEqual(ids("completed"), ["new", "old"]);
});
