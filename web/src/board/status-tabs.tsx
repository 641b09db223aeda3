import { useEffect, useState } from "preact/hooks";

import type { Status } from "../data/types.ts";
import type { Column } from "../domain/board.ts";
import { STATUS_LABEL } from "../domain/status.ts";

/** On a narrow screen, where one column fills the board: buttons that bring a column into view. */
export function StatusTabs({ columns, board }: { columns: Column[]; board: HTMLElement | null }) {
  const [current, setCurrent] = useState<Status>("draft");

  useEffect(() => {
    if (!board) return;
    const watch = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting) setCurrent((entry.target as HTMLElement).dataset.status as Status);
        }
      },
      { root: board, threshold: 0.6 },
    );
    for (const column of board.querySelectorAll(".column")) watch.observe(column);
    return () => watch.disconnect();
  }, [board, columns.length]);

  useEffect(() => {
    const tab = document.getElementById(`tab-${current}`);
    const bar = tab?.parentElement;
    if (tab && bar) bar.scrollTo({ left: tab.offsetLeft - (bar.clientWidth - tab.clientWidth) / 2 });
  }, [current]);

  return (
    <nav class="status-tabs" aria-label="Statuses">
      {columns.map(({ status, total }) => (
        <button
          key={status}
          id={`tab-${status}`}
          type="button"
          aria-current={status === current ? "true" : undefined}
          onClick={() => board?.querySelector(`[data-status=${status}]`)?.scrollIntoView({ inline: "start", block: "nearest" })}
        >
          {STATUS_LABEL[status]}
          <span class="count">{total}</span>
        </button>
      ))}
    </nav>
  );
}
