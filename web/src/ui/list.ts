import { useEffect, useMemo, useReducer } from "preact/hooks";

import type { Stop, Watcher } from "../data/contract.ts";
import type { Failure } from "../data/errors.ts";
import { LiveRows } from "../domain/live-rows.ts";
import type { Row } from "../domain/rows.ts";

export interface LiveList<T> {
  rows: T[] | undefined;
  failure: Failure | undefined;
  reload: () => void;
  /** Puts a row there that the server has just answered with. */
  put: (row: T) => void;
  drop: (row: T) => void;
}

/** A list of records that follows the server's changes. */
export function useLiveList<T extends Row>(
  read: () => Promise<T[]>,
  watch: (watcher: Watcher<T>) => Stop,
  keys: readonly unknown[],
): LiveList<T> {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const list = useMemo(() => {
    const live = new LiveRows(read, () => redraw(undefined));
    return {
      live,
      reload: () => void live.load(),
      put: (record: T) => live.hear({ action: "update", record }),
      drop: (record: T) => live.hear({ action: "delete", record }),
    };
  }, keys);

  useEffect(() => {
    const stop = watch({ sync: list.reload, changed: (change) => list.live.hear(change) });
    return () => {
      stop();
      list.live.stop();
    };
  }, [list]);

  const { live, reload, put, drop } = list;
  return { rows: live.rows, failure: live.failure, reload, put, drop };
}
