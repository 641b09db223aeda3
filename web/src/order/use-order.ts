import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { Failure, failureOf } from "../data/errors.ts";
import type { ChecklistItem, Status, WorkOrder } from "../data/types.ts";
import { useOutbox } from "./use-outbox.tsx";

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
 * One order, live, with the user's changes in it; those go through the outbox. Until it
 * has been read it is the known version, where there is one.
 */
export function useOrder(id: string, onChanged: (order: WorkOrder) => void, known?: WorkOrder): LiveOrder {
  const { orders } = useData();
  const outbox = useOutbox();
  const pending = outbox.order(id);
  const [failure, setFailure] = useState<Failure>();

  const put = useCallback(
    (record: WorkOrder) => {
      setFailure(undefined);
      pending.put(record);
    },
    [pending],
  );
  const reload = useCallback(() => {
    orders.find(id).then(put, (error) => setFailure(failureOf(error)));
  }, [orders, id, put]);

  const tell = useRef(onChanged);
  tell.current = onChanged;
  // At once, since the outbox lets go of orders that nobody looks at.
  useLayoutEffect(() => outbox.follow(id, (record) => tell.current(record)), [outbox, id]);
  useLayoutEffect(() => {
    if (known && !pending.base) pending.put(known);
  }, [known, pending]);
  useEffect(
    () =>
      orders.watchOrder(id, {
        sync: reload,
        changed: ({ action, record }) => {
          if (action === "delete") setFailure(new Failure("This order was deleted.", 404));
          else put(record);
        },
      }),
    [orders, id, reload],
  );

  return {
    order: pending.order,
    failure,
    reload,
    put,
    move: (to) => pending.want({ kind: "move", to }),
    assign: (person) => pending.want({ kind: "assign", person }),
    check: (item, done) => pending.want({ kind: "check", item: item.id, done }),
  };
}
