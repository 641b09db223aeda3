import type { Board, Card, Person, Status, WorkOrder } from "../src/data/types.ts";
import { STATUSES } from "../src/domain/status.ts";

export function order(change: Partial<WorkOrder> = {}): WorkOrder {
  return {
    collectionId: "work_orders",
    collectionName: "work_orders",
    id: "o1",
    externalId: "",
    organization: "org",
    site: "s1",
    number: 1,
    title: "Service the boiler",
    description: "",
    status: "scheduled",
    priority: "normal",
    assignee: "ada",
    scheduledStart: "2026-01-14 09:00:00.000Z",
    scheduledEnd: "2026-01-14 11:00:00.000Z",
    checklist: [],
    startedAt: "",
    completedAt: "",
    slaDueAt: "",
    slaBreachedAt: "",
    signature: "",
    report: "",
    created: "2026-01-01 00:00:00.000Z",
    updated: "2026-01-10 00:00:00.000Z",
    ...change,
  };
}

export function card(change: Partial<Card> = {}): Card {
  const { id, number, title, status, priority, assignee, scheduledStart, scheduledEnd, slaDueAt, slaBreachedAt, updated } =
    order();
  return {
    ...{ id, number, title, status, priority, assignee, scheduledStart, scheduledEnd, slaDueAt, slaBreachedAt, updated },
    site: { id: "s1", name: "Mill Lane 4", address: "4 Mill Lane" },
    checklistDone: 0,
    checklistTotal: 0,
    ...change,
  };
}

/** A technician with a number of open orders. */
export function person(id: string, open: number): Person {
  return { id, name: id, avatar: "", role: "technician", open };
}

/** A board's answer with these cards, and totals beyond them where given. */
export function board(cards: Card[], totals: Partial<Record<Status, number>> = {}): Board {
  return {
    organization: { id: "org", name: "Brindle Works", slug: "brindle", timezone: "Europe/Berlin", role: "dispatcher" },
    columns: STATUSES.map((status) => {
      const items = cards.filter((each) => each.status === status);
      return { status, total: totals[status] ?? items.length, items };
    }),
    people: [],
    generatedAt: "2026-01-14 08:00:00.000Z",
  };
}
