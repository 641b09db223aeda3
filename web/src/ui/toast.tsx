import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

import { Icon } from "./icon.tsx";
import { withMessage, type Message } from "./messages.ts";

interface Shown extends Message {
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
export function showToast(toast: Message): void {
  const id = nextId++;
  shown = withMessage(shown, { ...toast, id });
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

/** The places that could show messages, the one on top last. */
const places: object[] = [];

/**
 * The place where messages appear, above everything. The app has one and so has
 * each dialog, since what lies outside of a modal dialog can be neither read out
 * nor pressed; the topmost shows them.
 */
export function Toasts() {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const me = useRef({}).current;
  const element = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    const listener = () => redraw(undefined);
    listeners.add(listener);
    places.push(me);
    changed();
    return () => {
      listeners.delete(listener);
      places.splice(places.indexOf(me), 1);
      changed();
    };
  }, []);

  const onTop = places[places.length - 1] === me;
  const mine = onTop ? shown : [];
  useLayoutEffect(() => {
    if (mine.length > 0) element.current?.showPopover();
    else element.current?.hidePopover();
  }, [mine.length > 0]);

  return (
    <>
      <div class="visually-hidden" aria-live="polite" data-announcer>
        {onTop && spoken}
      </div>
      <div ref={element} class="toasts" popover="manual" role="region" aria-label="Messages">
        {mine.map((toast) => (
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
