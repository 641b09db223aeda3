import { useState } from "preact/hooks";

import { failureOf } from "../data/errors.ts";
import { Dialog } from "./dialog.tsx";
import { ErrorText } from "./field.tsx";

interface Props {
  title: string;
  text: string;
  action: string;
  /** What the button says that leaves things as they are. */
  keep?: string;
  /** Whether the action takes something away. */
  danger?: boolean;
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something that cannot be undone. Stays open, with the reason, when it fails. */
export function Confirm({ title, text, action, keep = "Keep", danger = true, onConfirm, onClose }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (thrown) {
      setError(failureOf(thrown).sentence);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      width="26rem"
      onClose={onClose}
      footer={
        <>
          <button type="button" class="button" onClick={onClose}>
            {keep}
          </button>
          <button type="button" class={`button ${danger ? "danger" : "primary"}`} disabled={busy} onClick={() => void confirm()}>
            {action}
          </button>
        </>
      }
    >
      <p>{text}</p>
      <ErrorText>{error}</ErrorText>
    </Dialog>
  );
}
