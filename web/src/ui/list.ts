import { useCallback, useEffect, useState } from "preact/hooks";

import type { Stop, Watcher } from "../data/contract.ts";
import { failureOf, type Failure } from "../data/errors.ts";
import { mergeRow } from "../domain/rows.ts";

export interface LiveList<T> {
  rows: T[] | undefined;
  failure: Failure | undefined;
  reload: () => void;
  /** Puts a row there that the server has just answered with. */
  put: (row: T) => void;
  drop: (id: string) => void;
}

/** A list of records that follows the server's changes. */
export function useLiveList<T extends { id: string; created: string; updated: string }>(
  read: () => Promise<T[]>,
  watch: (watcher: Watcher<T>) => Stop,
  keys: readonly unknown[],
): LiveList<T> {
  const [rows, setRows] = useState<T[]>();
  const [failure, setFailure] = useState<Failure>();

  const put = useCallback((row: T) => setRows((old) => mergeRow(old ?? [], { action: "update", record: row })), []);
  const drop = useCallback((id: string) => setRows((old) => old?.filter((row) => row.id !== id)), []);

  const reload = useCallback(() => {
    read().then(
      (answer) => {
        setFailure(undefined);
        // What was heard while the answer travelled is newer than the answer.
        setRows((old) => answer.map((row) => newer(old?.find((other) => other.id === row.id), row)));
      },
      (error) => setFailure(failureOf(error)),
    );
  }, keys);

  useEffect(() => {
    setRows(undefined);
    return watch({
      sync: reload,
      changed: (change) => setRows((old) => (old ? mergeRow(old, change) : old)),
    });
  }, [reload]);

  return { rows, failure, reload, put, drop };
}

function newer<T extends { updated: string }>(old: T | undefined, row: T): T {
  return old && old.updated > row.updated ? old : row;
}
