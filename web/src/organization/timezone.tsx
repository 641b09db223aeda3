import { Field } from "../ui/field.tsx";

const ZONES = Intl.supportedValuesOf("timeZone");

export function TimezoneField({
  value,
  onValue,
  error,
}: {
  value: string;
  onValue: (value: string) => void;
  error?: string | undefined;
}) {
  const zones = ZONES.includes(value) ? ZONES : [value, ...ZONES];
  return (
    <Field label="Timezone" hint="Schedules are shown in it." error={error}>
      {(control) => (
        <select class="input" {...control} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {zones.map((zone) => (
            <option key={zone} value={zone}>
              {zone.replace(/_/g, " ")}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
