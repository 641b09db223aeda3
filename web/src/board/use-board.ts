import { useEffect, useReducer, useRef } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { BoardFilter, Organization } from "../data/types.ts";
import { useUnloadWarning } from "../ui/unload.ts";
import { BoardModel } from "./model.ts";

/** The live board of an organization; the screen is drawn anew with each change of it. */
export function useBoard(organization: Organization, filter: BoardFilter): BoardModel {
  const { orders } = useData();
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const model = useRef<BoardModel | undefined>(undefined);
  model.current ??= new BoardModel(orders, organization, filter, () => redraw(undefined));

  useEffect(() => model.current?.start(), []);

  const key = JSON.stringify(filter);
  const previous = useRef(key);
  useEffect(() => {
    if (previous.current === key) return;
    previous.current = key;
    model.current?.setFilter(filter);
  }, [key]);
  useUnloadWarning(model.current.unconfirmed.size > 0);
  return model.current;
}
