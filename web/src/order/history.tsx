import type { WorkOrder } from "../data/types.ts";
import { momentLabel, parseTime } from "../domain/time.ts";
import { Part } from "./part.tsx";

/** The order's times, as far as they have come. */
export function History({ order, timezone, now }: { order: WorkOrder; timezone: string; now: Date }) {
  const times: [label: string, at: Date | undefined][] = [
    ["Created", parseTime(order.created)],
    ["Work started", parseTime(order.startedAt)],
    [order.slaBreachedAt ? "Was due" : "Due", parseTime(order.slaDueAt)],
    ["Went over time", parseTime(order.slaBreachedAt)],
    ["Completed", parseTime(order.completedAt)],
    ["Last change", parseTime(order.updated)],
  ];
  return (
    <Part title="History">
      <dl class="history">
        {times.map(
          ([label, at]) =>
            at && (
              <div key={label}>
                <dt>{label}</dt>
                <dd>
                  <time dateTime={at.toISOString()}>{momentLabel(at, timezone, now)}</time>
                </dd>
              </div>
            ),
        )}
      </dl>
    </Part>
  );
}
