import { useEffect, useRef, useState } from "preact/hooks";

import type { Person } from "../data/types.ts";

/** Somebody who looks for a name by keyboard passes others on the way, who must not be given the order. */
const PAUSE = 500;

interface Props {
  id: string;
  value: string;
  people: Person[];
  /** Whether it has the focus when it appears. */
  focused: boolean;
  onAssign: (person: string) => void;
}

export function AssigneeSelect({ id, value, people, focused, onAssign }: Props) {
  const element = useRef<HTMLSelectElement>(null);
  const [chosen, setChosen] = useState<string>();
  const candidates = people.filter((person) => person.role === "technician" || person.id === value);
  const former = value !== "" && !people.some((person) => person.id === value);

  useEffect(() => {
    if (focused) element.current?.focus();
  }, []);

  const settle = () => {
    if (chosen === undefined) return;
    if (chosen !== value) onAssign(chosen);
    setChosen(undefined);
  };
  useEffect(() => {
    if (chosen === undefined) return;
    const timer = setTimeout(settle, PAUSE);
    return () => clearTimeout(timer);
  }, [chosen]);

  return (
    <select
      ref={element}
      id={id}
      class="input compact"
      value={chosen ?? value}
      onChange={(event) => setChosen(event.currentTarget.value)}
      onBlur={settle}
    >
      <option value="">Unassigned</option>
      {former && <option value={value}>Former member</option>}
      {candidates.map((person) => (
        <option key={person.id} value={person.id}>
          {person.name}
        </option>
      ))}
    </select>
  );
}
