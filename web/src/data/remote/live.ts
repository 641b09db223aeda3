import type { RecordService } from "pocketbase";

import type { Stop, Watcher } from "../contract.ts";
import type { Expanded, RecordChange, TypedPocketBase, WatchOptions, WritableName } from "../types.gen.ts";
import type { Remote } from "./client.ts";

/** How long the first read waits for the live connection, so that usually one read is enough. */
const PATIENCE = 1500;
const RETRY_AFTER = 3000;

/** Live changes of collections, over the SDK's one realtime connection. */
export class Live {
  private readonly pb: TypedPocketBase;
  private readonly active = new Set<() => void>();
  private hearsReconnects = false;

  constructor({ pb, connection }: Remote) {
    this.pb = pb;
    pb.realtime.onDisconnect = (topics) => {
      if (topics.length > 0) connection.lost();
    };
    // A read may have failed while the live connection held.
    connection.onChange(() => {
      if (connection.state === "online") this.syncAll();
    });
  }

  /**
   * Watches records of a collection. The watcher's sync runs once the
   * subscription stands, and again after every break of the connection, since
   * changes in between were not delivered. Where there is no live connection it runs anyway.
   */
  watch<N extends WritableName, E extends string = "">(
    collection: N,
    options: WatchOptions<N, E, "">,
    watcher: Watcher<Expanded<N, E>>,
  ): Stop {
    let stopped = false;
    let synced = false;
    let unsubscribe: (() => Promise<void>) | undefined;
    let timer: ReturnType<typeof setTimeout>;
    const sync = () => {
      synced = true;
      if (!stopped) watcher.sync();
    };

    const subscribe = async () => {
      try {
        const service: RecordService<Expanded<N, E>> = this.pb.collection(collection);
        const end = await service.subscribe(
          "*",
          (change) => {
            if (!stopped) watcher.changed(change as RecordChange<Expanded<N, E>>);
          },
          options,
        );
        clearTimeout(timer);
        if (stopped) {
          void end().catch(ignore);
          return;
        }
        unsubscribe = end;
        this.active.add(sync);
        void this.hearReconnects();
        sync();
      } catch {
        if (!stopped) timer = setTimeout(() => void subscribe(), RETRY_AFTER);
        if (!synced) sync();
      }
    };

    timer = setTimeout(() => {
      if (!synced) sync();
    }, PATIENCE);
    void subscribe();

    return () => {
      stopped = true;
      clearTimeout(timer);
      this.active.delete(sync);
      void unsubscribe?.().catch(ignore);
      unsubscribe = undefined;
    };
  }

  /** Closes the connection; the next watch opens one for whoever is signed in then. */
  close(): void {
    this.hearsReconnects = false;
    void this.pb.realtime.unsubscribe().catch(ignore);
  }

  private syncAll(): void {
    for (const sync of this.active) sync();
  }

  private async hearReconnects(): Promise<void> {
    if (this.hearsReconnects) return;
    this.hearsReconnects = true;
    try {
      await this.pb.realtime.subscribe("PB_CONNECT", () => this.syncAll());
    } catch {
      this.hearsReconnects = false;
    }
  }
}

function ignore(): void {
  // Ending a subscription on a connection that is already gone needs no answer.
}
