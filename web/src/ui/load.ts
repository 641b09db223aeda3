import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { failureOf, type Failure } from "../data/errors.ts";

export interface Loaded<T> {
  value: T | undefined;
  failure: Failure | undefined;
  /** Reads again. What is there stays until the answer comes. */
  reload: () => void;
  /** Changes the value in place, for what is known without asking. */
  set: (change: (value: T | undefined) => T | undefined) => void;
}

/** Reads something when the keys change. Only the answer to the newest question counts. */
export function useLoad<T>(read: () => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value?: T | undefined; failure?: Failure | undefined }>({});
  const newest = useRef(0);

  const reload = useCallback(() => {
    const mine = ++newest.current;
    read().then(
      (value) => mine === newest.current && setState({ value }),
      (error) => mine === newest.current && setState((old) => ({ ...old, failure: failureOf(error) })),
    );
  }, keys);

  useEffect(() => {
    setState({});
    reload();
    return () => void newest.current++;
  }, [reload]);

  const set = useCallback((change: (value: T | undefined) => T | undefined) => {
    setState((old) => ({ ...old, value: change(old.value) }));
  }, []);
  return { value: state.value, failure: state.failure, reload, set };
}
