import { useEffect, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { WorkOrder } from "../data/types.ts";
import { ErrorText } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { Icon } from "../ui/icon.tsx";
import { announce } from "../ui/toast.tsx";
import { Part } from "./part.tsx";
import { SignaturePad } from "./signature-pad.tsx";

interface Props {
  order: WorkOrder;
  writable: boolean;
  onSigned: (order: WorkOrder) => void;
}

/** The customer's signature, and the pad to give it. */
export function Signature({ order, writable, onSigned }: Props) {
  const { orders } = useData();
  const [signing, setSigning] = useState(false);
  const form = useForm([]);
  if (!order.signature && !writable) return null;

  const save = async (picture: Blob) => {
    const saved = await form.submit(async () => onSigned(await orders.sign(order.id, picture)));
    if (!saved) return;
    setSigning(false);
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
      {signing && <SignaturePad busy={form.busy} onSave={(picture) => void save(picture)} onCancel={() => setSigning(false)} />}
      <ErrorText>{form.error && `${form.error} The signature is still here; save it again.`}</ErrorText>
    </Part>
  );
}

function SignaturePicture({ order }: { order: WorkOrder }) {
  const { orders } = useData();
  const [url, setURL] = useState("");
  useEffect(() => {
    let current = true;
    orders.signatureURL(order).then(
      (found) => current && setURL(found),
      () => {
        // The frame stays empty; the order is shown all the same.
      },
    );
    return () => {
      current = false;
    };
  }, [order.id, order.signature]);
  return <div class="signature-picture">{url && <img src={url} alt="The customer's signature" />}</div>;
}
