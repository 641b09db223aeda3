import type { WorkOrder } from "../data/types.ts";
import { addDays, dayLabel, dayOf, parseTime } from "./time.ts";
import { isFinal } from "./status.ts";

/** The orders of one heading of the technician's list. */
export interface DayGroup {
  key: string;
  label: string;
  orders: WorkOrder[];
}

/**
 * Groups a technician's orders by the day they are planned for: what is under
 * way first, then what was missed, then day by day, then what was done today.
 */
export function groupByDay(orders: readonly WorkOrder[], timezone: string, now: Date): DayGroup[] {
  const today = dayOf(now, timezone);
  const groups = new Map<string, DayGroup>();
  const put = (key: string, label: string, order: WorkOrder) => {
    const group = groups.get(key) ?? { key, label, orders: [] };
    group.orders.push(order);
    groups.set(key, group);
  };

  for (const order of [...orders].sort(bySchedule)) {
    if (isFinal(order.status)) {
      const ended = parseTime(order.completedAt);
      if (order.status === "completed" && ended && dayOf(ended, timezone) === today) put("9-done", "Done today", order);
      continue;
    }
    if (order.status === "draft") continue;
    if (order.status === "enRoute" || order.status === "onSite") {
      put("0-active", "Now", order);
      continue;
    }
    const start = parseTime(order.scheduledStart);
    const day = start && dayOf(start, timezone);
    if (!day) put("8-open", "No time set", order);
    else if (day < today) put("1-missed", "Overdue", order);
    else put("2-" + day, headingOf(day, today), order);
  }
  return [...groups.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function headingOf(day: string, today: string): string {
  const label = dayLabel(day, today);
  return day <= addDays(today, 1) ? `${label}, ${dayLabel(day, "0001-01-01").replace(/ \d{4}$/, "")}` : label;
}

function bySchedule(a: WorkOrder, b: WorkOrder): number {
  if (a.scheduledStart !== b.scheduledStart) {
    if (!a.scheduledStart) return 1;
    if (!b.scheduledStart) return -1;
    return a.scheduledStart < b.scheduledStart ? -1 : 1;
  }
  return a.number - b.number;
}
