// The shapes that the server answers with. Times are PocketBase's text form in
// UTC ("2026-03-01 09:30:00.000Z"), empty when unset.

export type Role = "owner" | "dispatcher" | "technician" | "viewer";
export type Status = "draft" | "scheduled" | "enRoute" | "onSite" | "completed" | "cancelled";
export type Priority = "low" | "normal" | "high" | "urgent";

export interface User {
  id: string;
  name: string;
  email: string;
  avatar: string;
  phone: string;
}

export interface OrganizationSettings {
  /** Hours until an order of a priority is due. */
  slaHours?: Partial<Record<Priority, number>>;
}

export interface Organization {
  id: string;
  name: string;
  slug: string;
  timezone: string;
  settings: OrganizationSettings | null;
}

export interface Membership {
  id: string;
  organization: string;
  user: string;
  role: Role;
  created: string;
  updated: string;
  expand?: { organization?: Organization; user?: User };
}

/** A membership with the organization it leads to. */
export interface Belonging {
  id: string;
  role: Role;
  organization: Organization;
}

export interface Site {
  id: string;
  organization: string;
  name: string;
  address: string;
  contact: string;
  location: { lon: number; lat: number } | null;
}

export interface ChecklistItem {
  id: string;
  label: string;
  done: boolean;
  required: boolean;
}

export interface WorkOrder {
  id: string;
  organization: string;
  site: string;
  number: number;
  title: string;
  description: string;
  status: Status;
  priority: Priority;
  assignee: string;
  scheduledStart: string;
  scheduledEnd: string;
  checklist: ChecklistItem[] | null;
  startedAt: string;
  completedAt: string;
  slaDueAt: string;
  slaBreachedAt: string;
  signature: string;
  report: string;
  created: string;
  updated: string;
  expand?: { site?: Site; assignee?: User };
}

export interface Note {
  id: string;
  work_order: string;
  author: string;
  body: string;
  created: string;
  updated: string;
  expand?: { author?: User };
}

export interface Photo {
  id: string;
  collectionId: string;
  collectionName: string;
  work_order: string;
  author: string;
  image: string;
  caption: string;
  takenAt: string;
  created: string;
  updated: string;
  expand?: { author?: User };
}

/** What a work order shows on the board. */
export interface Card {
  id: string;
  number: number;
  title: string;
  status: Status;
  priority: Priority;
  assignee: string;
  site: { id: string; name: string; address: string };
  scheduledStart: string;
  scheduledEnd: string;
  slaDueAt: string;
  slaBreachedAt: string;
  checklistDone: number;
  checklistTotal: number;
  updated: string;
}

export interface Person {
  id: string;
  name: string;
  avatar: string;
  role: Role;
  /** How many orders they have to do, whatever the board is narrowed to. */
  open: number;
}

export interface Board {
  organization: { id: string; name: string; slug: string; timezone: string; role: Role };
  columns: { status: Status; total: number; items: Card[] }[];
  people: Person[];
  generatedAt: string;
}

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

export interface InvitationPreview {
  organization: { name: string };
  email: string;
  role: Role;
  accountExists: boolean;
}

export type ChangeAction = "create" | "update" | "delete";

/** One record's change, as it came over the live connection. */
export interface Change<T> {
  action: ChangeAction;
  record: T;
}
