import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { failureOf } from "../data/errors.ts";
import type { WorkOrder } from "../data/types.ts";
import { parseTime } from "../domain/time.ts";
import { Icon } from "../ui/icon.tsx";
import { showToast } from "../ui/toast.tsx";
import { Part } from "./part.tsx";

/** How long after its completion an order without a report is taken to get one. Older orders may never have had any. */
const EXPECTED = 10 * 60_000;

/** The report of a completed order, which the server makes a moment after the completion. */
export function Report({ order, now }: { order: WorkOrder; now: Date }) {
  const { orders } = useData();
  const [busy, setBusy] = useState(false);
  if (order.status !== "completed") return null;
  if (!order.report) {
    const completed = parseTime(order.completedAt);
    if (!completed || now.getTime() - completed.getTime() > EXPECTED) return null;
    return (
      <Part title="Report">
        <p class="hint" role="status">
          The report is being prepared.
        </p>
      </Part>
    );
  }

  const save = async () => {
    setBusy(true);
    try {
      const link = document.createElement("a");
      link.href = await orders.reportURL(order);
      link.download = "";
      link.click();
    } catch (error) {
      showToast({ kind: "bad", text: failureOf(error).sentence });
    }
    setBusy(false);
  };

  return (
    <Part title="Report">
      <button type="button" class="button" disabled={busy} onClick={() => void save()}>
        <Icon name="download" />
        Report (PDF)
      </button>
    </Part>
  );
}
