import assert from "node:assert/strict";
import { test } from "node:test";

import type { Card } from "../src/data/types.ts";
import { cleaned, newItem, openRequired, withDone } from "../src/domain/checklist.ts";
import { contactName, mapLink, phoneIn } from "../src/domain/contact.ts";
import { filterOf, isFiltered, queryOf } from "../src/domain/filter.ts";
import { fitWithin } from "../src/domain/image.ts";
import { initialsOf, slugOf } from "../src/domain/names.ts";
import { newId } from "../src/domain/ids.ts";
import { withMessage, type Message } from "../src/ui/messages.ts";
import { LiveRows } from "../src/domain/live-rows.ts";
import { mergeRow } from "../src/domain/rows.ts";
import { dueState } from "../src/domain/sla.ts";
import { canMove, movesFrom } from "../src/domain/status.ts";
import { card } from "./world.ts";

test("the office moves by the machine, the assigned technician only onwards, others not at all", () => {
  assert.deepEqual(movesFrom("scheduled", "dispatcher", false), ["enRoute", "draft", "cancelled"]);
  assert.deepEqual(movesFrom("scheduled", "technician", true), ["enRoute"]);
  assert.deepEqual(movesFrom("draft", "technician", true), []);
  assert.deepEqual(movesFrom("scheduled", "technician", false), []);
  assert.deepEqual(movesFrom("scheduled", "viewer", false), []);
  assert.equal(canMove("draft", "completed", "owner"), false);
  assert.deepEqual(movesFrom("completed", "owner", false), []);
});

test("an order's due time is a countdown, then a reproach", () => {
  const now = new Date("2026-01-14T10:00:00Z");
  const due = (slaDueAt: Card["slaDueAt"], change = {}) => dueState(card({ slaDueAt, ...change }), now);
  assert.deepEqual(due("2026-01-16 12:00:00.000Z"), { level: "calm", text: "Due in 2 d" });
  assert.deepEqual(due("2026-01-14 12:00:00.000Z"), { level: "soon", text: "Due in 2 h" });
  assert.deepEqual(due("2026-01-14 09:30:00.000Z"), { level: "over", text: "30 min overdue" });
  assert.equal(due("2026-01-14 09:30:00.000Z", { status: "cancelled" }), undefined);
  assert.equal(due("2026-01-14 09:30:00.000Z", { status: "completed" }), undefined);
  assert.equal(
    due("2026-01-14 09:30:00.000Z", { status: "completed", slaBreachedAt: "2026-01-14 09:31:00.000Z" })?.text,
    "Was late",
  );
  assert.equal(due(""), undefined);
});

test("a checklist's items have ids of their own and count when they are required", () => {
  const items = [
    { id: "c2", label: " Check pressure ", done: false, required: true },
    { id: "c3", label: "  ", done: false, required: true },
  ];
  assert.equal(newItem(items).id, "c4");
  assert.equal(openRequired(items), 2);
  assert.equal(openRequired(withDone(items, "c2", true)), 1);
  assert.deepEqual(
    cleaned(items).map(({ label }) => label),
    ["Check pressure"],
  );
});

test("a filter survives the way through the address, nonsense does not", () => {
  const filter = { q: "pump & valve", assignee: "ada", priority: "high" as const, from: "2026-01-01", to: "2026-01-31" };
  assert.deepEqual(filterOf(queryOf(filter)), filter);
  const odd = filterOf(new URLSearchParams("priority=huge&from=soon&x=1&to=2026-13-45"));
  assert.equal(isFiltered(odd), false);
  assert.equal(filterOf(new URLSearchParams("from=2026-02-01&to=2026-01-01")).to, "");
});

test("a live list merges by time and order of creation", () => {
  const row = (id: string, created: string, updated = created) => ({ id, created, updated });
  const rows = [row("a", "1"), row("c", "3", "5")];
  const ids = (list: { id: string }[]) => list.map(({ id }) => id);
  assert.deepEqual(ids(mergeRow(rows, { action: "create", record: row("b", "2") })), ["a", "b", "c"]);
  assert.equal(mergeRow(rows, { action: "update", record: row("c", "3", "4") })[1]?.updated, "5");
  assert.equal(mergeRow(rows, { action: "update", record: row("c", "3", "6") })[1]?.updated, "6");
  assert.deepEqual(ids(mergeRow(rows, { action: "delete", record: row("a", "1") })), ["c"]);
});

