import type { Orders } from "../data/contract.ts";
import { failureOf, type Failure } from "../data/errors.ts";
import type { Status, WorkOrder } from "../data/types.ts";
import { withDone } from "../domain/checklist.ts";
import { STATUS_LABEL } from "../domain/status.ts";

/**
 * Something that the user wants of an order. It says what is to change and not
 * what the order is to be, so that it can be asked for again after others have changed the rest.
 */
export type Wish =
  | { kind: "move"; to: Status }
  | { kind: "assign"; person: string }
  | { kind: "check"; item: string; done: boolean };

/** Where sentences for the user go. */
export interface Reports {
  done(text: string): void;
  refused(text: string): void;
}

/**
 * One order with the user's own unconfirmed changes in it. They show at once and
 * go to the server one after the other. A refused one is taken back; when there is no
 * answer, it and those behind it wait until they are asked for again or given up.
 */
export class PendingOrder {
  /** What the server said last. */
  base: WorkOrder | undefined;
  /** Why the changes wait, undefined while they do not. */
  failure: Failure | undefined;
  /** Told of each version that comes from the server. */
  onRecord: ((record: WorkOrder) => void) | undefined;

  private wishes: Wish[] = [];
  private sending = false;
  private readonly orders: Orders;
  private readonly id: string;
  private readonly reports: Reports;
  private readonly changed: () => void;

  constructor(orders: Orders, id: string, reports: Reports, changed: () => void) {
    this.orders = orders;
    this.id = id;
    this.reports = reports;
    this.changed = changed;
  }

  /** How many changes the server has not confirmed. */
  get size(): number {
    return this.wishes.length;
  }

  /** The order as the user wants it, undefined until it is known. */
  get order(): WorkOrder | undefined {
    return this.base && this.wishes.reduce(granted, this.base);
  }

  /** Takes in a version of the order, unless a newer one is known. */
  put(record: WorkOrder): void {
    const old = this.base;
    if (!old || old.updated <= record.updated) this.base = { ...record, expand: record.expand ?? old?.expand ?? {} };
    this.onRecord?.(record);
    this.changed();
  }

  want(wish: Wish): void {
    this.wishes.push(wish);
    void this.send();
  }

  /** Sends what waits. */
  retry(): void {
    void this.send();
  }

  /** Gives up what waits; a change that is on its way is not called back. */
  discard(): void {
    this.wishes.splice(this.sending ? 1 : 0);
    this.failure = undefined;
    this.changed();
  }

  private async send(): Promise<void> {
    this.changed();
    if (this.sending) return;
    this.sending = true;
    let stale = this.failure !== undefined;
    this.failure = undefined;
    for (let wish = this.wishes[0]; wish && !this.failure; wish = this.wishes[0]) {
      try {
        // What others did during the break may not have been heard.
        if (stale) this.put(await this.orders.find(this.id));
        stale = false;
        const record = await this.ask(wish);
        this.wishes.shift();
        this.put(record);
        if (wish.kind !== "check") this.reports.done(wish.kind === "move" ? `Now: ${STATUS_LABEL[wish.to]}.` : "Assignee changed.");
      } catch (error) {
        const failure = failureOf(error);
        // Signing in again makes an expired sign-in good, so it is no refusal.
        if (failure.transient || failure.status === 401) {
          this.failure = failure;
        } else {
          this.wishes.shift();
          this.reports.refused(failure.sentence);
        }
      }
      this.changed();
    }
    this.sending = false;
    this.changed();
  }

  private ask(wish: Wish): Promise<WorkOrder> {
    switch (wish.kind) {
      case "move":
        return this.orders.move(this.id, wish.to);
      case "assign":
        return this.orders.plan(this.id, { assignee: wish.person });
      case "check":
        return this.orders.setChecklist(this.id, withDone(this.base?.checklist ?? [], wish.item, wish.done));
    }
  }
}

function granted(order: WorkOrder, wish: Wish): WorkOrder {
  switch (wish.kind) {
    case "move":
      return { ...order, status: wish.to };
    case "assign":
      return { ...order, assignee: wish.person };
    case "check":
      return { ...order, checklist: withDone(order.checklist ?? [], wish.item, wish.done) };
  }
}
