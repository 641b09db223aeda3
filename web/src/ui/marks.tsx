import type { Priority, Status } from "../data/types.ts";
import { PRIORITY_LABEL, STATUS_LABEL } from "../domain/status.ts";

/** How much of the ring is filled, by status: the order's way at a glance, without relying on colour. */
const FILL: Partial<Record<Status, number>> = { enRoute: 0.4, onSite: 0.75 };
const CIRCUMFERENCE = 2 * Math.PI * 2;

export function StatusMark({ status, size = 16 }: { status: Status; size?: number }) {
  return (
    <svg class={`status-mark status-${status}`} viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      <circle
        cx="8"
        cy="8"
        r="6.500"
        fill={status === "completed" || status === "cancelled" ? "currentColor" : "none"}
        stroke="currentColor"
        stroke-width="1.600"
        stroke-dasharray={status === "draft" ? "2.300 1.800" : undefined}
      />
      {FILL[status] !== undefined && (
        <circle
          cx="8"
          cy="8"
          r="2"
          fill="none"
          stroke="currentColor"
          stroke-width="4"
          stroke-dasharray={`${FILL[status] * CIRCUMFERENCE} ${CIRCUMFERENCE}`}
          transform="rotate(-90 8 8)"
        />
      )}
      {status === "completed" && <path d="m5 8.200 2.200 2.200L11.200 6" class="status-sign" />}
      {status === "cancelled" && <path d="m5.700 5.700 4.600 4.600m0-4.600-4.600 4.600" class="status-sign" />}
    </svg>
  );
}

export function StatusBadge({ status }: { status: Status }) {
  return (
    <span class={`badge status-${status}`}>
      <StatusMark status={status} size={14} />
      {STATUS_LABEL[status]}
    </span>
  );
}

const BARS: Record<Priority, number> = { low: 1, normal: 2, high: 3, urgent: 3 };

/** Rising bars; for urgent a filled sign. The word stands beside it, visible or for screen readers. */
export function PriorityMark({ priority, text = false }: { priority: Priority; text?: boolean }) {
  return (
    <span class={`priority priority-${priority}`} title={text ? undefined : `${PRIORITY_LABEL[priority]} priority`}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        {priority === "urgent" ? (
          <>
            <rect x="1" y="1" width="14" height="14" rx="3.500" fill="currentColor" />
            <path d="M8 4.200v4.600m0 2.600v.2" class="priority-sign" />
          </>
        ) : (
          [0, 1, 2].map((bar) => (
            <rect
              key={bar}
              x={1.5 + bar * 5}
              y={10 - bar * 4}
              width="3.200"
              height={5 + bar * 4}
              rx="1.200"
              fill="currentColor"
              opacity={bar < BARS[priority] ? 1 : 0.25}
            />
          ))
        )}
      </svg>
      <span class={text ? undefined : "visually-hidden"}>
        {PRIORITY_LABEL[priority]}
        {!text && " priority"}
      </span>
    </span>
  );
}

/** Done of total as a short bar and in figures. */
export function ProgressMark({ done, total }: { done: number; total: number }) {
  return (
    <span class="progress" data-complete={done === total ? "" : undefined}>
      <span class="progress-track" aria-hidden="true">
        <span style={{ width: `${(100 * done) / total}%` }} />
      </span>
      <span aria-hidden="true">
        {done}/{total}
      </span>
      <span class="visually-hidden">
        {done} of {total} checklist items done
      </span>
    </span>
  );
}

export function Brand({ size = 28 }: { size?: number }) {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <rect width="32" height="32" rx="8" class="brand-ground" />
      <path d="M11 12.500V11a5 5 0 0 1 10 0v1.500" class="brand-handle" />
      <path d="M5.500 14a2 2 0 0 1 2-2h17a2 2 0 0 1 2 2v7.500a4 4 0 0 1-4 4h-13a4 4 0 0 1-4-4z" class="brand-bag" />
      <path d="M10.500 12v13.500M21.500 12v13.500" class="brand-strap" />
    </svg>
  );
}
