import { useEffect, useState } from "preact/hooks";

import type { NotificationState } from "../data/contract.ts";
import { useData } from "../data/context.ts";
import { failureOf } from "../data/errors.ts";
import { Icon } from "../ui/icon.tsx";
import { showToast } from "../ui/toast.tsx";

/** The entry of the account menu that turns notifications on this device on and off. */
export function NotifyItem() {
  const { notifications } = useData();
  const [state, setState] = useState<NotificationState | undefined>();
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    let here = true;
    void notifications
      .resume()
      .then(() => notifications.state())
      .then((now) => here && setState(now));
    return () => {
      here = false;
    };
  }, [notifications]);

  if (state === undefined || state === "unsupported") return null;
  if (state === "denied") return <p class="menu-label">Notifications are blocked in this browser's settings</p>;

  const toggle = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await (state === "on" ? notifications.turnOff() : notifications.turnOn());
      showToast({ kind: "good", text: state === "on" ? "No more notifications on this device." : "You will be notified on this device." });
    } catch (error) {
      showToast({ kind: "bad", text: failureOf(error).sentence });
    }
    setState(await notifications.state().catch(() => state));
    setBusy(false);
  };
  return (
    // not disabled while it is at work: that would take the focus away
    <button type="button" class="menu-item" aria-disabled={busy} onClick={() => void toggle()}>
      <Icon name="bell" />
      {state === "on" ? "Stop notifying me on this device" : "Notify me on this device"}
    </button>
  );
}
