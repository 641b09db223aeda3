import type { Change } from "../data/types.ts";

export interface Row {
  id: string;
  created: string;
  updated: string;
}

/** Merges one change into a list in order of creation. An older version never replaces a newer one. */
export function mergeRow<T extends Row>(rows: readonly T[], { action, record }: Change<T>): T[] {
  const known = rows.find((row) => row.id === record.id);
  if (action === "delete") return rows.filter((row) => row.id !== record.id);
  if (known) return known.updated > record.updated ? [...rows] : rows.map((row) => (row.id === record.id ? record : row));
  return [...rows, record].sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
}
