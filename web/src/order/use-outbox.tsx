import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useReducer } from "preact/hooks";

import type { Data } from "../data/contract.ts";
import { useData } from "../data/context.ts";
import { announce, showToast } from "../ui/toast.tsx";
import { useUnloadWarning } from "../ui/unload.ts";
import { Outbox } from "./outbox.ts";

const OutboxContext = createContext<Outbox | undefined>(undefined);

/** By user: an expired sign-in takes the screens away, but not what they hold. */
const outboxes = new Map<string, Outbox>();

function outboxOf(user: string, { orders, shelf }: Data): Outbox {
  let found = outboxes.get(user);
  if (!found) {
    const reports = { done: announce, refused: (text: string) => showToast({ kind: "bad", text }) };
    found = new Outbox(orders, shelf(user), reports);
    outboxes.set(user, found);
  }
  return found;
}

/** Holds what a user has not sent yet, for the screens below, and warns before the page is closed over it. */
export function OutboxProvider({ user, children }: { user: string; children: ComponentChildren }) {
  const outbox = outboxOf(user, useData());
  useRedraw(outbox);
  useUnloadWarning(outbox.size > 0);
  return <OutboxContext.Provider value={outbox}>{children}</OutboxContext.Provider>;
}

/** The outbox; whoever uses it is drawn anew with each change of it. */
export function useOutbox(): Outbox {
  const outbox = useContext(OutboxContext);
  if (!outbox) throw new Error("useOutbox needs an OutboxProvider above it");
  useRedraw(outbox);
  return outbox;
}

function useRedraw(outbox: Outbox): void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => outbox.onChange(() => redraw(undefined)), [outbox]);
}
