import assert from "node:assert/strict";
import { test } from "node:test";

import type { Orders, PhotoShelf, ShelvedPhoto } from "../src/data/contract.ts";
import { Failure } from "../src/data/errors.ts";
import type { Photo } from "../src/data/types.ts";
import { PhotoQueue } from "../src/order/photo-queue.ts";

const NO_ANSWER = new Failure("The server cannot be reached.", 0);
const picture = () => new Blob(["large"]);

/** A server and a device; what becomes of the next photos stands in answers. */
function world(answers: (Failure | "ok")[] = [], shelved: ShelvedPhoto[] = []) {
  const onShelf = new Map(shelved.map((photo) => [photo.id, photo]));
  const shelf: PhotoShelf = {
    all: async () => [...onShelf.values()],
    put: async (photo) => void onShelf.set(photo.id, photo),
    remove: async (id) => void onShelf.delete(id),
  };
  const sent: { id: string; order: string; text: string }[] = [];
  const orders = {
    addPhoto: async (order: string, { id, image }: { id: string; image: Blob }) => {
      sent.push({ id, order, text: await image.text() });
      const next = answers.shift() ?? "ok";
      if (next instanceof Failure) throw next;
      return { id, work_order: order } as Photo;
    },
  } as unknown as Orders;
  const shrink = async (file: Blob) => {
    if (file.size === 0) throw new Error("This file is not a picture that can be read here.");
    return new Blob(["small"]);
  };
  const queue = new PhotoQueue(orders, shelf, shrink, () => {});
  const settled = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, sent, onShelf, settled };
}

test("photos are made small, sent one after the other, and let go", async () => {
  const { queue, sent, onShelf, settled } = world();
  const arrived: string[] = [];
  queue.onArrival(({ work_order }) => arrived.push(work_order));
  queue.add("o1", [picture(), picture()]);
  assert.equal(queue.of("o1").length, 2);
  await settled();
  assert.deepEqual(sent.map(({ text }) => text), ["small", "small"]);
  assert.deepEqual([queue.size, onShelf.size, arrived.length], [0, 0, 2]);
});

test("a photo that does not arrive stays on the device, and is sent again by the same id", async () => {
  const { queue, sent, onShelf, settled } = world([NO_ANSWER]);
  queue.add("o1", [picture(), picture()]);
  await settled();
  assert.deepEqual(queue.of("o1").map(({ error }) => error), [NO_ANSWER.message, NO_ANSWER.message]);
  assert.equal(onShelf.size, 2);
  assert.equal(sent.length, 1, "without a connection the second is not tried, too");

  queue.retry({ order: "o2" });
  await settled();
  assert.equal(sent.length, 1);
  queue.retry({ order: "o1" });
  await settled();
  assert.deepEqual([queue.size, onShelf.size], [0, 0]);
  assert.equal(sent[0]?.id, sent[1]?.id);
});

test("what was left on the device is taken up again", async () => {
  const left = { id: "p1", order: "o1", image: new Blob(["left"]), takenAt: new Date() };
  const { queue, sent, onShelf, settled } = world([NO_ANSWER], [left]);
  await queue.restore();
  await settled();
  assert.deepEqual(queue.of("o1").map(({ id, error }) => [id, error]), [["p1", NO_ANSWER.message]]);
  queue.retry();
  await settled();
  assert.deepEqual(sent.map(({ id, text }) => [id, text]), [["p1", "left"], ["p1", "left"]]);
  assert.equal(onShelf.size, 0);
});

test("a refused photo holds up no other, and can be given up", async () => {
  const { queue, sent, onShelf, settled } = world([new Failure("Too large.", 400)]);
  queue.add("o1", [picture(), picture()]);
  await settled();
  assert.equal(sent.length, 2);
  const [refused] = queue.of();
  assert.equal(refused?.error, "Too large.");
  queue.discard({ id: refused?.id ?? "" });
  await settled();
  assert.deepEqual([queue.size, onShelf.size], [0, 0]);
});

test("a file that is no picture says so and is not sent", async () => {
  const { queue, sent, settled } = world();
  queue.add("o1", [new Blob([])]);
  await settled();
  assert.match(queue.of("o1")[0]?.error ?? "", /not a picture/);
  assert.equal(sent.length, 0);
});
