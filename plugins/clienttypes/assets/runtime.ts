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
