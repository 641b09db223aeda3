import assert from "node:assert/strict";
import { test } from "node:test";

import { BoardModel } from "../src/board/model.ts";
import type { Orders, Watcher } from "../src/data/contract.ts";
import { Failure } from "../src/data/errors.ts";
import type { Board, WorkOrder } from "../src/data/types.ts";
import { NO_FILTER } from "../src/domain/board.ts";
import { board, card, order } from "./world.ts";

const LATER = "2026-01-11 00:00:00.000Z";

/** The part of the backend that a board uses, answered by hand. */
function world() {
  const reads: ((answer: Board | Failure) => void)[] = [];
  const moves: ((answer: WorkOrder | Failure) => void)[] = [];
  let watcher: Watcher<WorkOrder> | undefined;
  const pending = <T>(list: ((answer: T | Failure) => void)[]) =>
    new Promise<T>((resolve, reject) => {
      list.push((answer) => (answer instanceof Failure ? reject(answer) : resolve(answer)));
    });
  const orders = {
    board: () => pending<Board>(reads),
    move: () => pending<WorkOrder>(moves),
    watchOrganization: (_: string, given: Watcher<WorkOrder>) => {
      watcher = given;
      return () => {};
    },
  } as unknown as Orders;

  const model = new BoardModel(orders, { id: "org", timezone: "UTC" }, NO_FILTER, () => {});
  model.start();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    model,
    watcher: watcher!,
    status: () => model.columns?.find(({ cards }) => cards.some(({ id }) => id === "o1"))?.status,
    async answerRead(index: number, answer: Board | Failure) {
      reads[index]!(answer);
      await settled();
    },
    async answerMove(index: number, answer: WorkOrder | Failure) {
      moves[index]!(answer);
      await settled();
    },
  };
}

test("a change that is heard while the board is read is not lost", async () => {
  const { watcher, answerRead, status } = world();
  watcher.sync();
  watcher.changed({ action: "update", record: order({ status: "onSite", updated: LATER }) });
  await answerRead(0, board([card()]));
  assert.equal(status(), "onSite");
});

test("only the newest reading counts", async () => {
  const { model, watcher, answerRead, status } = world();
  watcher.sync();
  model.setFilter({ ...NO_FILTER, priority: "high" });
  await answerRead(1, board([card({ status: "enRoute" })]));
  await answerRead(0, board([card()]));
  assert.equal(status(), "enRoute");
});

test("a move shows at once and stays when it is confirmed", async () => {
  const { model, watcher, answerRead, answerMove, status } = world();
  watcher.sync();
  await answerRead(0, board([card()]));
  const moved = model.move("o1", "enRoute");
  assert.equal(status(), "enRoute");
  await answerMove(0, order({ status: "enRoute", updated: LATER }));
  await moved;
  assert.equal(status(), "enRoute");
});

test("a card is marked until its move is confirmed", async () => {
  const { model, watcher, answerRead, answerMove } = world();
  watcher.sync();
  await answerRead(0, board([card()]));
  const moved = model.move("o1", "enRoute");
  assert.deepEqual([...model.unconfirmed], ["o1"]);
  await answerMove(0, order({ status: "enRoute", updated: LATER }));
  await moved;
  assert.deepEqual([...model.unconfirmed], []);
});

test("a refused move goes back and says why", async () => {
  const { model, watcher, answerRead, answerMove, status } = world();
  watcher.sync();
  await answerRead(0, board([card()]));
  const moved = assert.rejects(model.move("o1", "enRoute"), /Nobody is assigned/);
  await answerMove(0, new Failure("Nobody is assigned.", 400));
  await moved;
  assert.equal(status(), "scheduled");
});

test("a reading that fails leaves the board as it is", async () => {
  const { model, watcher, answerRead, status } = world();
  watcher.sync();
  await answerRead(0, board([card()]));
  watcher.sync();
  await answerRead(1, new Failure("The server cannot be reached.", 0));
  assert.equal(status(), "scheduled");
  assert.equal(model.failure?.status, 0);
});
