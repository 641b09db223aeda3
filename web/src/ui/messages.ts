export interface Message {
  kind: "good" | "bad";
  text: string;
  action?: { label: string; run: () => void };
}

const MOST = 3;

/**
 * The messages to show after one more. The same sentence twice is one message, and old ones make
 * room; but one that offers to do something stays until it is used or closed.
 */
export function withMessage<T extends Message>(shown: readonly T[], added: T): T[] {
  const others = shown.filter((other) => other.action || added.action || other.text !== added.text);
  const all = [...others, added];
  let surplus = all.length - MOST;
  return all.filter((message) => message.action || message === added || surplus-- <= 0);
}
