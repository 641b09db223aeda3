import type { BoardFilter, Priority } from "../data/types.ts";
import { PRIORITIES } from "./status.ts";
import { isDay } from "./time.ts";

/** The longest text that the server searches for. */
export const MAX_SEARCH = 100;

/** The filter that an address names; whatever does not belong there is ignored. */
export function filterOf(query: URLSearchParams): BoardFilter {
  const priority = query.get("priority") ?? "";
  const from = dayIn(query.get("from"));
  const to = dayIn(query.get("to"));
  return {
    q: (query.get("q") ?? "").slice(0, MAX_SEARCH),
    assignee: query.get("assignee") ?? "",
    priority: (PRIORITIES as readonly string[]).includes(priority) ? (priority as Priority) : "",
    from,
    to: to < from ? "" : to,
  };
}

/** The set parts of a filter, as an address's query. */
export function queryOf(filter: BoardFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value) query.set(name, value);
  return query;
}

export function isFiltered(filter: BoardFilter): boolean {
  return Object.values(filter).some((value) => value !== "");
}

function dayIn(text: string | null): string {
  return text && isDay(text) ? text : "";
}
