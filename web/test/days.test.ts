import assert from "node:assert/strict";
import { test } from "node:test";

import { groupByDay } from "../src/domain/days.ts";
import { order } from "./world.ts";

const ZONE = "Europe/Berlin";
const NOW = new Date("2026-01-14T10:00:00Z");

function headings(...orders: ReturnType<typeof order>[]): string[] {
  return groupByDay(orders, ZONE, NOW).map(({ label, orders: each }) => `${label}: ${each.map(({ id }) => id).join(" ")}`);
}

test("orders stand below the day that they are planned for", () => {
  assert.deepEqual(
    headings(
      order({ id: "next-week", scheduledStart: "2026-01-20 09:00:00.000Z" }),
      order({ id: "noon", scheduledStart: "2026-01-14 12:00:00.000Z" }),
      order({ id: "morning", scheduledStart: "2026-01-14 07:00:00.000Z" }),
      order({ id: "night", scheduledStart: "2026-01-14 23:30:00.000Z" }),
      order({ id: "missed", scheduledStart: "2026-01-12 07:00:00.000Z" }),
      order({ id: "any", scheduledStart: "" }),
      order({ id: "there", status: "onSite", scheduledStart: "2026-01-13 07:00:00.000Z" }),
      order({ id: "done", status: "completed", completedAt: "2026-01-14 08:00:00.000Z" }),
    ),
    [
      "Now: there",
      "Overdue: missed",
      "Today, Wed 14 Jan: morning noon",
      "Tomorrow, Thu 15 Jan: night",
      "Tue 20 Jan: next-week",
      "No time set: any",
      "Done today: done",
    ],
  );
});

test("what is not the technician's business is left out", () => {
  assert.deepEqual(
    headings(
      order({ status: "draft" }),
      order({ status: "cancelled" }),
      order({ status: "completed", completedAt: "2026-01-13 08:00:00.000Z" }),
    ),
    [],
  );
});
