// Types of this backend for the official PocketBase SDK. Written by a program, do not edit; write it again with:
//
//	holdall types ts --routes /api/v1/,/api/push/
//
// It needs TypeScript 5 and the package pocketbase, of which it imports types only.
/* eslint-disable */

import type PocketBase from "pocketbase";
import type {
  BaseAuthStore,
  BatchService,
  ListResult,
  OAuth2AuthConfig,
  RecordListOptions,
  RecordOptions,
  RecordService,
  RecordSubscribeOptions,
  SendOptions,
  SubBatchService,
  UnsubscribeFunc,
} from "pocketbase";

export type MembershipRole = "owner" | "dispatcher" | "technician" | "viewer";
/** A record of memberships. */
export interface Membership {
  collectionId: string;
  collectionName: "memberships";
  id: string;
  /** The id of a record of organizations. */
  organization: string;
  /** The id of a record of users. */
  user: string;
  role: MembershipRole;
  created: DateTime;
  updated: DateTime;
}

/** What a record of memberships is made from. */
export interface MembershipCreate {
  /** 15 characters. Matches ^[a-z0-9]+$. */
  id?: string;
  organization: string;
  user: string;
  role: MembershipRole;
}

/** What changes a record of memberships; what is left out stays. */
export interface MembershipUpdate {
  role?: MembershipRole;
}

export interface MembershipColumns {
  id: "text";
  organization: ["one", "organizations"];
  user: ["one", "users"];
  role: ["select", MembershipRole];
  created: "date";
  updated: "date";
}

/** A record of notes. */
export interface Note {
  collectionId: string;
  collectionName: "notes";
  id: string;
  /** The id of a record of work_orders. */
  work_order: string;
  /** The id of a record of users. */
  author: string;
  body: string;
  created: DateTime;
  updated: DateTime;
}

/** What a record of notes is made from. */
export interface NoteCreate {
  /** 15 characters. Matches ^[a-z0-9]+$. */
  id?: string;
  work_order: string;
  author: string;
  /** At most 5000 characters. */
  body: string;
}

/** What changes a record of notes; what is left out stays. */
export interface NoteUpdate {
  /** At most 5000 characters. */
  body?: string;
}

export interface NoteColumns {
  id: "text";
  work_order: ["one", "work_orders"];
  author: ["one", "users"];
  body: "text";
  created: "date";
  updated: "date";
}

/** A record of organizations. */
export interface Organization {
  collectionId: string;
  collectionName: "organizations";
  id: string;
  name: string;
  slug: string;
  timezone: string;
  settings: JSONOf<"organizations.settings">;
  created: DateTime;
  updated: DateTime;
}

/** What a record of organizations is made from. */
export interface OrganizationCreate {
  /** 15 characters. Matches ^[a-z0-9]+$. */
  id?: string;
  /** At most 120 characters. */
  name: string;
  /** At most 63 characters. Matches ^[a-z0-9]+(-[a-z0-9]+)*$. */
  slug: string;
  /** At most 64 characters. */
  timezone: string;
  /** At most 16384 bytes. */
  settings?: JSONOf<"organizations.settings">;
}

/** What changes a record of organizations; what is left out stays. */
export interface OrganizationUpdate {
  /** At most 120 characters. */
  name?: string;
  /** At most 63 characters. Matches ^[a-z0-9]+(-[a-z0-9]+)*$. */
  slug?: string;
  /** At most 64 characters. */
  timezone?: string;
  /** At most 16384 bytes. */
  settings?: JSONOf<"organizations.settings">;
}

export interface OrganizationColumns {
  id: "text";
  name: "text";
  slug: "text";
  timezone: "text";
  settings: "json";
  created: "date";
  updated: "date";
  memberships_via_organization: ["viaMany", "memberships"];
  sites_via_organization: ["viaMany", "sites"];
  work_orders_via_organization: ["viaMany", "work_orders"];
}

/** A record of photos. */
export interface Photo {
  collectionId: string;
  collectionName: "photos";
  id: string;
  /** The id of a record of work_orders. */
  work_order: string;
  /** The id of a record of users. */
  author: string;
  /** A file name, "" for none. Needs a file token. */
  image: string;
  caption: string;
  takenAt: DateTime;
  location: GeoPoint;
  created: DateTime;
  updated: DateTime;
}

/** What a record of photos is made from. */
export interface PhotoCreate {
  /** 15 characters. Matches ^[a-z0-9]+$. */
  id?: string;
  work_order: string;
  author: string;
  /** At most 10485760 bytes. One of image/jpeg, image/png, image/webp. */
  image: Upload;
  /** At most 300 characters. */
  caption?: string;
  takenAt?: DateInput;
  location?: GeoPoint;
}

/** What changes a record of photos; what is left out stays. */
export interface PhotoUpdate {
  /** At most 10485760 bytes. One of image/jpeg, image/png, image/webp. */
  image?: Upload | string;
  /** At most 300 characters. */
  caption?: string;
  takenAt?: DateInput;
  location?: GeoPoint;
}

export interface PhotoColumns {
  id: "text";
  work_order: ["one", "work_orders"];
  author: ["one", "users"];
  image: "text";
  caption: "text";
  takenAt: "date";
  location: "point";
  created: "date";
  updated: "date";
}

/** A record of sites. */
export interface Site {
  collectionId: string;
  collectionName: "sites";
  id: string;
  /** The id of a record of organizations. */
  organization: string;
  name: string;
  address: string;
  location: GeoPoint;
  contact: string;
  externalId: string;
  created: DateTime;
  updated: DateTime;
}

/** What a record of sites is made from. */
export interface SiteCreate {
  /** 15 characters. Matches ^[a-z0-9]+$. */
  id?: string;
  organization: string;
  /** At most 160 characters. */
  name: string;
  /** At most 300 characters. */
  address?: string;
  location?: GeoPoint;
  /** At most 200 characters. */
  contact?: string;
  /** At most 100 characters. */
  externalId?: string;
}

/** What changes a record of sites; what is left out stays. */
export interface SiteUpdate {
  /** At most 160 characters. */
  name?: string;
  /** At most 300 characters. */
  address?: string;
  location?: GeoPoint;
  /** At most 200 characters. */
  contact?: string;
  /** At most 100 characters. */
  externalId?: string;
}

export interface SiteColumns {
  id: "text";
  organization: ["one", "organizations"];
  name: "text";
  address: "text";
  location: "point";
  contact: "text";
  externalId: "text";
  created: "date";
  updated: "date";
  work_orders_via_site: ["viaMany", "work_orders"];
}

