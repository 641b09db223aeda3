import type { ChecklistItem } from "../data/types.ts";

export const MAX_ITEMS = 50;
export const MAX_LABEL = 200;

export function progress(items: readonly ChecklistItem[]): { done: number; total: number } {
  return { done: items.filter((item) => item.done).length, total: items.length };
}

/** How many items still stand in the way of completing the order. */
export function openRequired(items: readonly ChecklistItem[]): number {
  return items.filter((item) => item.required && !item.done).length;
}

export function withDone(items: readonly ChecklistItem[], id: string, done: boolean): ChecklistItem[] {
  return items.map((item) => (item.id === id ? { ...item, done } : item));
}

/** An empty item with an id that no other item of the list has. */
export function newItem(items: readonly ChecklistItem[]): ChecklistItem {
  const taken = new Set(items.map((item) => item.id));
  let n = items.length + 1;
  while (taken.has(`c${n}`)) n++;
  return { id: `c${n}`, label: "", done: false, required: false };
}

/** The items that have a label, trimmed. */
export function cleaned(items: readonly ChecklistItem[]): ChecklistItem[] {
  return items.map((item) => ({ ...item, label: item.label.trim() })).filter((item) => item.label !== "");
}
