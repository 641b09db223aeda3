import type { Orders, Stop } from "../data/contract.ts";
import { failureOf, type Failure } from "../data/errors.ts";
import type { BoardFilter, Card, Change, Person, Status, WorkOrder } from "../data/types.ts";
import { columnsOf, merge, openOf, stateOf, type BoardState, type Column } from "../domain/board.ts";

/** Changes that arrive in a burst ask for one reading of the board. */
const RELOAD_AFTER = 400;
/** The people's counts may lag behind a little. */
const RECOUNT_AFTER = 5000;

/**
 * The board of one organization, kept current: what the server answered,
 * changes merged into it as they happen, and the user's own moves laid over it
 * until the server has confirmed or refused them.
 */
export class BoardModel {
  people: Person[] = [];
  failure: Failure | undefined;

  private state: BoardState | undefined;
  private readonly pending = new Map<number, { id: string; patch: Partial<Card> }>();
  /** What was heard while an answer was on its way, and may be missing in it. */
  private heard: Change<WorkOrder>[] = [];
  private request = 0;
  private mutations = 0;
  private reloading: ReturnType<typeof setTimeout> | undefined;
  private reloadAt = Infinity;
  private readonly orders: Orders;
  private readonly organization: { id: string; timezone: string };
  private filter: BoardFilter;
  private readonly changed: () => void;

  constructor(orders: Orders, organization: { id: string; timezone: string }, filter: BoardFilter, changed: () => void) {
    this.orders = orders;
    this.organization = organization;
    this.filter = filter;
    this.changed = changed;
  }

  /** Reads the board and follows it until stopped. */
  start(): Stop {
    const stop = this.orders.watchOrganization(this.organization.id, {
      sync: () => void this.load(),
      changed: (change) => this.hear(change),
    });
    return () => {
      stop();
      clearTimeout(this.reloading);
      this.request++;
    };
  }

  /** undefined until the first answer. */
  get columns(): Column[] | undefined {
    return this.state && columnsOf(this.state, this.pending.values());
  }

  /** How many orders each person has to do, "" for nobody; absent where it is not known. */
  get open(): ReadonlyMap<string, number> {
    return this.state ? openOf(this.state, this.pending.values()) : new Map();
  }

  /** The cards with changes that the server has not confirmed. */
  get unconfirmed(): ReadonlySet<string> {
    return new Set([...this.pending.values()].map(({ id }) => id));
  }

  /** Those who can be given orders, by name. */
  get technicians(): Person[] {
    return this.people.filter(({ role }) => role === "technician").sort((a, b) => a.name.localeCompare(b.name));
  }

  setFilter(filter: BoardFilter): void {
    this.filter = filter;
    void this.load();
  }

  async load(): Promise<void> {
    const mine = ++this.request;
    clearTimeout(this.reloading);
    this.reloadAt = Infinity;
    this.heard = [];
    try {
      const board = await this.orders.board(this.organization.id, this.filter);
      if (mine !== this.request) return;
      this.people = board.people;
      this.failure = undefined;
      this.state = stateOf(board, this.filter);
      for (const change of this.heard) this.apply(change);
    } catch (error) {
      if (mine !== this.request) return;
      this.failure = failureOf(error);
    }
    this.changed();
  }

  /** Takes in an order that the server has just answered with. */
  put(record: WorkOrder): void {
    this.hear({ action: "update", record });
  }

  /** Moves an order. Rejects with the server's refusal, the card back in its place. */
  move(id: string, to: Status): Promise<void> {
    return this.optimistically(id, { status: to }, () => this.orders.move(id, to));
  }

  /** Gives an order to a person, "" for nobody. */
  assign(id: string, assignee: string): Promise<void> {
    return this.optimistically(id, { assignee }, () => this.orders.plan(id, { assignee }));
  }

  private async optimistically(id: string, patch: Partial<Card>, send: () => Promise<WorkOrder>): Promise<void> {
    const key = ++this.mutations;
    this.pending.set(key, { id, patch });
    this.changed();
    try {
      const record = await send();
      this.pending.delete(key);
      this.put(record);
    } catch (error) {
      this.pending.delete(key);
      this.changed();
      throw failureOf(error);
    }
  }

  private hear(change: Change<WorkOrder>): void {
    this.heard.push(change);
    this.apply(change);
    this.changed();
  }

  private apply(change: Change<WorkOrder>): void {
    if (!this.state) return;
    this.state = merge(this.state, change, this.filter, this.organization.timezone);
    if (this.state.stale) this.reloadIn(RELOAD_AFTER);
    else if (this.state.uncounted) this.reloadIn(RECOUNT_AFTER);
  }

  /** Reads the board in a while, unless it will be read sooner. */
  private reloadIn(milliseconds: number): void {
    const at = Date.now() + milliseconds;
    if (at >= this.reloadAt) return;
    clearTimeout(this.reloading);
    this.reloadAt = at;
    this.reloading = setTimeout(() => void this.load(), milliseconds);
  }
}
