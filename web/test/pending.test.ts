import assert from "node:assert/strict";
import { test } from "node:test";

import type { Orders } from "../src/data/contract.ts";
import { Failure } from "../src/data/errors.ts";
import type { ChecklistItem, WorkOrder } from "../src/data/types.ts";
import { withDone } from "../src/domain/checklist.ts";
import { PendingOrder } from "../src/order/pending.ts";
import { order } from "./world.ts";

const NO_ANSWER = new Failure("The server cannot be reached.", 0);

const item = (id: string, done = false): ChecklistItem => ({ id, label: id, done, required: false });

/** A server with one order; what it does with the next requests stands in answers. */
function world(answers: (Failure | "lost" | "ok")[] = []) {
  let stored = order({ checklist: [item("a"), item("b"), item("c")] });
  let version = 0;
  const sent: string[] = [];
  const answer = async (what: string, change: Partial<WorkOrder>) => {
    sent.push(what);
    const next = answers.shift() ?? "ok";
    if (next instanceof Failure) throw next;
    stored = { ...stored, ...change, updated: `2026-02-01 00:00:00.00${version++}Z` };
    if (next === "lost") throw NO_ANSWER;
    return stored;
  };
  const orders = {
    find: async () => stored,
    move: (_: string, to: WorkOrder["status"]) => answer(to, { status: to }),
    plan: (_: string, plan: Partial<WorkOrder>) => answer(`to ${plan.assignee}`, plan),
    setChecklist: (_: string, checklist: ChecklistItem[]) => answer(ticks(checklist), { checklist }),
  } as unknown as Orders;

  const refusals: string[] = [];
  const pending = new PendingOrder(orders, "o1", { done: () => {}, refused: (text) => refusals.push(text) }, () => {});
  pending.put(stored);
  return {
    pending,
    sent,
    refusals,
    stored: () => stored,
    /** Somebody else changes the order on the server. */
    elsewhere: (change: Partial<WorkOrder>) => {
      stored = { ...stored, ...change, updated: `2026-02-01 00:00:00.00${version++}Z` };
    },
    settled: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

const ticks = (items: ChecklistItem[] | null | undefined) => (items ?? []).filter(({ done }) => done).map(({ id }) => id).join("");

test("changes show at once and go out one after the other, each built on the answer before it", async () => {
  const { pending, sent, settled } = world();
  pending.want({ kind: "check", item: "a", done: true });
  pending.want({ kind: "check", item: "c", done: true });
  assert.equal(ticks(pending.order?.checklist), "ac");
  assert.equal(pending.size, 2);
  await settled();
  assert.deepEqual(sent, ["a", "ac"]);
  assert.equal(pending.size, 0);
});

test("sending a tick again keeps what was ticked after it, here and elsewhere", async () => {
  const { pending, stored, elsewhere, settled } = world([NO_ANSWER]);
  pending.want({ kind: "check", item: "a", done: true });
  await settled();
  assert.equal(pending.failure, NO_ANSWER);
  assert.equal(ticks(pending.order?.checklist), "a");

  elsewhere({ checklist: withDone(stored().checklist ?? [], "b", true) });
  pending.want({ kind: "check", item: "c", done: true });
  await settled();
  assert.equal(ticks(stored().checklist), "abc");
  assert.equal(pending.failure, undefined);
});

test("behind a change without an answer the others wait, and all are sent again in their order", async () => {
  const { pending, sent, settled, stored } = world([NO_ANSWER]);
  pending.want({ kind: "move", to: "enRoute" });
  pending.want({ kind: "check", item: "b", done: true });
  pending.want({ kind: "move", to: "onSite" });
  await settled();
  assert.deepEqual(sent, ["enRoute"]);
  assert.equal(pending.size, 3);
  assert.equal(pending.order?.status, "onSite");

  pending.retry();
  await settled();
  assert.deepEqual(sent, ["enRoute", "enRoute", "b", "onSite"]);
  assert.equal(stored().status, "onSite");
  assert.equal(pending.size, 0);
});

test("a change that arrived without its answer is there when it is sent again", async () => {
  const { pending, settled, stored } = world(["lost"]);
  pending.want({ kind: "check", item: "a", done: true });
  await settled();
  pending.retry();
  await settled();
  assert.equal(ticks(stored().checklist), "a");
  assert.equal(pending.size, 0);
});

test("a refused change is taken back and said, the others go on", async () => {
  const { pending, refusals, settled } = world([new Failure("Not from here.", 400)]);
  pending.want({ kind: "move", to: "completed" });
  pending.want({ kind: "assign", person: "bob" });
  await settled();
  assert.deepEqual(refusals, ["Not from here."]);
  assert.deepEqual([pending.order?.status, pending.order?.assignee], ["scheduled", "bob"]);
  assert.equal(pending.size, 0);
});

test("an expired sign-in takes nothing away", async () => {
  const { pending, refusals, settled } = world([new Failure("Sign in.", 401)]);
  pending.want({ kind: "move", to: "enRoute" });
  await settled();
  assert.deepEqual([pending.size, refusals.length], [1, 0]);
});

test("what waits can be given up", async () => {
  const { pending, settled } = world([NO_ANSWER]);
  pending.want({ kind: "move", to: "enRoute" });
  await settled();
  pending.discard();
  assert.deepEqual([pending.size, pending.order?.status, pending.failure], [0, "scheduled", undefined]);
});

test("an older version of the order does not replace a newer one", () => {
  const { pending } = world();
  pending.put(order({ title: "Newer", updated: "2026-03-01 00:00:00.000Z" }));
  pending.put(order({ title: "Older", updated: "2026-02-01 00:00:00.000Z" }));
  assert.equal(pending.order?.title, "Newer");
});
