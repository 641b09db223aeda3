import type { Priority, Role, Status } from "../data/types.ts";

export const STATUSES: readonly Status[] = ["draft", "scheduled", "enRoute", "onSite", "completed", "cancelled"];
export const PRIORITIES: readonly Priority[] = ["urgent", "high", "normal", "low"];

export const STATUS_LABEL: Record<Status, string> = {
  draft: "Draft",
  scheduled: "Scheduled",
  enRoute: "En route",
  onSite: "On site",
  completed: "Completed",
  cancelled: "Cancelled",
};

export const PRIORITY_LABEL: Record<Priority, string> = {
  urgent: "Urgent",
  high: "High",
  normal: "Normal",
  low: "Low",
};

export const ROLE_LABEL: Record<Role, string> = {
  owner: "Owner",
  dispatcher: "Dispatcher",
  technician: "Technician",
  viewer: "Viewer",
};

/** The order's life. The server holds the same table and has the last word. */
const MOVES: Record<Status, readonly Status[]> = {
  draft: ["scheduled", "cancelled"],
  scheduled: ["enRoute", "draft", "cancelled"],
  enRoute: ["onSite", "scheduled", "cancelled"],
  onSite: ["completed", "cancelled"],
  completed: [],
  cancelled: [],
};

/** What the technician who is assigned to the order does next. */
const TECHNICIAN_MOVE: Partial<Record<Status, Status>> = {
  scheduled: "enRoute",
  enRoute: "onSite",
  onSite: "completed",
};

export function isOffice(role: Role): boolean {
  return role === "owner" || role === "dispatcher";
}

/** The statuses that someone of this role may move an order to, the usual one first. */
export function movesFrom(status: Status, role: Role, assigned: boolean): readonly Status[] {
  if (isOffice(role)) return MOVES[status];
  const next = assigned && role === "technician" ? TECHNICIAN_MOVE[status] : undefined;
  return next ? [next] : [];
}

export function canMove(from: Status, to: Status, role: Role, assigned = false): boolean {
  return movesFrom(from, role, assigned).includes(to);
}

export function isFinal(status: Status): boolean {
  return MOVES[status].length === 0;
}

/** What a button that moves an order says. */
export function moveLabel(from: Status, to: Status): string {
  switch (to) {
    case "draft":
      return "Back to draft";
    case "scheduled":
      return from === "draft" ? "Schedule" : "Back to scheduled";
    case "enRoute":
      return "Start driving";
    case "onSite":
      return "Arrive on site";
    case "completed":
      return "Complete";
    case "cancelled":
      return "Cancel order";
  }
}