/** A record of users. */
export interface User {
  collectionId: string;
  collectionName: "users";
  id: string;
  /** Only there for the account itself and whoever manages it, or with emailVisibility. */
  email?: string;
  emailVisibility: boolean;
  verified: boolean;
  name: string;
  /** A file name, "" for none. */
  avatar: string;
  phone: string;
  locale: string;
  created: DateTime;
  updated: DateTime;
}

/** What a record of users is made from. */
export interface UserCreate {
  /** 15 characters. Matches ^[a-z0-9]+$. */
  id?: string;
  /** At least 8 characters. */
  password: string;
  /** The same password again. */
  passwordConfirm: string;
  email: string;
  emailVisibility?: boolean;
  /** At most 120 characters. */
  name?: string;
  /** At most 2097152 bytes. One of image/jpeg, image/png, image/webp. */
  avatar?: Upload;
  /** At most 32 characters. Matches ^\+?[0-9 ()/.-]*$. */
  phone?: string;
  /** At most 16 characters. Matches ^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$. */
  locale?: string;
}

/** What changes a record of users; what is left out stays. */
export interface UserUpdate {
  /** At least 8 characters. With passwordConfirm. */
  password?: string;
  /** The same password again. */
  passwordConfirm?: string;
  /** The present password, unless somebody else changes it who may. */
  oldPassword?: string;
  emailVisibility?: boolean;
  /** At most 120 characters. */
  name?: string;
  /** At most 2097152 bytes. One of image/jpeg, image/png, image/webp. */
  avatar?: Upload | string;
  /** At most 32 characters. Matches ^\+?[0-9 ()/.-]*$. */
  phone?: string;
  /** At most 16 characters. Matches ^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$. */
  locale?: string;
}

export interface UserColumns {
  id: "text";
  email: "text";
  emailVisibility: "bool";
  verified: "bool";
  name: "text";
  avatar: "text";
  phone: "text";
  locale: "text";
  created: "date";
  updated: "date";
  memberships_via_user: ["viaMany", "memberships"];
  notes_via_author: ["viaMany", "notes"];
  photos_via_author: ["viaMany", "photos"];
  work_orders_via_assignee: ["viaMany", "work_orders"];
}

export type WorkOrderStatus = "draft" | "scheduled" | "enRoute" | "onSite" | "completed" | "cancelled";
export type WorkOrderPriority = "low" | "normal" | "high" | "urgent";
/** A record of work_orders. */
export interface WorkOrder {
  collectionId: string;
  collectionName: "work_orders";
  id: string;
  /** The id of a record of organizations. */
  organization: string;
  /** The id of a record of sites. */
  site: string;
  number: number;
  title: string;
  description: string;
  status: WorkOrderStatus;
  priority: WorkOrderPriority;
  /** The id of a record of users, "" for none. */
  assignee: string;
  scheduledStart: DateTime;
  scheduledEnd: DateTime;
  checklist: JSONOf<"work_orders.checklist">;
  startedAt: DateTime;
  completedAt: DateTime;
  slaDueAt: DateTime;
  slaBreachedAt: DateTime;
  /** A file name, "" for none. Needs a file token. */
  signature: string;
  /** A file name, "" for none. Needs a file token. */
  report: string;
  externalId: string;
  created: DateTime;
  updated: DateTime;
}

/** What a record of work_orders is made from. */
export interface WorkOrderCreate {
  /** 15 characters. Matches ^[a-z0-9]+$. */
  id?: string;
  organization: string;
  site: string;
  /** At most 200 characters. */
  title: string;
  /** At most 5000 characters. */
  description?: string;
  priority: WorkOrderPriority;
  assignee?: string;
  scheduledStart?: DateInput;
  scheduledEnd?: DateInput;
  /** At most 32768 bytes. */
  checklist?: JSONOf<"work_orders.checklist">;
  /** At most 524288 bytes. One of image/png. */
  signature?: Upload;
  /** At most 100 characters. */
  externalId?: string;
}

/** What changes a record of work_orders; what is left out stays. */
export interface WorkOrderUpdate {
  site?: string;
  /** At most 200 characters. */
  title?: string;
  /** At most 5000 characters. */
  description?: string;
  priority?: WorkOrderPriority;
  assignee?: string;
  scheduledStart?: DateInput;
  scheduledEnd?: DateInput;
  /** At most 32768 bytes. */
  checklist?: JSONOf<"work_orders.checklist">;
  /** At most 524288 bytes. One of image/png. */
  signature?: Upload | string;
  /** At most 100 characters. */
  externalId?: string;
}

export interface WorkOrderColumns {
  id: "text";
  organization: ["one", "organizations"];
  site: ["one", "sites"];
  number: "number";
  title: "text";
  description: "text";
  status: ["select", WorkOrderStatus];
  priority: ["select", WorkOrderPriority];
  assignee: ["one", "users"];
  scheduledStart: "date";
  scheduledEnd: "date";
  checklist: "json";
  startedAt: "date";
  completedAt: "date";
  slaDueAt: "date";
  slaBreachedAt: "date";
  signature: "text";
  report: "text";
  externalId: "text";
  created: "date";
  updated: "date";
  notes_via_work_order: ["viaMany", "notes"];
  photos_via_work_order: ["viaMany", "photos"];
}

/** The collections by name. */
export interface Collections {
  memberships: { kind: "base"; record: Membership; create: MembershipCreate; update: MembershipUpdate; columns: MembershipColumns };
  notes: { kind: "base"; record: Note; create: NoteCreate; update: NoteUpdate; columns: NoteColumns };
  organizations: { kind: "base"; record: Organization; create: OrganizationCreate; update: OrganizationUpdate; columns: OrganizationColumns };
  photos: { kind: "base"; record: Photo; create: PhotoCreate; update: PhotoUpdate; columns: PhotoColumns };
  sites: { kind: "base"; record: Site; create: SiteCreate; update: SiteUpdate; columns: SiteColumns };
  users: { kind: "auth"; record: User; create: UserCreate; update: UserUpdate; columns: UserColumns };
  work_orders: { kind: "base"; record: WorkOrder; create: WorkOrderCreate; update: WorkOrderUpdate; columns: WorkOrderColumns };
}

export interface DeviceList {
  items: Device[];
}

export interface Device {
  id: string;
  /** webpush, fcm, apns, or one that was added. */
  provider: string;
  platform: string;
  app: string;
  sandbox: boolean;
  locale: string;
  timezone: string;
  /** What it is subscribed to. */
  topics: string[];
  /** The number at the app's icon. */
  badge: number;
  lastSeen: string | null;
  created: string | null;
}

