import type { ComponentChildren } from "preact";

import type { Failure } from "../data/errors.ts";
import { Icon, type IconName } from "./icon.tsx";

/** What a place says that has nothing to show. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size={26} />
      </span>
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** What a place says that could not be filled, with the way to try again. */
export function Failed({ failure, onRetry }: { failure: Failure; onRetry?: () => void }) {
  return (
    <div class="empty failed" role="alert">
      <span class="empty-icon">
        <Icon name={failure.status === 0 ? "offline" : "alert"} size={26} />
      </span>
      <p class="empty-title">{failure.sentence}</p>
      {onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          <Icon name="retry" />
          Try again
        </button>
      )}
    </div>
  );
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 3, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">{label}</span>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} class="skeleton-line" style={{ width: `${90 - ((line * 23) % 45)}%` }} />
      ))}
    </div>
  );
}
