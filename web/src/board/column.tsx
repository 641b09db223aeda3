import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import type { Column } from "../domain/board.ts";
import { STATUS_LABEL } from "../domain/status.ts";
import { Icon } from "../ui/icon.tsx";
import { StatusMark } from "../ui/marks.tsx";

interface Props {
  column: Column;
  collapsed: boolean;
  onToggle: () => void;
  /** Whether a card is being dragged, and whether it may be dropped here. */
  drop: "idle" | "source" | "allowed" | "refused";
  onDrop: () => void;
  children: ComponentChildren;
}

export function BoardColumn({ column, collapsed, onToggle, drop, onDrop, children }: Props) {
  const [over, setOver] = useState(false);
  const label = STATUS_LABEL[column.status];
  const beyond = column.total - column.cards.length;
  const id = `column-${column.status}`;

  return (
    <section
      class="column"
      id={id}
      aria-labelledby={`${id}-title`}
      data-status={column.status}
      data-collapsed={collapsed ? "" : undefined}
      data-drop={drop}
      data-over={over && drop === "allowed" ? "" : undefined}
      onDragOver={(event) => {
        if (drop !== "allowed") return;
        event.preventDefault();
        if (event.dataTransfer) event.dataTransfer.dropEffect = "move";
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (drop !== "allowed") return;
        event.preventDefault();
        onDrop();
      }}
    >
      <header class="column-head">
        <h2 id={`${id}-title`}>
          <StatusMark status={column.status} />
          <span class="column-label">{label}</span>
          <span class="count" aria-label={`${column.total} orders`}>
            {column.total}
          </span>
        </h2>
        <button
          type="button"
          class="button quiet icon-only small column-toggle"
          aria-expanded={!collapsed}
          aria-controls={`${id}-cards`}
          aria-label={`${collapsed ? "Show" : "Hide"} the orders in ${label}`}
          onClick={onToggle}
        >
          <Icon name={collapsed ? "chevronRight" : "chevronLeft"} size={16} />
        </button>
      </header>
      <div class="column-cards" id={`${id}-cards`} hidden={collapsed}>
        {column.cards.length > 0 ? <ul>{children}</ul> : <p class="column-empty">No orders</p>}
        {beyond > 0 && (
          <p class="column-more">
            {beyond} more. Use the filters to find {beyond === 1 ? "it" : "them"}.
          </p>
        )}
      </div>
    </section>
  );
}