export interface DeviceBody {
  /** One of those that the server sends by: webpush, fcm or apns. */
  provider?: string | null;
  /** What the provider calls the device. Of APNs it is hexadecimal. */
  token?: string | null;
  /** What PushSubscription.toJSON() of a browser gives, in place of provider and token. */
  subscription?: Subscription | null;
  /** The app's bundle identifier, for APNs. */
  app?: string | null;
  /** Whether the token is of the sandbox of APNs. */
  sandbox?: boolean | null;
  /** For people. */
  platform?: string | null;
  /** The language of notifications. */
  locale?: string | null;
  /** For quiet hours. */
  timezone?: string | null;
  /** What it is subscribed to. Left out, or null, it keeps what it had. */
  topics?: string[] | null;
  /** The number at the app's icon. Left out, or null, it keeps what it had. */
  badge?: number | null;
}

export interface Subscription {
  /** An https URL on the public internet. */
  endpoint: string;
  /** It is not looked at. */
  expirationTime?: number | null;
  keys: SubscriptionKeys;
}

export interface SubscriptionKeys {
  /** In base64url. */
  p256dh: string;
  /** In base64url. */
  auth: string;
}

export interface ForgetBody {
  /** As it was registered. */
  provider?: string | null;
  token?: string | null;
  /** Of a browser's subscription, in place of the two. */
  endpoint?: string | null;
}

export interface BadgeBody {
  badge: number;
}

export interface ReceiptBody {
  /** The id of the notification. */
  receipt: string;
  event: "shown" | "opened";
}

export interface VapidKey {
  /** In base64url. */
  publicKey: string;
}

export interface ErpMessage {
  type: "order.created";
  data: ErpOrder;
}

export interface ErpOrder {
  /** What the ERP calls the order, which no other order of the organization has. */
  id?: string;
  title: string;
  description?: string;
  /** Defaults to normal. */
  priority?: "low" | "normal" | "high" | "urgent";
  site: ErpSite;
}

export interface ErpSite {
  /** What the ERP calls the site. */
  id?: string;
  /** The site's name, where there is no id. */
  name?: string;
}

export interface InvitationAcceptance {
  /** What stands after /invitation/ in the link of the mail. */
  token: string;
  /** Of somebody who has no account yet. White space around it is removed. */
  name?: string;
  /** Likewise, of at least 8 characters. */
  password?: string;
  /** The password again. */
  passwordConfirm?: string;
}

export type AcceptedInvitation = JoinedOrganization | JoinedNewcomer;

export interface JoinedOrganization {
  membership: Membership;
}

export interface JoinedNewcomer {
  /** Signs the new account in. */
  token: string;
  record: User;
  meta: JoinedOrganization;
}

export interface InvitationToken {
  /** What stands after /invitation/ in the link of the mail. */
  token: string;
}

export interface InvitationPreview {
  /** Whether the address has an account, with which to sign in first. */
  accountExists: boolean;
  email: string;
  organization: InvitedOrganization;
  role: "owner" | "dispatcher" | "technician" | "viewer";
}

export interface InvitedOrganization {
  name: string;
}

export interface Board {
  organization: BoardOrganization;
  /** One for each status, in the order in which an order goes through them. */
  columns: BoardColumn[];
  /** The members. */
  people: BoardPerson[];
  generatedAt: DateTime;
}

export interface BoardOrganization {
  id: string;
  name: string;
  slug: string;
  /** A name of the IANA database. */
  timezone: string;
  /** The caller's. */
  role: "owner" | "dispatcher" | "technician" | "viewer" | "superuser";
}

export interface BoardColumn {
  status: "draft" | "scheduled" | "enRoute" | "onSite" | "completed" | "cancelled";
  /** How many orders there are, of which items has at most 200. */
  total: number;
  /** The earliest first; of what is completed or cancelled the latest. */
  items: BoardCard[];
}

export interface BoardCard {
  id: string;
  number: number;
  title: string;
  status: "draft" | "scheduled" | "enRoute" | "onSite" | "completed" | "cancelled";
  priority: "low" | "normal" | "high" | "urgent";
  /** The id of a user, empty for nobody. */
  assignee: string;
  site: BoardSite;
  scheduledStart: DateTime;
  scheduledEnd: DateTime;
  slaDueAt: DateTime;
  slaBreachedAt: DateTime;
  checklistDone: number;
  checklistTotal: number;
  updated: DateTime;
}

export interface BoardSite {
  id: string;
  name: string;
  address: string;
}

export interface BoardPerson {
  id: string;
  name: string;
  /** The name of a file of the user, empty for none. */
  avatar: string;
  role: "owner" | "dispatcher" | "technician" | "viewer";
  /** How many orders they have to do, whatever the board is narrowed to. */
  open: number;
}

export interface ErpSecret {
  /** Where the ERP sends its messages. */
  path: string;
  /** How long the secret before is still good, if there was one. */
  previousUntil?: string | null;
  /** Signs the messages, by Standard Webhooks. It is not shown again. */
  secret: string;
}

export interface OrganizationExport {
  organizations: Organization[];
  memberships: Membership[];
  /** The members. */
  users: User[];
  sites: Site[];
  work_orders: WorkOrder[];
  notes: Note[];
  photos: Photo[];
}

export interface NewInvitation {
  /** The address to invite. White space around it is removed. */
  email: string;
  /** What the invited person becomes. */
  role: "owner" | "dispatcher" | "technician" | "viewer";
}

export interface WorkOrderTransition {
  /** The status to move to. */
  to: "draft" | "scheduled" | "enRoute" | "onSite" | "completed" | "cancelled";
  /** Is kept as a note of the caller, together with the move or not at all. White space around it is removed. */
  note?: string;
}

// What follows is the same for every schema.

/** A moment in UTC as PocketBase writes it, "2026-01-31 08:30:00.000Z"; "" for none. */
export type DateTime = `${string} ${string}Z` | "";

/** What a request sets a date to; "" for none. */
export type DateInput = Date | string;

export interface GeoPoint {
  lon: number;
  lat: number;
}

/** A file to upload; the object with a uri is React Native's. */
export type Upload = Blob | { uri: string; name?: string; type?: string };

/**
 * What JSON fields and JSON in answers hold, by "collection.field". Say it once, beside this file:
 *
 *     declare module "./types.gen.ts" {
 *       interface JSONTypes { "work_orders.checklist": ChecklistItem[] | null }
 *     }
 */
