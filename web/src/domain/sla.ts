import type { Card } from "../data/types.ts";
import { isFinal } from "./status.ts";
import { lengthLabel, parseTime } from "./time.ts";

/** How an order stands against the time by which it is due. */
export interface Due {
  level: "calm" | "soon" | "over";
  text: string;
}

const SOON = 4 * 3600_000;

/** undefined when nothing is left to say: no due time, or an order that ended without a breach. */
export function dueState(order: Pick<Card, "status" | "slaDueAt" | "slaBreachedAt">, now: Date): Due | undefined {
  const due = parseTime(order.slaDueAt);
  if (!due || order.status === "cancelled") return undefined;
  if (isFinal(order.status)) return order.slaBreachedAt ? { level: "over", text: "Was late" } : undefined;
  const left = due.getTime() - now.getTime();
  if (left <= 0) return { level: "over", text: `${lengthLabel(-left)} overdue` };
  return { level: left <= SOON ? "soon" : "calm", text: `Due in ${lengthLabel(left)}` };
}
