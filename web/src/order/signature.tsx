import { useEffect, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { WorkOrder } from "../data/types.ts";
import { ErrorText } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { Icon } from "../ui/icon.tsx";
import { announce, showToast } from "../ui/toast.tsx";
import { useUnloadWarning } from "../ui/unload.ts";
import { Part } from "./part.tsx";
import { ProtectedImage } from "./protected-image.tsx";
import { SAVE, SignaturePad } from "./signature-pad.tsx";

interface Props {
  order: WorkOrder;
  writable: boolean;
  onSigned: (order: WorkOrder) => void;
  /** Told whether there is a signature on the pad that is not saved. */
  onInk: (ink: boolean) => void;
}

/** Reminds of the signature on the pad, which completing the order would leave behind. */
export function askToSaveSignature(): void {
  showToast({ kind: "bad", text: "Save the signature first, or cancel it." });
  document.getElementById(SAVE)?.scrollIntoView({ block: "center" });
  document.getElementById(SAVE)?.focus();
}

/** Asks whether the signature on the pad may be lost. */
export function mayDropSignature(): boolean {
  return window.confirm("Discard the signature that is not saved?");
}

/** The customer's signature, and the pad to give it. */
export function Signature({ order, writable, onSigned, onInk }: Props) {
  const { orders } = useData();
  const [signing, setSigning] = useState(false);
  const [ink, setInk] = useState(false);
  const form = useForm([]);
  useEffect(() => onInk(ink), [ink]);
  useUnloadWarning(ink);
  if (!order.signature && !writable && !signing) return null;

  const close = () => {
    setSigning(false);
    setInk(false);
  };

  const save = async (picture: Blob) => {
    const saved = await form.submit(async () => onSigned(await orders.sign(order.id, picture)));
    if (!saved) return;
    close();
    announce("Signature saved.");
  };

  return (
    <Part title="Signature">
      {order.signature && !signing && <SignaturePicture order={order} />}
      {!order.signature && !signing && <p class="hint">The customer has not signed yet.</p>}
      {writable && !signing && (
        <button type="button" class="button" onClick={() => setSigning(true)}>
          <Icon name="pen" />
          {order.signature ? "Sign again" : "Let the customer sign"}
        </button>
      )}
      {signing && <SignaturePad busy={form.busy} onInk={setInk} onSave={(picture) => void save(picture)} onCancel={close} />}
      <ErrorText>{form.error && `${form.error} The signature is still here; save it again.`}</ErrorText>
    </Part>
  );
}

function SignaturePicture({ order }: { order: WorkOrder }) {
  const { orders } = useData();
  return (
    <div class="signature-picture">
      <ProtectedImage of={order.id + order.signature} read={() => orders.signatureURL(order)} alt="The customer's signature" />
    </div>
  );
}