export interface JSONTypes {}
export type JSONOf<K extends string> = K extends keyof JSONTypes ? JSONTypes[K] : unknown;

export type CollectionName = keyof Collections;
export type RecordOf<N extends CollectionName> = Collections[N]["record"];
export type CreateOf<N extends CollectionName> = Collections[N]["create"];
export type UpdateOf<N extends CollectionName> = Collections[N]["update"];

/** A record of a collection as `expand` and `fields` ask for it: `Expanded<"notes", "author,work_order.site">`. */
export type Expanded<N extends CollectionName, E extends string = "", F extends string = ""> = Shape<N, Paths<E>, Paths<F>>;

// Lists with commas and paths with dots.
type Trim<S extends string> = S extends ` ${infer R}` | `${infer R} ` ? Trim<R> : S;
type Split<S extends string> = S extends `${infer A},${infer B}` ? Trim<A> | Split<B> : Trim<S>;
type Plain<S extends string> = S extends `${infer A}:${string})${infer B}` ? Plain<`${A}${B}`> : S;
type Paths<S extends string> = Exclude<Split<Plain<S>>, "">;
type Heads<P extends string> = P extends `${infer H}.${string}` ? H : P;
type Tails<P extends string, H extends string> = P extends `${H}.${infer T}` ? T : never;

/**
 * What the columns of a collection are: "text", "number", "bool", "date", "json", "point" and "texts"; ["select", values]
 * and ["selects", values]; ["one", collection] and ["many", collection] for relations, ["viaOne", …] and ["viaMany", …]
 * for those that lead here.
 */
type Columns<N extends CollectionName> = Collections[N]["columns"];
type Leading = readonly ["one" | "many" | "viaOne" | "viaMany", CollectionName];
type Relations<N extends CollectionName> = { [K in keyof Columns<N> as Columns<N>[K] extends Leading ? K : never]: Columns<N>[K] };
type Target<R> = R extends readonly [string, infer T extends CollectionName] ? T : never;

type Shape<N extends CollectionName, P extends string, F extends string> = string extends P | F
  ? Partial<RecordOf<N>> & { expand?: { [H in keyof Relations<N>]?: unknown } }
  : [P] extends [never]
    ? Selected<RecordOf<N>, F>
    : Selected<RecordOf<N>, F> & Expansion<N, P, F>;

type Selected<R, F extends string> = [F] extends [never] ? R : "*" extends F ? R : Pick<R, Extract<keyof R, Heads<F>>>;

type Expansion<N extends CollectionName, P extends string, F extends string> = [F] extends [never]
  ? { expand?: { [H in Heads<P> & keyof Relations<N>]?: Related<Relations<N>[H], Tails<P, H>, never> } }
  : [OfExpand<F>] extends [never]
    ? unknown
    : {
        expand?: {
          [H in Heads<P> & keyof Relations<N> as [OfHead<OfExpand<F>, H>] extends [never] ? never : H]?: Related<
            Relations<N>[H],
            Tails<P, H>,
            OfHead<OfExpand<F>, H>
          >;
        };
      };

type OfExpand<F extends string> = F extends "*" | "expand" ? "*" : F extends `expand.${infer R}` ? R : never;
type OfHead<F extends string, H extends string> = F extends "*" | H ? "*" : F extends `${H}.${infer R}` ? R : never;

type Related<R, P extends string, F extends string> = R extends readonly ["one" | "viaOne", infer T extends CollectionName]
  ? Shape<T, P, F>
  : Shape<Target<R>, P, F>[];

// What is wrong with a list, never if nothing is. A wrong list has the type of
// which the compiler says that nothing can be assigned to it.
type Refuse<Wrong> = [Wrong] extends [never] ? unknown : { readonly unknown: Wrong };
type CheckExpand<N extends CollectionName, E extends string> = string extends E ? unknown : Refuse<WrongExpand<N, Paths<E>>>;
type WrongExpand<N extends CollectionName, P extends string> = P extends `${infer H}.${infer T}`
  ? H extends keyof Relations<N>
    ? WrongExpand<Target<Relations<N>[H]>, T>
    : P
  : P extends keyof Relations<N>
    ? never
    : P;
type CheckFields<N extends CollectionName, F extends string> = string extends F ? unknown : Refuse<WrongFields<N, Paths<F>>>;
type WrongFields<N extends CollectionName, P extends string> = P extends "*" | "expand" | "expand.*"
  ? never
  : P extends `expand.${infer T}`
    ? WrongExpanded<N, T>
    : Heads<P> extends keyof RecordOf<N>
      ? never
      : P;
type WrongExpanded<N extends CollectionName, P extends string> = Heads<P> extends infer H extends keyof Relations<N> & string
  ? P extends H
    ? never
    : WrongFields<Target<Relations<N>[H]>, Tails<P, H>>
  : P;
type CheckSort<N extends CollectionName, S extends string> = string extends S ? unknown : Refuse<WrongSort<N, Unsigned<Paths<S>>>>;
type Unsigned<P extends string> = P extends `-${infer R}` | `+${infer R}` ? R : P;
type WrongSort<N extends CollectionName, P extends string> = P extends "@random" | "@rowid" | (keyof RecordOf<N> & keyof Columns<N> & string)
  ? never
  : P extends `${infer H}.${infer T}`
    ? H extends keyof Relations<N>
      ? WrongSort<Target<Relations<N>[H]>, T>
      : H extends keyof Columns<N>
        ? Columns<N>[H] extends "json" | "point"
          ? never
          : P
        : P
    : P;

// The SDK's options without its leave to add members of any name, by which a
// misspelt one would go unnoticed.
type Known<T> = { [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K] };

export interface OneOptions<N extends CollectionName, E extends string, F extends string> extends Known<RecordOptions> {
  /** Relations to send along, "site,assignee" or "work_order.site". */
  expand?: E & CheckExpand<N, E>;
  /** Fields to send, "id,title,expand.site.name"; all if there is none. */
  fields?: F & CheckFields<N, F>;
}

export interface ListOptions<N extends CollectionName, E extends string, F extends string, S extends string>
  extends Known<RecordListOptions> {
  expand?: E & CheckExpand<N, E>;
  fields?: F & CheckFields<N, F>;
  /** "-created,title" */
  sort?: S & CheckSort<N, S>;
  /** Made by `filter`, or a text of your own. */
  filter?: Filter<N>;
}

