import { useEffect, useState } from "preact/hooks";

import { useConnection } from "../data/context.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Icon } from "../ui/icon.tsx";
import { useOutbox } from "./use-outbox.tsx";

/** An answer that comes sooner than this needs no word about waiting for it. */
const PATIENCE = 1500;

/** Says what the server has not confirmed, of one order or of all, and offers to send it again. */
export function Unsent({ order }: { order?: string }) {
  const outbox = useOutbox();
  const { changes, photos, failure } = outbox.counts(order);
  const lasting = useLasting(changes > 0);
  // The banner of the connection says that much.
  const why = useConnection() === "online" ? failure : "";
  const [discarding, setDiscarding] = useState(false);
  const what = countText(changes, photos);

  return (
    <div class="unsent" role="status" data-state={failure ? "waiting" : lasting ? "sending" : undefined}>
      {failure && (
        <>
          <Icon name="alert" size={16} />
          <span>
            {what} {changes + photos === 1 ? "is" : "are"} not saved yet. {why}
          </span>
          <button type="button" class="button small" onClick={() => outbox.retry(order)}>
            Send again
          </button>
          <button type="button" class="button quiet small" onClick={() => setDiscarding(true)}>
            Discard
          </button>
        </>
      )}
      {!failure && lasting && (
        <>
          <Icon name="retry" size={16} />
          <span>Saving {what}…</span>
        </>
      )}
      {discarding && (
        <Confirm
          title="Discard what is not saved?"
          text={`${what} ${changes + photos === 1 ? "is" : "are"} on this device only.`}
          action="Discard"
          onClose={() => setDiscarding(false)}
          onConfirm={async () => outbox.discard(order)}
        />
      )}
    </div>
  );
}

/** "2 changes and 1 photo". */
export function countText(changes: number, photos: number): string {
  const parts = [
    changes > 0 && `${changes} ${changes === 1 ? "change" : "changes"}`,
    photos > 0 && `${photos} ${photos === 1 ? "photo" : "photos"}`,
  ];
  return parts.filter(Boolean).join(" and ");
}

/** Whether something has been so for a while. */
function useLasting(active: boolean): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    if (!active) return undefined;
    const timer = setTimeout(() => setLasting(true), PATIENCE);
    return () => {
      clearTimeout(timer);
      setLasting(false);
    };
  }, [active]);
  return lasting && active;
}
