import { useEffect, useState } from "preact/hooks";

import { Icon } from "./icon.tsx";

export interface Toast {
  kind: "good" | "bad";
  text: string;
  action?: { label: string; run: () => void };
}

interface Shown extends Toast {
  id: number;
}

const STAYS = { good: 4000, bad: 9000 };

let shown: Shown[] = [];
let spoken = "";
let nextId = 1;
const listeners = new Set<() => void>();

function changed(): void {
  for (const listener of listeners) listener();
}

/** Shows a message for a while; one with an action stays until it is used or closed. */
export function showToast(toast: Toast): void {
  const id = nextId++;
  // The same sentence twice is one message.
  shown = [...shown.filter((other) => other.text !== toast.text), { ...toast, id }].slice(-3);
  changed();
  if (!toast.action) setTimeout(() => dismiss(id), STAYS[toast.kind]);
}

/** Says something to screen readers only. */
export function announce(text: string): void {
  // A repeated sentence would not be read again, so it differs by a space.
  spoken = text === spoken ? text + "\u00a0" : text;
  changed();
}

function dismiss(id: number): void {
  shown = shown.filter((toast) => toast.id !== id);
  changed();
}

/** The place where messages appear, above everything, dialogs included. */
export function Toasts() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((n) => n + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);

  return (
    <>
      <div class="visually-hidden" aria-live="polite" data-announcer>
        {spoken}
      </div>
      <div
        class="toasts"
        popover="manual"
        role="region"
        aria-label="Messages"
        ref={(element) => raise(element, shown.length)}
      >
        {shown.map((toast) => (
          <div key={toast.id} class={`toast ${toast.kind}`} role={toast.kind === "bad" ? "alert" : "status"}>
            <Icon name={toast.kind === "bad" ? "alert" : "check"} />
            <span>{toast.text}</span>
            {toast.action && (
              <button
                type="button"
                class="button small"
                onClick={() => {
                  dismiss(toast.id);
                  toast.action?.run();
                }}
              >
                {toast.action.label}
              </button>
            )}
            <button type="button" class="button quiet icon-only small" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
              <Icon name="cross" size={16} />
            </button>
          </div>
        ))}
      </div>
    </>
  );
}

let raisedFor = 0;

/** A popover that is shown anew comes to lie above a dialog that was opened meanwhile. */
function raise(element: HTMLElement | null, count: number): void {
  if (!element || count === raisedFor) return;
  const grew = count > raisedFor;
  raisedFor = count;
  if (element.matches(":popover-open") && (grew || count === 0)) element.hidePopover();
  if (count > 0 && !element.matches(":popover-open")) element.showPopover();
}