export interface FullListOptions<N extends CollectionName, E extends string, F extends string, S extends string>
  extends ListOptions<N, E, F, S> {
  /** How many records to get at once. */
  batch?: number;
}

export interface WatchOptions<N extends CollectionName, E extends string, F extends string> extends Known<RecordSubscribeOptions> {
  expand?: E & CheckExpand<N, E>;
  fields?: F & CheckFields<N, F>;
  filter?: Filter<N>;
}

/** What a subscription is told. */
export interface RecordChange<T> {
  action: "create" | "update" | "delete";
  record: T;
}

/** What can be done with the records of any collection. */
export interface ReadService<N extends CollectionName> extends RecordService<any> {
  getOne(id: string): Promise<RecordOf<N>>;
  getOne<E extends string = "", F extends string = "">(id: string, options: OneOptions<N, E, F>): Promise<Expanded<N, E, F>>;

  getList(page?: number, perPage?: number): Promise<ListResult<RecordOf<N>>>;
  getList<E extends string = "", F extends string = "", S extends string = "">(
    page: number | undefined,
    perPage: number | undefined,
    options: ListOptions<N, E, F, S>,
  ): Promise<ListResult<Expanded<N, E, F>>>;

  getFullList(): Promise<RecordOf<N>[]>;
  getFullList<E extends string = "", F extends string = "", S extends string = "">(
    options: FullListOptions<N, E, F, S>,
  ): Promise<Expanded<N, E, F>[]>;
  getFullList<E extends string = "", F extends string = "", S extends string = "">(
    batch: number,
    options?: ListOptions<N, E, F, S>,
  ): Promise<Expanded<N, E, F>[]>;

  getFirstListItem(filter: Filter<N>): Promise<RecordOf<N>>;
  getFirstListItem<E extends string = "", F extends string = "", S extends string = "">(
    filter: Filter<N>,
    options: ListOptions<N, E, F, S>,
  ): Promise<Expanded<N, E, F>>;
}

/** What can be done with the records of a collection that is no view. */
export interface WriteService<N extends CollectionName> extends ReadService<N> {
  create(body: CreateOf<N> | FormData): Promise<RecordOf<N>>;
  create<E extends string = "", F extends string = "">(
    body: CreateOf<N> | FormData,
    options: OneOptions<N, E, F>,
  ): Promise<Expanded<N, E, F>>;

  update(id: string, body: UpdateOf<N> | FormData): Promise<RecordOf<N>>;
  update<E extends string = "", F extends string = "">(
    id: string,
    body: UpdateOf<N> | FormData,
    options: OneOptions<N, E, F>,
  ): Promise<Expanded<N, E, F>>;

  subscribe(topic: string, callback: (change: RecordChange<RecordOf<N>>) => void): Promise<UnsubscribeFunc>;
  subscribe<E extends string = "", F extends string = "">(
    topic: string,
    callback: (change: RecordChange<Expanded<N, E, F>>) => void,
    options: WatchOptions<N, E, F>,
  ): Promise<UnsubscribeFunc>;
}

/** A collection whose records do not sign in. */
export interface BaseService<N extends CollectionName> extends WriteService<N> {
  listAuthMethods: never;
  authWithPassword: never;
  authWithOAuth2: never;
  authWithOAuth2Code: never;
  authWithOTP: never;
  authRefresh: never;
  requestOTP: never;
  requestPasswordReset: never;
  confirmPasswordReset: never;
  requestVerification: never;
  confirmVerification: never;
  requestEmailChange: never;
  confirmEmailChange: never;
  impersonate: never;
}

/** A view, which is only read. Nobody is told of its changes. */
export interface ViewService<N extends CollectionName> extends ReadService<N> {
  create: never;
  update: never;
  delete: never;
  subscribe: never;
  listAuthMethods: never;
  authWithPassword: never;
  authWithOAuth2: never;
  authWithOAuth2Code: never;
  authWithOTP: never;
  authRefresh: never;
  requestOTP: never;
  requestPasswordReset: never;
  confirmPasswordReset: never;
  requestVerification: never;
  confirmVerification: never;
  requestEmailChange: never;
  confirmEmailChange: never;
  impersonate: never;
}

/** The answer to a sign-in. */
export interface SignedIn<T> {
  token: string;
  record: T;
  meta?: { [name: string]: any };
}

/** A collection whose records sign in. */
export interface AuthService<N extends CollectionName> extends WriteService<N> {
  authWithPassword(identity: string, password: string): Promise<SignedIn<RecordOf<N>>>;
  authWithPassword<E extends string = "", F extends string = "">(
    identity: string,
    password: string,
    options: OneOptions<N, E, F>,
  ): Promise<SignedIn<Expanded<N, E, F>>>;

  authRefresh(): Promise<SignedIn<RecordOf<N>>>;
  authRefresh<E extends string = "", F extends string = "">(options: OneOptions<N, E, F>): Promise<SignedIn<Expanded<N, E, F>>>;

  authWithOTP(otpId: string, password: string): Promise<SignedIn<RecordOf<N>>>;
  authWithOTP<E extends string = "", F extends string = "">(
    otpId: string,
    password: string,
    options: OneOptions<N, E, F>,
  ): Promise<SignedIn<Expanded<N, E, F>>>;

  authWithOAuth2(options: Omit<Known<OAuth2AuthConfig>, "createData"> & { createData?: Partial<CreateOf<N>> }): Promise<SignedIn<RecordOf<N>>>;
  authWithOAuth2(options: never): never;

  authWithOAuth2Code(
    provider: string,
    code: string,
    codeVerifier: string,
    redirectURL: string,
    createData?: Partial<CreateOf<N>>,
    options?: Known<RecordOptions>,
  ): Promise<SignedIn<RecordOf<N>>>;
  authWithOAuth2Code(provider: never): never;
}

type NameOf<K> = { [N in CollectionName]: Collections[N]["kind"] extends K ? N : never }[CollectionName];
/** The collections whose records sign in. */
export type AuthCollectionName = NameOf<"auth">;
/** The collections with records that can be made and changed: all but views. */
export type WritableName = NameOf<"auth" | "base">;

type ServiceOf<N extends CollectionName> = Collections[N]["kind"] extends "auth"
  ? AuthService<N>
  : Collections[N]["kind"] extends "view"
    ? ViewService<N>
    : BaseService<N>;

/** The service of each collection. */
export type Services = { [N in CollectionName]: ServiceOf<N> };

