import type { BoardFilter } from "../data/types.ts";
import { filterOf, queryOf } from "../domain/filter.ts";
import { go, href, replace, useLocation } from "../router.ts";

/** Where on the board the user is, all of it in the address: the filter and the order that is open. */
export interface Place {
  filter: BoardFilter;
  setFilter: (filter: BoardFilter) => void;
  /** The address of an order's details. */
  hrefOf: (order: string) => string;
  open: (order: string) => void;
  close: () => void;
}

export function usePlace(slug: string, order: string | undefined): Place {
  const filter = filterOf(useLocation().query);
  const at = (id: string | undefined, shown: BoardFilter) => href(["o", slug, "board", ...(id ? [id] : [])], queryOf(shown));
  return {
    filter,
    setFilter: (changed) => replace(at(order, changed)),
    hrefOf: (id) => at(id, filter),
    open: (id) => go(at(id, filter)),
    close: () => replace(at(undefined, filter)),
  };
}