test("a live list keeps what it heard while an answer was on its way", async () => {
  const row = (id: string) => ({ id, created: id, updated: id });
  type Row = ReturnType<typeof row>;
  const answers: ((rows: Row[]) => void)[] = [];
  const list = new LiveRows<Row>(
    () => new Promise((resolve) => answers.push(resolve)),
    () => {},
  );
  const ids = () => list.rows?.map(({ id }) => id);

  const first = list.load();
  list.hear({ action: "create", record: row("2") });
  answers[0]!([row("1")]);
  await first;
  assert.deepEqual(ids(), ["1", "2"]);

  const second = list.load();
  list.hear({ action: "delete", record: row("1") });
  list.hear({ action: "create", record: row("3") });
  answers[1]!([row("1"), row("2")]);
  await second;
  assert.deepEqual(ids(), ["2", "3"]);
});

test("names become short names and initials", () => {
  assert.equal(slugOf("Røde Ør & Söhne, Ltd."), "rode-or-sohne-ltd");
  assert.equal(slugOf("  --  "), "");
  assert.match(slugOf("x".repeat(62) + " yz"), /^[a-z0-9]+(-[a-z0-9]+)*$/);
  assert.equal(initialsOf("Ada van Lovelace"), "AL");
  assert.equal(initialsOf("Ada"), "A");
  assert.equal(initialsOf(" "), "?");
});

test("a contact's text gives a number to call and a name", () => {
  assert.equal(phoneIn("Mrs Quill, +44 20 7946 0000"), "+442079460000");
  assert.equal(contactName("Mrs Quill, +44 20 7946 0000"), "Mrs Quill");
  assert.equal(phoneIn("Ask at door 12"), "");
  assert.equal(contactName("Ask at door 12"), "Ask at door 12");
});

test("a map is opened at the place, or searched by address", () => {
  const site = { name: "Mill (old)", address: "4 Mill Lane", location: { lat: 51.5, lon: -0.1 } };
  assert.equal(mapLink(site), "geo:51.5,-0.1?q=51.5,-0.1(Mill%20(old))");
  assert.equal(mapLink({ ...site, location: { lat: 0, lon: 0 } }), "geo:0,0?q=4%20Mill%20Lane");
});

test("a photo is scaled down, never up", () => {
  assert.deepEqual(fitWithin(4000, 3000, 1600), { width: 1600, height: 1200 });
  assert.deepEqual(fitWithin(800, 600, 1600), { width: 800, height: 600 });
  assert.deepEqual(fitWithin(10, 40000, 1600), { width: 1, height: 1600 });
});

test("an id is one that the server takes, and another one each time", () => {
  const ids = Array.from({ length: 100 }, newId);
  for (const id of ids) assert.match(id, /^[a-z0-9]{15}$/);
  assert.equal(new Set(ids).size, 100);
});

test("messages make room for new ones, but not those that offer to do something", () => {
  const say = (text: string): Message => ({ kind: "bad", text });
  const offer = (text: string): Message => ({ ...say(text), action: { label: "Try again", run: () => {} } });
  const texts = (...messages: Message[]) =>
    messages.reduce<Message[]>((shown, each) => withMessage(shown, each), []).map(({ text, action }) => (action ? text + "!" : text));
  assert.deepEqual(texts(say("a"), say("b"), say("a")), ["b", "a"]);
  assert.deepEqual(texts(say("a"), say("b"), say("c"), say("d")), ["b", "c", "d"]);
  assert.deepEqual(texts(offer("a"), offer("a"), offer("a"), offer("a")), ["a!", "a!", "a!", "a!"]);
  assert.deepEqual(texts(offer("a"), say("b"), say("c"), say("d")), ["a!", "c", "d"]);
});