export interface TypedSubBatch<N extends CollectionName> extends SubBatchService {
  create(body: CreateOf<N> | FormData, options?: Known<RecordOptions>): void;
  update(id: string, body: UpdateOf<N> | FormData, options?: Known<RecordOptions>): void;
  upsert(body: (CreateOf<N> & { id: string }) | FormData, options?: Known<RecordOptions>): void;
}

export interface TypedBatch extends BatchService {
  collection<N extends WritableName>(name: N): TypedSubBatch<N>;
}

export interface TypedAuthStore extends BaseAuthStore {
  get record(): { [N in AuthCollectionName]: RecordOf<N> }[AuthCollectionName] | null;
}

/** The SDK's client with the types of this backend: `new PocketBase(url) as TypedPocketBase`. */
export interface TypedPocketBase extends PocketBase {
  authStore: TypedAuthStore;
  collection<N extends CollectionName>(name: N): Services[N];
  createBatch(): TypedBatch;
}

// Filters.

/** A filter for a collection: a text, which the SDK takes as it is. */
export type Filter<N extends CollectionName = any> = string & { readonly of?: N };

/** A value that a filter compares with: one of a field or of the clock. */
export interface Term<T> {
  readonly holds?: T;
}
type Operand<T> = T | Term<T>;

interface Equality<N extends CollectionName, T> extends Term<T> {
  eq(value: Operand<T> | null): Filter<N>;
  ne(value: Operand<T> | null): Filter<N>;
}
interface Order<N extends CollectionName, T> extends Equality<N, T> {
  gt(value: Operand<T>): Filter<N>;
  gte(value: Operand<T>): Filter<N>;
  lt(value: Operand<T>): Filter<N>;
  lte(value: Operand<T>): Filter<N>;
}
interface Match<N extends CollectionName, T> extends Order<N, T> {
  /** Has the text in it, in small letters or capitals. With a % in it, it is a pattern for the whole. */
  like(value: Operand<T> | string): Filter<N>;
  unlike(value: Operand<T> | string): Filter<N>;
}
interface Listed<N extends CollectionName, T> {
  in(values: readonly T[]): Filter<N>;
  notIn(values: readonly T[]): Filter<N>;
}

type Scalar = string | number | boolean;
type Day = `${number}-${number}-${number}`;
type OfText<N extends CollectionName, T extends string = string> = Match<N, T> &
  Listed<N, T> & {
    /** The text in small letters. */
    readonly lower: Match<N, string> & Listed<N, string>;
  };
type OfNumber<N extends CollectionName> = Order<N, number> & Listed<N, number>;
type OfDate<N extends CollectionName> = Match<N, Date | DateTime | Day> & Listed<N, Date | DateTime | Day>;
type OfJSON<N extends CollectionName> = Match<N, Scalar> &
  Listed<N, Scalar> & {
    /** What is at a path in it: `at("slaHours.low")`. */
    at(path: string): Match<N, Scalar> & Listed<N, Scalar>;
  };
type OfPoint<N extends CollectionName> = { readonly lon: OfNumber<N>; readonly lat: OfNumber<N> };
/** Many values: a filter says whether it means some of them or every one. */
type OfList<N extends CollectionName, T extends string> = {
  /** How many there are. */
  readonly length: OfNumber<N>;
  /** Whether the value is among them. */
  has(value: Operand<T>): Filter<N>;
  readonly some: Match<N, T> & Listed<N, T>;
  readonly every: Match<N, T> & Listed<N, T>;
};
/** What a relation to one record leads to. */
type ToOne<N extends CollectionName, C extends CollectionName> = {
  readonly to: FieldsOf<N, C>;
};
/** What a relation to many records leads to: a filter says whether it means any of them or all. */
type ToMany<N extends CollectionName, C extends CollectionName> = {
  readonly any: FieldsOf<N, C>;
  readonly all: FieldsOf<N, C>;
};
type FieldsOf<N extends CollectionName, C extends CollectionName> = {
  // what begins with a digit is no name in a filter
  readonly [K in keyof Columns<C> as K extends `${number}${string}` ? never : K]: FieldOf<N, Columns<C>[K]>;
};
type FieldOf<N extends CollectionName, K> = K extends "text"
  ? OfText<N>
  : K extends "number"
    ? OfNumber<N>
    : K extends "bool"
      ? Equality<N, boolean>
      : K extends "date"
        ? OfDate<N>
        : K extends "json"
          ? OfJSON<N>
          : K extends "point"
            ? OfPoint<N>
            : K extends "texts"
              ? OfList<N, string>
              : K extends readonly ["select", infer T extends string]
                ? OfText<N, T | "">
                : K extends readonly ["selects", infer T extends string]
                  ? OfList<N, T>
                  : K extends readonly ["one", infer C extends CollectionName]
                    ? OfText<N> & ToOne<N, C>
                    : K extends readonly ["many", infer C extends CollectionName]
                      ? Pick<OfList<N, string>, "has" | "length"> & ToMany<N, C>
                      : K extends readonly ["viaOne", infer C extends CollectionName]
                        ? ToOne<N, C>
                        : K extends readonly ["viaMany", infer C extends CollectionName]
                          ? ToMany<N, C>
                          : never;

type Part<N extends CollectionName> = Filter<N> | "" | false | null | undefined;

/**
 * Makes filters from the fields of a collection. Values are escaped.
 *
 *     filter.posts((f) => and(f.status.eq("draft"), f.author.to.name.like("ada"), f.tags.has("go")))
 *
 * Where there can be many values or records, it says which it means: `f.comments_via_post.any.approved.eq(true)`.
 */
export const filter = new Proxy({}, { get: () => (build: (fields: unknown) => Part<any>) => build(fieldsAt("", "")) || "" }) as {
  readonly [N in CollectionName]: (build: (fields: FieldsOf<N, N>) => Part<N>) => Filter<N>;
};

/** All of them; those that are false, undefined or "" are left out. */
export function and<N extends CollectionName>(...parts: Part<N>[]): Filter<N> {
  return join(parts, " && ");
}

/** At least one of them; those that are false, undefined or "" are left out. */
export function or<N extends CollectionName>(...parts: Part<N>[]): Filter<N> {
  return join(parts, " || ");
}

/** Moments and their parts by the clock of the server, in UTC. */
export const clock = new Proxy({}, { get: (_, name) => new Path("@" + String(name)) }) as {
  readonly [K in "now" | "yesterday" | "tomorrow" | "todayStart" | "todayEnd" | "monthStart" | "monthEnd" | "yearStart" | "yearEnd"]: Term<Date | DateTime | Day>;
} & { readonly [K in "second" | "minute" | "hour" | "day" | "weekday" | "month" | "year"]: Term<number> };

