import { useState } from "preact/hooks";

import type { Status } from "../data/types.ts";

const KEY = "holdall.collapsed";

/** The columns that the user has folded away, remembered on this device. */
export function useCollapsed(): [collapsed: ReadonlySet<Status>, toggle: (status: Status) => void] {
  const [collapsed, setCollapsed] = useState<ReadonlySet<Status>>(() => {
    const remembered = localStorage.getItem(KEY);
    return new Set((remembered === null ? "cancelled" : remembered).split(",").filter(Boolean) as Status[]);
  });
  const toggle = (status: Status) => {
    const changed = new Set(collapsed);
    if (!changed.delete(status)) changed.add(status);
    localStorage.setItem(KEY, [...changed].join(","));
    setCollapsed(changed);
  };
  return [collapsed, toggle];
}
