import type { Orders, PhotoShelf, Stop } from "../data/contract.ts";
import type { WorkOrder } from "../data/types.ts";
import { PendingOrder, type Reports } from "./pending.ts";
import { PhotoQueue } from "./photo-queue.ts";
import { shrink } from "./shrink.ts";

/**
 * What a user did that the server has not confirmed, for all orders. It is held
 * above the screens, so that leaving one loses nothing.
 */
export class Outbox {
  readonly photos: PhotoQueue;

  private readonly pending = new Map<string, PendingOrder>();
  private readonly followed = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private readonly orders: Orders;
  private readonly reports: Reports;

  constructor(orders: Orders, shelf: PhotoShelf, reports: Reports) {
    this.orders = orders;
    this.reports = reports;
    this.photos = new PhotoQueue(orders, shelf, shrink, () => this.changed());
    this.photos.onArrival(() => reports.done("Photo saved."));
    void this.photos.restore();
  }

  order(id: string): PendingOrder {
    let found = this.pending.get(id);
    if (!found) {
      found = new PendingOrder(this.orders, id, this.reports, () => this.changed());
      this.pending.set(id, found);
    }
    return found;
  }

  /** Says that an order is on the screen, and who hears of its versions. */
  follow(id: string, onRecord: (record: WorkOrder) => void): Stop {
    const order = this.order(id);
    order.onRecord = onRecord;
    this.followed.add(id);
    return () => {
      this.followed.delete(id);
      order.onRecord = undefined;
      this.prune();
    };
  }

  /** How many changes and photos wait or travel, of one order or of all. */
  counts(id?: string): { changes: number; photos: number; failure: string } {
    const orders = id === undefined ? [...this.pending.values()] : [this.pending.get(id)];
    const photos = this.photos.of(id);
    return {
      changes: orders.reduce((sum, order) => sum + (order?.size ?? 0), 0),
      photos: photos.length,
      failure: orders.find((order) => order?.failure)?.failure?.sentence ?? photos.find(({ error }) => error)?.error ?? "",
    };
  }

  get size(): number {
    const { changes, photos } = this.counts();
    return changes + photos;
  }

  /** Sends again what waits, of one order or of all. */
  retry(id?: string): void {
    for (const [each, order] of this.pending) if (order.failure && (id ?? each) === each) order.retry();
    this.photos.retry(id === undefined ? {} : { order: id });
  }

  discard(id?: string): void {
    for (const [each, order] of this.pending) if ((id ?? each) === each) order.discard();
    this.photos.discard(id === undefined ? {} : { order: id });
  }

  onChange(listener: () => void): Stop {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private changed(): void {
    this.prune();
    for (const listener of this.listeners) listener();
  }

  private prune(): void {
    for (const [id, order] of this.pending) if (order.size === 0 && !this.followed.has(id)) this.pending.delete(id);
  }
}
