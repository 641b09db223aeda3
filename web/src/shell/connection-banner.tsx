import { useEffect, useRef, useState } from "preact/hooks";

import { useConnection } from "../data/context.ts";
import { Icon } from "../ui/icon.tsx";

/** Shorter breaks are not worth a word. */
const PATIENCE = 1200;

/** Says when the server cannot be reached, and shortly that it can be again. */
export function ConnectionBanner() {
  const state = useConnection();
  const [shown, setShown] = useState<"offline" | "reconnecting" | "back" | undefined>();
  const wasDown = useRef(false);

  useEffect(() => {
    if (state !== "online") {
      const timer = setTimeout(() => {
        wasDown.current = true;
        setShown(state);
      }, PATIENCE);
      return () => clearTimeout(timer);
    }
    if (!wasDown.current) return undefined;
    wasDown.current = false;
    setShown("back");
    const timer = setTimeout(() => setShown(undefined), 3000);
    return () => clearTimeout(timer);
  }, [state]);

  return (
    <div class="connection" role="status" data-state={shown ?? "online"}>
      {shown === "offline" && (
        <>
          <Icon name="offline" size={16} /> You are offline. What you see may be old; what you typed stays.
        </>
      )}
      {shown === "reconnecting" && (
        <>
          <Icon name="retry" size={16} /> The server does not answer. Reconnecting…
        </>
      )}
      {shown === "back" && (
        <>
          <Icon name="check" size={16} /> Connected again.
        </>
      )}
    </div>
  );
}
