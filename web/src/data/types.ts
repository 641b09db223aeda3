// What the screens call the shapes of the API, which types.gen.ts has from the server, and
// the shapes that are the app's own. Moments are PocketBase's text form in UTC
// ("2026-03-01 09:30:00.000Z"), empty when unset.

import type { BoardCard, BoardPerson, Expanded, MembershipRole, Organization, WorkOrderPriority, WorkOrderStatus } from "./types.gen.ts";

export type { Board, InvitationPreview, Organization, Site, User } from "./types.gen.ts";

declare module "./types.gen.ts" {
  interface JSONTypes {
    "work_orders.checklist": ChecklistItem[] | null;
    "organizations.settings": OrganizationSettings | null;
  }
}

export type Role = MembershipRole;
export type Status = WorkOrderStatus;
export type Priority = WorkOrderPriority;

export interface OrganizationSettings {
  /** Hours until an order of a priority is due. */
  slaHours?: Partial<Record<Priority, number>>;
}

export interface ChecklistItem {
  id: string;
  label: string;
  done: boolean;
  required: boolean;
}

export type Membership = Expanded<"memberships", "user">;
export type WorkOrder = Expanded<"work_orders", "site,assignee">;
export type Note = Expanded<"notes", "author">;
export type Photo = Expanded<"photos", "author">;

/** A membership with the organization it leads to. */
export interface Belonging {
  id: string;
  role: Role;
  organization: Organization;
}

/** What a work order shows on the board. */
export type Card = BoardCard;
export type Person = BoardPerson;

export interface BoardFilter {
  q: string;
  /** A person's id, "none" for orders without one. */
  assignee: string;
  priority: Priority | "";
  /** First day, YYYY-MM-DD in the organization's timezone. */
  from: string;
  /** Last day, likewise. */
  to: string;
}

/** What the office decides about a work order. */
export interface OrderPlan {
  site: string;
  title: string;
  description: string;
  priority: Priority;
  assignee: string;
  scheduledStart: string;
  scheduledEnd: string;
  checklist: ChecklistItem[];
}

export interface DemoAccount {
  email: string;
  password: string;
  name: string;
  role: Role;
  organization: string;
}

/** One record's change, as it came over the live connection. */
export interface Change<T> {
  action: "create" | "update" | "delete";
  record: T;
}
