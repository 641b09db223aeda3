import { TextField } from "../ui/field.tsx";

interface Props {
  label: string;
  value: string;
  onValue: (value: string) => void;
  error: string | undefined;
}

/** A password that is chosen now. */
export function NewPassword({ label, value, onValue, error }: Props) {
  return (
    <TextField
      label={label}
      type="password"
      autocomplete="new-password"
      required
      minLength={8}
      hint="At least 8 characters."
      value={value}
      onValue={onValue}
      error={error}
    />
  );
}
