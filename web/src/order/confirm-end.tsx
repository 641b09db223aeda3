import type { Status } from "../data/types.ts";
import { Confirm } from "../ui/confirm.tsx";

interface Props {
  number: number;
  to: Status;
  /** Whether the customer has signed, undefined where that is not known. */
  signed?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before an order is completed or cancelled, which nothing undoes. */
export function ConfirmEnd({ number, to, signed, onConfirm, onClose }: Props) {
  const completing = to === "completed";
  const unsigned = completing && signed === false ? "The customer has not signed. " : "";
  return (
    <Confirm
      title={`${completing ? "Complete" : "Cancel"} #${number}?`}
      text={`${unsigned}${completing ? "A completed" : "A cancelled"} order cannot be opened again.`}
      action={completing ? "Complete order" : "Cancel order"}
      keep={completing ? "Not yet" : "Keep order"}
      danger={!completing}
      onConfirm={async () => onConfirm()}
      onClose={onClose}
    />
  );
}
