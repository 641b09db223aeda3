import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { Failure, failureOf } from "../data/errors.ts";
import type { ChecklistItem, Status, WorkOrder } from "../data/types.ts";
import { withDone } from "../domain/checklist.ts";
import { STATUS_LABEL } from "../domain/status.ts";
import { announce, showToast } from "../ui/toast.tsx";

export interface LiveOrder {
  /** The order with the user's own unconfirmed changes in it. */
  order: WorkOrder | undefined;
  failure: Failure | undefined;
  reload: () => void;
  put: (order: WorkOrder) => void;
  move: (to: Status) => void;
  assign: (person: string) => void;
  check: (item: ChecklistItem, done: boolean) => void;
}

/**
 * One order, live. Changes show at once, go to the server one after the other,
 * and are taken back with the server's sentence when it refuses; where there was
 * no answer the message offers to try again.
 */
export function useOrder(id: string, onChanged?: (order: WorkOrder) => void): LiveOrder {
  const { orders } = useData();
  const [base, setBase] = useState<WorkOrder>();
  const [failure, setFailure] = useState<Failure>();
  const [pending, setPending] = useState<ReadonlyMap<object, Partial<WorkOrder>>>(new Map());
  const queue = useRef(Promise.resolve());
  const latest = useRef<WorkOrder | undefined>(undefined);

  const put = useCallback(
    (record: WorkOrder) => {
      setBase((old) => (old && old.updated > record.updated ? old : { ...record, expand: record.expand ?? old?.expand ?? {} }));
      setFailure(undefined);
      onChanged?.(record);
    },
    [onChanged],
  );

  const reload = useCallback(() => {
    orders.find(id).then(
      (record) => {
        setBase((old) => (old && old.updated > record.updated ? old : record));
        setFailure(undefined);
      },
      (error) => setFailure(failureOf(error)),
    );
  }, [orders, id]);

  useEffect(
    () =>
      orders.watchOrder(id, {
        sync: reload,
        changed: ({ action, record }) => {
          if (action === "delete") setFailure(new Failure("This order was deleted.", 404));
          else put(record);
        },
      }),
    [orders, id],
  );

  const order = base && Object.assign({}, base, ...pending.values());
  latest.current = order;

  const change = (patch: Partial<WorkOrder>, send: () => Promise<WorkOrder>, done?: string) => {
    const key = {};
    setPending((old) => new Map(old).set(key, patch));
    const settle = () =>
      setPending((old) => {
        const rest = new Map(old);
        rest.delete(key);
        return rest;
      });
    queue.current = queue.current.then(async () => {
      try {
        const record = await send();
        settle();
        put(record);
        if (done) announce(done);
      } catch (error) {
        settle();
        refused(failureOf(error), () => change(patch, send, done));
      }
    });
  };

  return {
    order,
    failure,
    reload,
    put,
    move: (to) => change({ status: to }, () => orders.move(id, to), `Now: ${STATUS_LABEL[to]}.`),
    assign: (person) => change({ assignee: person }, () => orders.plan(id, { assignee: person }), "Assignee changed."),
    check: (item, done) => {
      const checklist = withDone(latest.current?.checklist ?? [], item.id, done);
      change({ checklist }, () => orders.setChecklist(id, checklist));
    },
  };
}

function refused(failure: Failure, retry: () => void): void {
  showToast({
    kind: "bad",
    text: failure.sentence,
    ...(failure.transient ? { action: { label: "Try again", run: retry } } : {}),
  });
}
