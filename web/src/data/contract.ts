import type { Connection } from "./connection.ts";
import type {
  Belonging,
  Board,
  BoardFilter,
  Change,
  ChecklistItem,
  DemoAccount,
  InvitationPreview,
  Membership,
  Note,
  OrderPlan,
  Organization,
  OrganizationSettings,
  Photo,
  Role,
  Site,
  Status,
  User,
  WorkOrder,
} from "./types.ts";

/**
 * Everything that the screens know of the backend. `remote/` implements it on
 * the PocketBase SDK; a sync engine that reads and writes a local copy can take
 * its place without a change to any screen.
 *
 * Methods reject with a Failure (errors.ts), whose message is fit to be shown.
 */
export interface Data {
  readonly connection: Connection;
  readonly session: Session;
  readonly orders: Orders;
  readonly team: Team;
  readonly notifications: Notifications;
  /** Where a user's photos wait on this device until the server has them. */
  shelf(user: string): PhotoShelf;
}

/** A photo that was taken here and is not yet with the server, which will know it by the same id. */
export interface ShelvedPhoto {
  id: string;
  order: string;
  image: Blob;
  takenAt: Date;
}

/** Keeps photos over a reload, as far as the browser keeps anything. Its methods do not reject. */
export interface PhotoShelf {
  all(): Promise<ShelvedPhoto[]>;
  put(photo: ShelvedPhoto): Promise<void>;
  remove(id: string): Promise<void>;
}

/** unsupported: by the browser or by the server. denied: the user has told the browser so. */
export type NotificationState = "unsupported" | "denied" | "off" | "on";

/** Notifications on this device for the signed-in user, also while no page is open. They end with the sign-in. */
export interface Notifications {
  state(): Promise<NotificationState>;
  /** Asks the user for leave, which browsers want to happen after a click. */
  turnOn(): Promise<void>;
  turnOff(): Promise<void>;
  /** Takes up what the user has chosen here before; to be called once they are signed in. Does not reject. */
  resume(): Promise<void>;
}

export interface Session {
  user(): User | undefined;
  /** Calls back after somebody signed in or out. Returns how to stop it. */
  onChange(callback: () => void): () => void;
  /** Checks the remembered sign-in with the server; an expired one is dropped. */
  restore(): Promise<void>;
  signIn(email: string, password: string): Promise<void>;
  signUp(input: { name: string; email: string; password: string }): Promise<void>;
  signOut(): void;
  requestPasswordReset(email: string): Promise<void>;
  /** The sign-ins of the demo data, none when the server does not serve it. */
  demoAccounts(): Promise<DemoAccount[]>;
  /** The organizations that the user is in, by name. */
  belongings(): Promise<Belonging[]>;
  createOrganization(input: { name: string; slug: string; timezone: string }): Promise<Organization>;
  previewInvitation(token: string): Promise<InvitationPreview>;
  /** Accepts for the signed-in user, or, with account, for somebody new who is then signed in. */
  acceptInvitation(token: string, account?: { name: string; password: string }): Promise<void>;
}

/**
 * Told about records as they change. `sync` is called when the caller should
 * read everything: once at the start and after each gap in the connection.
 */
export interface Watcher<T> {
  sync(): void;
  changed(change: Change<T>): void;
}

/** Ends what it was returned for. Safe to call twice. */
export type Stop = () => void;

export interface Orders {
  board(organization: string, filter: BoardFilter): Promise<Board>;
  /** The open orders of a technician and those that they completed since a time. */
  assignedTo(organization: string, user: string, completedSince: Date): Promise<WorkOrder[]>;
  find(id: string): Promise<WorkOrder>;
  watchOrganization(organization: string, watcher: Watcher<WorkOrder>): Stop;
  watchOrder(id: string, watcher: Watcher<WorkOrder>): Stop;

  create(organization: string, plan: OrderPlan): Promise<WorkOrder>;
  plan(id: string, plan: Partial<OrderPlan>): Promise<WorkOrder>;
  move(id: string, to: Status, note?: string): Promise<WorkOrder>;
  setChecklist(id: string, items: ChecklistItem[]): Promise<WorkOrder>;
  sign(id: string, signature: Blob): Promise<WorkOrder>;
  remove(id: string): Promise<void>;

  notes(order: string): Promise<Note[]>;
  watchNotes(order: string, watcher: Watcher<Note>): Stop;
  /**
   * Adds a note with an id of the caller's choice (domain/ids.ts), by which it can be sent again after a
   * lost answer: the note is made once, and its body is the one that was sent last.
   */
  addNote(order: string, note: { id: string; body: string }): Promise<Note>;
  removeNote(id: string): Promise<void>;

  photos(order: string): Promise<Photo[]>;
  watchPhotos(order: string, watcher: Watcher<Photo>): Stop;
  /** Adds a photo once, by an id as with a note. progress is called with 0..1 while it travels. */
  addPhoto(order: string, photo: { id: string; image: Blob; takenAt: Date }, progress: (part: number) => void): Promise<Photo>;
  removePhoto(id: string): Promise<void>;
  /** An address at which a protected picture can be read for a short while. */
  photoURL(photo: Photo, thumb?: "160x160" | "800x0"): Promise<string>;
  signatureURL(order: WorkOrder): Promise<string>;
  /** Likewise, of the report as a file to save. */
  reportURL(order: WorkOrder): Promise<string>;

  sites(organization: string, search: string): Promise<Site[]>;
  createSite(organization: string, site: { name: string; address: string; contact: string }): Promise<Site>;
}

export interface Team {
  members(organization: string): Promise<Membership[]>;
  watchMembers(organization: string, watcher: Watcher<Membership>): Stop;
  invite(organization: string, email: string, role: Role): Promise<void>;
  changeRole(membership: string, role: Role): Promise<void>;
  remove(membership: string): Promise<void>;
  saveOrganization(id: string, change: { name: string; timezone: string; settings: OrganizationSettings }): Promise<Organization>;
  /** The file that the server makes of the organization's data, and its name. */
  exported(organization: string, format: "json" | "csv"): Promise<{ name: string; content: Blob }>;
  avatarURL(person: { id: string; avatar: string }): string;
}
