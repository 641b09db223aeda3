import type { Orders, PhotoShelf, ShelvedPhoto, Stop } from "../data/contract.ts";
import { failureOf } from "../data/errors.ts";
import type { Photo } from "../data/types.ts";
import { newId } from "../domain/ids.ts";

/** A photo that the server does not have yet. */
export interface Upload {
  id: string;
  order: string;
  /** An address of the picture on this device. */
  preview: string;
  /** 0..1 */
  progress: number;
  /** Why it did not arrive, "" while it waits its turn or travels. */
  error: string;
}

interface Job extends Upload {
  image: Blob;
  takenAt: Date;
  /** Whether it is scaled and on the shelf. */
  ready: boolean;
}

/**
 * Photos on their way to the server, one after the other. One that does not arrive stays, also
 * over a reload of the page, until it is sent again or given up.
 */
export class PhotoQueue {
  private jobs: readonly Job[] = [];
  private sending = false;
  private preparing = Promise.resolve();
  private readonly listeners = new Set<(photo: Photo) => void>();
  private readonly orders: Orders;
  private readonly shelf: PhotoShelf;
  private readonly shrink: (picture: Blob) => Promise<Blob>;
  private readonly changed: () => void;

  constructor(orders: Orders, shelf: PhotoShelf, shrink: (picture: Blob) => Promise<Blob>, changed: () => void) {
    this.orders = orders;
    this.shelf = shelf;
    this.shrink = shrink;
    this.changed = changed;
  }

  get size(): number {
    return this.jobs.length;
  }

  /** The photos of one order, of all without one. */
  of(order?: string): readonly Upload[] {
    return order === undefined ? this.jobs : this.jobs.filter((job) => job.order === order);
  }

  /** Calls back with each photo that has arrived. Returns how to stop it. */
  onArrival(listener: (photo: Photo) => void): Stop {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes up the photos that were left on the device, and tries them again. */
  async restore(): Promise<void> {
    const known = new Set(this.jobs.map(({ id }) => id));
    const left = (await this.shelf.all()).filter(({ id }) => !known.has(id));
    this.jobs = [...this.jobs, ...left.map((photo) => ({ ...jobOf(photo), ready: true }))];
    this.next();
  }

  add(order: string, files: Iterable<Blob>): void {
    for (const image of files) {
      const job = { ...jobOf({ id: newId(), order, image, takenAt: new Date() }), ready: false };
      this.jobs = [...this.jobs, job];
      this.preparing = this.preparing.then(() => this.prepare(job));
    }
    this.changed();
  }

  /** Sends again what did not arrive: one photo, those of an order, or all. */
  retry(which: { id?: string; order?: string } = {}): void {
    for (const job of this.jobs) {
      if (job.error === "" || !isOne(job, which)) continue;
      this.update(job.id, { error: "", progress: 0 });
      if (!job.ready) this.preparing = this.preparing.then(() => this.prepare(job));
    }
    this.next();
  }

  discard(which: { id?: string; order?: string } = {}): void {
    for (const job of this.jobs) if (isOne(job, which)) this.drop(job);
    this.changed();
  }

  /** Makes a photo small enough to travel, and safe against a reload. */
  private async prepare({ id, order, image, takenAt }: Job): Promise<void> {
    try {
      const small = await this.shrink(image);
      if (!this.jobs.some((job) => job.id === id && !job.ready)) return;
      await this.shelf.put({ id, order, image: small, takenAt });
      this.update(id, { image: small, ready: true });
    } catch (error) {
      // What shrink says is meant for the user.
      const said = error instanceof Error && error.constructor === Error;
      this.update(id, { error: said ? error.message : failureOf(error).sentence });
    }
    this.next();
  }

  private next(): void {
    this.changed();
    if (this.sending) return;
    const job = this.jobs.find(({ ready, error }) => ready && error === "");
    if (!job) return;
    this.sending = true;
    void this.send(job).finally(() => {
      this.sending = false;
      this.next();
    });
  }

  private async send(job: Job): Promise<void> {
    try {
      const photo = await this.orders.addPhoto(job.order, job, (progress) => this.update(job.id, { progress }));
      this.drop(job);
      for (const listener of this.listeners) listener(photo);
    } catch (error) {
      const failure = failureOf(error);
      this.update(job.id, { error: failure.sentence });
      if (failure.status !== 0) return;
      // Without a connection those behind it need not be tried, too.
      for (const { id, error: known } of this.jobs) if (!known) this.update(id, { error: failure.sentence });
    }
  }

  private update(id: string, change: Partial<Job>): void {
    this.jobs = this.jobs.map((job) => (job.id === id ? { ...job, ...change } : job));
    this.changed();
  }

  private drop({ id, preview }: Job): void {
    this.jobs = this.jobs.filter((job) => job.id !== id);
    URL.revokeObjectURL(preview);
    void this.shelf.remove(id);
  }
}

function jobOf(photo: ShelvedPhoto): Omit<Job, "ready"> {
  return { ...photo, preview: URL.createObjectURL(photo.image), progress: 0, error: "" };
}

function isOne(job: Job, { id, order }: { id?: string; order?: string }): boolean {
  return (id === undefined || job.id === id) && (order === undefined || job.order === order);
}
