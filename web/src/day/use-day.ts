import { useEffect } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Organization, WorkOrder } from "../data/types.ts";
import { useLiveList, type LiveList } from "../ui/list.ts";

const EVERY = 60_000;
const DAY = 24 * 3600_000;

/** The technician's orders, live. */
export function useDay(organization: Organization, user: string): LiveList<WorkOrder> {
  const { orders } = useData();
  const list = useLiveList<WorkOrder>(
    () => orders.assignedTo(organization.id, user, new Date(Date.now() - DAY)),
    (watcher) => orders.watchOrganization(organization.id, watcher),
    [organization.id, user],
  );

  // Nothing is said of an order that is given to somebody else, so the list
  // is read again whenever the technician takes the phone out, and while they look at it.
  const { reload } = list;
  useEffect(() => {
    const read = () => {
      if (document.visibilityState === "visible") reload();
    };
    const timer = setInterval(read, EVERY);
    document.addEventListener("visibilitychange", read);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", read);
    };
  }, [reload]);

  return { ...list, rows: list.rows?.filter((order) => order.assignee === user) };
}
