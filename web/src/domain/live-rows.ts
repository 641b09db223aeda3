import { failureOf, type Failure } from "../data/errors.ts";
import type { Change } from "../data/types.ts";
import { mergeRow, type Row } from "./rows.ts";

/**
 * A list that is read as a whole and then follows changes. What is heard while
 * an answer is on its way may be missing in it, so it is merged once more.
 */
export class LiveRows<T extends Row> {
  /** undefined until the first answer. */
  rows: T[] | undefined;
  failure: Failure | undefined;

  private heard: Change<T>[] = [];
  private request = 0;
  private readonly read: () => Promise<T[]>;
  private readonly changed: () => void;

  constructor(read: () => Promise<T[]>, changed: () => void) {
    this.read = read;
    this.changed = changed;
  }

  async load(): Promise<void> {
    const mine = ++this.request;
    this.heard = [];
    try {
      const answer = await this.read();
      if (mine !== this.request) return;
      this.rows = this.heard.reduce((rows, change) => mergeRow(rows, change), answer);
      this.failure = undefined;
    } catch (error) {
      if (mine !== this.request) return;
      this.failure = failureOf(error);
    }
    this.changed();
  }

  hear(change: Change<T>): void {
    this.heard.push(change);
    if (!this.rows) return;
    this.rows = mergeRow(this.rows, change);
    this.changed();
  }

  /** Answers that are still on their way no longer count. */
  stop(): void {
    this.request++;
  }
}
