import { useState } from "preact/hooks";

import type { Person } from "../data/types.ts";
import { UNASSIGNED } from "../domain/board.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Icon } from "../ui/icon.tsx";

interface Props {
  people: Person[];
  /** Open orders by person, "" for nobody; absent where it is not known. */
  load: ReadonlyMap<string, number>;
  /** The person that the board is filtered by. */
  chosen: string;
  onChoose: (person: string) => void;
  /** The assignee of the card that is being dragged, undefined while none is. */
  draggedFrom: string | undefined;
  onDrop: (person: string) => void;
}

/** The technicians beside the board: a click filters by one, a card dropped on one is assigned to them. */
export function PeopleRail({ people, load, chosen, onChoose, draggedFrom, onDrop }: Props) {
  const most = Math.max(1, ...people.map(({ id }) => load.get(id) ?? 0));
  return (
    <aside class="rail" aria-labelledby="rail-title" data-dragging={draggedFrom !== undefined ? "" : undefined}>
      <h2 id="rail-title">{draggedFrom !== undefined ? "Drop to assign" : "Technicians"}</h2>
      <ul>
        <RailEntry
          id=""
          name="Unassigned"
          orders={load.get("")}
          share={0}
          pressed={chosen === UNASSIGNED}
          droppable={draggedFrom !== undefined && draggedFrom !== ""}
          onChoose={() => onChoose(chosen === UNASSIGNED ? "" : UNASSIGNED)}
          onDrop={onDrop}
        />
        {people.map((person) => (
          <RailEntry
            key={person.id}
            id={person.id}
            name={person.name}
            person={person}
            orders={load.get(person.id) ?? 0}
            share={(load.get(person.id) ?? 0) / most}
            pressed={chosen === person.id}
            droppable={draggedFrom !== undefined && draggedFrom !== person.id}
            onChoose={() => onChoose(chosen === person.id ? "" : person.id)}
            onDrop={onDrop}
          />
        ))}
      </ul>
      {people.length === 0 && <p class="hint">Invite technicians on the members page.</p>}
    </aside>
  );
}

interface EntryProps {
  id: string;
  name: string;
  person?: Person;
  orders: number | undefined;
  share: number;
  pressed: boolean;
  droppable: boolean;
  onChoose: () => void;
  onDrop: (person: string) => void;
}

function RailEntry({ id, name, person, orders, share, pressed, droppable, onChoose, onDrop }: EntryProps) {
  const [over, setOver] = useState(false);
  return (
    <li>
      <button
        type="button"
        class="rail-entry"
        aria-pressed={pressed}
        data-person={id || UNASSIGNED}
        data-drop={droppable ? "" : undefined}
        data-over={over && droppable ? "" : undefined}
        title={`Show only ${name}`}
        onClick={onChoose}
        onDragOver={(event) => {
          if (!droppable) return;
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          setOver(false);
          if (!droppable) return;
          event.preventDefault();
          onDrop(id);
        }}
      >
        {person ? (
          <Avatar person={person} size={32} />
        ) : (
          <span class="avatar nobody large">
            <Icon name="user" size={16} />
          </span>
        )}
        <span class="rail-name">
          {name.split(" ")[0]} <span class="rail-surname">{name.split(" ").slice(1).join(" ")}</span>
        </span>
        <span class="rail-load">
          {orders}
          {orders !== undefined && <span class="visually-hidden"> open orders</span>}
        </span>
        {person && (
          <span class="rail-bar" aria-hidden="true">
            <span style={{ width: `${share * 100}%` }} />
          </span>
        )}
      </button>
    </li>
  );
}
