import { useEffect, useRef, useState } from "preact/hooks";

import type { BoardFilter, Person, Priority } from "../data/types.ts";
import { NO_FILTER, UNASSIGNED } from "../domain/board.ts";
import { MAX_SEARCH, isFiltered } from "../domain/filter.ts";
import { PRIORITIES, PRIORITY_LABEL } from "../domain/status.ts";
import { Icon } from "../ui/icon.tsx";
import { DateRange } from "./date-range.tsx";

const PAUSE = 250;

interface Props {
  filter: BoardFilter;
  people: Person[];
  timezone: string;
  onFilter: (filter: BoardFilter) => void;
}

export function FilterBar({ filter, people, timezone, onFilter }: Props) {
  const [expanded, setExpanded] = useState(false);
  const set = (change: Partial<BoardFilter>) => onFilter({ ...filter, ...change });
  const others = Object.entries(filter).filter(([name, value]) => name !== "q" && value).length;

  return (
    <search class="filters" data-expanded={expanded ? "" : undefined}>
      <SearchInput value={filter.q} onValue={(q) => set({ q })} />
      <button
        type="button"
        class="button filters-toggle"
        aria-expanded={expanded}
        aria-controls="filters-more"
        onClick={() => setExpanded(!expanded)}
      >
        <Icon name="settings" />
        Filters
        {others > 0 && <span class="count">{others}</span>}
      </button>
      <div class="filters-more" id="filters-more">
        <select
          class="input"
          aria-label="Assignee"
          value={filter.assignee}
          data-set={filter.assignee ? "" : undefined}
          onChange={(event) => set({ assignee: event.currentTarget.value })}
        >
          <option value="">Anybody</option>
          <option value={UNASSIGNED}>Unassigned</option>
          {people.map((person) => (
            <option key={person.id} value={person.id}>
              {person.name}
            </option>
          ))}
        </select>
        <select
          class="input"
          aria-label="Priority"
          value={filter.priority}
          data-set={filter.priority ? "" : undefined}
          onChange={(event) => set({ priority: event.currentTarget.value as Priority | "" })}
        >
          <option value="">Any priority</option>
          {PRIORITIES.map((priority) => (
            <option key={priority} value={priority}>
              {PRIORITY_LABEL[priority]}
            </option>
          ))}
        </select>
        <DateRange from={filter.from} to={filter.to} timezone={timezone} onRange={set} />
        {isFiltered(filter) && (
          <button type="button" class="button quiet" onClick={() => onFilter(NO_FILTER)}>
            <Icon name="cross" size={16} />
            Clear
          </button>
        )}
      </div>
    </search>
  );
}

/** Waits for a pause in the typing before it tells. */
function SearchInput({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  // By the time of the pause, the screen may be another one than when the typing began.
  const tell = useRef(onValue);
  tell.current = onValue;
  useEffect(() => {
    // The filter changed elsewhere: cleared, or by going back.
    if (value !== told.current) {
      told.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text.trim() === told.current) return;
    const timer = setTimeout(() => {
      told.current = text.trim();
      tell.current(told.current);
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [text]);

  return (
    <div class="search-box">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        id="board-search"
        aria-label="Search orders"
        placeholder="Search orders"
        maxLength={MAX_SEARCH}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  );
}