/** How far it is between two points, in kilometers. */
export function distance<N extends CollectionName>(from: OfPoint<N>, to: GeoPoint | OfPoint<N>): OfNumber<N> {
  return new Path(`geoDistance(${[from.lon, from.lat, to.lon, to.lat].map(literal).join(", ")})`) as unknown as OfNumber<N>;
}

/** A moment as text, in SQLite's format: `format(f.created, "%Y-%m")`. */
export function format<N extends CollectionName>(moment: OfDate<N>, pattern: string): OfText<N> {
  return new Path(`strftime(${literal(pattern)}, ${literal(moment)})`) as unknown as OfText<N>;
}

function join(parts: Part<any>[], by: string): string {
  const present = parts.filter((part): part is string => !!part);
  return present.length === 1 ? present[0]! : present.map((part) => (/&&|\|\|/.test(part) ? `(${part})` : part)).join(by);
}

function fieldsAt(prefix: string, mark: Mark): unknown {
  return new Proxy({}, { get: (_, key) => (typeof key === "string" ? new Path(prefix + name(key), mark) : undefined) });
}

function name(text: string): string {
  if (!/^\w+(\.\w+)*$/.test(text)) throw new RangeError(`${text} is no name in a filter`);
  return text;
}

function literal(value: unknown): string {
  if (value instanceof Path) return value.path;
  if (value === null || typeof value === "boolean") return String(value);
  if (value instanceof Date) return literal(value.toISOString().replace("T", " "));
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new RangeError(`${value} cannot be in a filter`);
    // without an exponent, which filters do not know
    if (!/e/.test(String(value))) return String(value);
    return Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(20);
  }
  if (typeof value !== "string") throw new RangeError(`${value === undefined ? "undefined" : `a value of the type ${typeof value}`} cannot be in a filter`);
  if (value.includes("\0")) throw new RangeError("a null character cannot be in a filter");
  return `'${value.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
}

/** How a comparison takes many values: any of them, all of them, or there is but one. */
type Mark = "any" | "all" | "";

class Path {
  readonly path: string;
  private readonly mark: Mark;

  constructor(path: string, mark: Mark = "") {
    this.path = path;
    this.mark = mark;
  }

  eq(value: unknown): string { return this.compare("=", value); }
  ne(value: unknown): string { return this.compare("!=", value); }
  gt(value: unknown): string { return this.compare(">", value); }
  gte(value: unknown): string { return this.compare(">=", value); }
  lt(value: unknown): string { return this.compare("<", value); }
  lte(value: unknown): string { return this.compare("<=", value); }
  like(value: unknown): string { return this.compare("~", value); }
  unlike(value: unknown): string { return this.compare("!~", value); }
  in(values: readonly unknown[]): string {
    if (this.mark === "all" && values.length > 1) throw new RangeError(`${this.path}: a filter cannot say that all are among several values`);
    return values.length ? or(...values.map((value) => this.eq(value))) : "1 = 2";
  }
  notIn(values: readonly unknown[]): string { return values.length ? and(...values.map((value) => this.ne(value))) : "1 = 1"; }
  has(value: unknown): string { return this.some.eq(value); }
  get to(): unknown { return fieldsAt(this.path + ".", this.mark); }
  get any(): unknown { return fieldsAt(this.path + ".", this.marked("any")); }
  get all(): unknown { return fieldsAt(this.path + ".", this.marked("all")); }
  get some(): Path { return new Path(this.path + ":each", this.marked("any")); }
  get every(): Path { return new Path(this.path + ":each", this.marked("all")); }
  get length(): Path { return new Path(this.path + ":length", this.mark); }
  get lower(): Path { return new Path(this.path + ":lower", this.mark); }
  get lon(): Path { return new Path(this.path + ".lon", this.mark); }
  get lat(): Path { return new Path(this.path + ".lat", this.mark); }
  at(path: string): Path { return new Path(`${this.path}.${name(path)}`, this.mark); }

  private marked(mark: Mark): Mark {
    if (this.mark && this.mark !== mark) throw new RangeError(`${this.path}: a filter cannot say "any" of one and "all" of another`);
    return mark;
  }

  private compare(operator: string, value: unknown): string {
    return `${this.path} ${this.mark === "any" ? "?" : ""}${operator} ${literal(value)}`;
  }
}

// Routes.

export interface RouteOptions extends Known<SendOptions> {
  /** Sent as Idempotency-Key: the same request with it again, after a lost answer, is carried out once. */
  idempotencyKey?: string;
}

/** For routes that answer with a record. */
export interface RecordRouteOptions<N extends CollectionName, E extends string> extends RouteOptions {
  expand?: E & CheckExpand<N, E>;
}

type Params = { [name: string]: unknown } | undefined;

/** A value as a part of a path, which must not lead elsewhere. */
function segment(value: unknown): string {
  if (value === undefined || value === null || value === "" || value === "." || value === "..") throw new RangeError(`"${value}" cannot be a part of a path`);
  return encodeURIComponent(String(value));
}

async function call<T>(pb: PocketBase, method: string, path: string, params: Params, inHeader: string[], body?: unknown, options?: RouteOptions): Promise<T> {
  const { idempotencyKey, query, headers, ...rest }: RouteOptions = options ?? {};
  const all = { ...params, ...query };
  const sent: { [name: string]: string } = { ...(headers as { [name: string]: string }) };
  if (idempotencyKey) sent["Idempotency-Key"] = idempotencyKey;
  const url = path.replace(/\{(\w+)(\.\.\.)?\}/g, (_, name: string, tail) => {
    const value = all[name];
    delete all[name];
    return tail ? String(value).split("/").map(segment).join("/") : segment(value);
  });
  for (const name of inHeader) {
    if (all[name] !== undefined) sent[name] = String(all[name]);
    delete all[name];
  }
  const send: SendOptions = { ...rest, method, query: all, headers: sent };
  if (body !== undefined) send.body = body as BodyInit;
  return pb.send<T>(url, send);
}

/** For answers that are no JSON, which the SDK would read as such. It still refuses what the server refuses. */
async function download(pb: PocketBase, method: string, path: string, params: Params, inHeader: string[], body?: unknown, options?: RouteOptions): Promise<Response> {
  let answer: Response | undefined;
  const get = options?.fetch ?? fetch;
  await call(pb, method, path, params, inHeader, body, {
    ...options,
    fetch: async (url, init) => {
      const response = await get(url, init);
      if (!response.ok) return response;
      answer = response;
      return new Response(null, { status: 204 });
    },
  });
  return answer!;
}

/** The routes of this backend besides those of collections: `api(pb).group.route(params, body, options)`. */
export function api(pb: PocketBase) {
  return {
    invitations: {
      /** Accept an invitation. Makes the caller a member, who is signed in with the invited address. Without a token, it makes an account for the address as well and signs in to it; `password` and `passwordConfirm` are needed then. Accepting again changes nothing. */
      accept: (body: InvitationAcceptance, options?: RouteOptions): Promise<AcceptedInvitation> =>
        call(pb, "POST", "/api/v1/invitations/accept", undefined, [], body, options),
      /** See what an invitation is about. */
      preview: (body: InvitationToken, options?: RouteOptions): Promise<InvitationPreview> =>
        call(pb, "POST", "/api/v1/invitations/preview", undefined, [], body, options),
    },
    organizations: {
      /** Tell of an order, as an ERP. Creates a draft of the order, once for each `webhook-id`. The answer says that the message is stored; what is wrong with its body is for the inbox of the operator. */
      erpMessage: (params: { organization: string; "webhook-id": string; "webhook-signature": string; "webhook-timestamp": string }, body: ErpMessage, options?: RouteOptions): Promise<void> =>
        call(pb, "POST", "/api/v1/hooks/erp/{organization}", params, ["webhook-id", "webhook-signature", "webhook-timestamp"], body, options),
      /** View the orders of an organization by status. For the office and for viewers. Technicians have the list of work orders, which shows them their own. */
      board: (params: { id: string; assignee?: string; from?: string; priority?: "low" | "normal" | "high" | "urgent"; q?: string; to?: string }, options?: RouteOptions): Promise<Board> =>
        call(pb, "GET", "/api/v1/organizations/{id}/board", params, [], undefined, options),
      /** Disconnect the ERP of an organization. No message of it is accepted any more. */
      revokeERPSecret: (params: { id: string }, options?: RouteOptions): Promise<void> =>
        call(pb, "DELETE", "/api/v1/organizations/{id}/erp-secret", params, [], undefined, options),
      /** Connect the ERP of an organization. Makes a secret for it. One that there was before is still good for a day. */
      rotateERPSecret: (params: { id: string }, options?: RouteOptions): Promise<ErpSecret> =>
        call(pb, "POST", "/api/v1/organizations/{id}/erp-secret", params, [], undefined, options),
      /** Export an organization. As JSON the rows of each collection, without files. As CSV the work orders, one a row, with the columns `number`, `title`, `description`, `status`, `priority`, `site`, `address`, `assignee`, `scheduledStart`, `scheduledEnd`, `startedAt`, `completedAt`, `slaDueAt`, `slaBreachedAt`, `created`, `id`; cells that a spreadsheet would take for a formula begin with an apostrophe. It is one state of the database, as a file to save. It is complete if it ends properly: the connection is cut when the export fails on the way. */
      export: (params: { id: string; format?: "json" | "csv" }, options?: RouteOptions): Promise<Response> =>
        download(pb, "GET", "/api/v1/organizations/{id}/export", params, [], undefined, options),
      /** Invite somebody to an organization. Mails a link with a token, which holds for 7 days and for the address. Nobody else gets to see the token, and nothing of it is stored. */
      invite: (params: { id: string }, body: NewInvitation, options?: RouteOptions): Promise<void> =>
        call(pb, "POST", "/api/v1/organizations/{id}/invitations", params, [], body, options),
    },
    push: {
      /** List one's own devices. Without their tokens, the one seen last first. */
      getDevices: (options?: RouteOptions): Promise<DeviceList> =>
        call(pb, "GET", "/api/push/devices", undefined, [], undefined, options),
      /** Register a device. At every start of the app, and when its token changes. A token belongs to who registered it last. Of too many devices of a user, those that were not seen for longest go. */
      devices: (body?: DeviceBody, options?: RouteOptions): Promise<Device> =>
        call(pb, "POST", "/api/push/devices", undefined, [], body ?? {}, options),
      /** Forget a device by its token. Before signing out. It is done also if there is none such, or it is somebody else's and stays. */
      devicesForget: (body?: ForgetBody, options?: RouteOptions): Promise<void> =>
        call(pb, "POST", "/api/push/devices/forget", undefined, [], body ?? {}, options),
      /** Forget a device. It is done also if there is none such, or it is somebody else's and stays. */
      deleteDevices: (params: { id: string }, options?: RouteOptions): Promise<void> =>
        call(pb, "DELETE", "/api/push/devices/{id}", params, [], undefined, options),
      /** Say which number the app's icon has. When the app was opened. */
      putDevicesBadge: (params: { id: string }, body: BadgeBody, options?: RouteOptions): Promise<Device> =>
        call(pb, "PUT", "/api/push/devices/{id}/badge", params, [], body, options),
      /** Unsubscribe a device from a topic. */
      deleteDevicesTopics: (params: { id: string; topic: string }, options?: RouteOptions): Promise<Device> =>
        call(pb, "DELETE", "/api/push/devices/{id}/topics/{topic}", params, [], undefined, options),
      /** Subscribe a device to a topic. It can have 100. */
      putDevicesTopics: (params: { id: string; topic: string }, options?: RouteOptions): Promise<Device> =>
        call(pb, "PUT", "/api/push/devices/{id}/topics/{topic}", params, [], undefined, options),
      /** Tell that a notification was shown or opened. For everybody who was sent one: its id is proof enough, as a service worker has no token of its user. */
      receipts: (body: ReceiptBody, options?: RouteOptions): Promise<void> =>
        call(pb, "POST", "/api/push/receipts", undefined, [], body, options),
      /** Get the key for Web Push. What `PushManager.subscribe` of a browser takes as `applicationServerKey`. There is none if the server does not use Web Push. */
      getVapidKey: (options?: RouteOptions): Promise<VapidKey> =>
        call(pb, "GET", "/api/push/vapid-key", undefined, [], undefined, options),
    },
    workOrders: {
      /** Move an order to another status. The office makes every move that there is, and the assigned technician those from `scheduled` over `enRoute` and `onSite` to `completed`. An order that has the status already stays as it is, so that a request can be repeated. */
      transition: <E extends string = "">(params: { id: string }, body: WorkOrderTransition, options?: RecordRouteOptions<"work_orders", E>): Promise<Expanded<"work_orders", E>> =>
        call(pb, "POST", "/api/v1/work-orders/{id}/transition", params, [], body, options),
    },
  };
}
