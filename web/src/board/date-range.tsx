import { addDays, dayLabel, dayOf } from "../domain/time.ts";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Menu } from "../ui/menu.tsx";

interface Props {
  from: string;
  to: string;
  timezone: string;
  onRange: (range: { from: string; to: string }) => void;
}

/** Chooses the days that orders are scheduled for. */
export function DateRange({ from, to, timezone, onRange }: Props) {
  const today = dayOf(new Date(), timezone);
  const presets: [label: string, from: string, to: string][] = [
    ["Today", today, today],
    ["Tomorrow", addDays(today, 1), addDays(today, 1)],
    ["Next 7 days", today, addDays(today, 6)],
    ["Any date", "", ""],
  ];
  const text = rangeText(from, to, today);

  return (
    <Menu
      label={`Scheduled: ${text}`}
      buttonClass="button date-button"
      set={from !== "" || to !== ""}
      button={
        <>
          <Icon name="calendar" size={16} />
          {text}
        </>
      }
      keepOpen
    >
      <div class="date-presets">
        {presets.map(([label, first, last]) => (
          <button
            key={label}
            type="button"
            class="button small"
            aria-pressed={from === first && to === last}
            onClick={() => onRange({ from: first, to: last })}
          >
            {label}
          </button>
        ))}
      </div>
      <div class="date-range">
        <DayField label="From" value={from} max={to} onValue={(day) => onRange({ from: day, to })} />
        <DayField label="To" value={to} min={from} onValue={(day) => onRange({ from, to: day })} />
      </div>
    </Menu>
  );
}

interface DayProps {
  label: string;
  value: string;
  min?: string;
  max?: string;
  onValue: (day: string) => void;
}

function DayField({ label, value, min, max, onValue }: DayProps) {
  return (
    <Field label={label}>
      {(control) => (
        <input
          class="input"
          type="date"
          {...control}
          min={min || undefined}
          max={max || undefined}
          value={value}
          onChange={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function rangeText(from: string, to: string, today: string): string {
  if (!from && !to) return "Any date";
  if (from === to) return dayLabel(from, today);
  if (!to) return `From ${dayLabel(from, today)}`;
  if (!from) return `Until ${dayLabel(to, today)}`;
  return `${dayLabel(from, today)} – ${dayLabel(to, today)}`;
}
