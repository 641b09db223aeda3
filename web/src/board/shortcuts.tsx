import { useEffect, useState } from "preact/hooks";

import { Dialog } from "../ui/dialog.tsx";

const OFF = "holdall.shortcuts-off";

const KEYS: [keys: string[], what: string][] = [
  [["/"], "Search"],
  [["N"], "New order"],
  [["?"], "This help"],
  [["←", "↑", "→", "↓"], "From card to card"],
  [["Enter"], "Open the card"],
  [["A"], "Assign the card"],
  [["M"], "Move the card to another status"],
  [["Esc"], "Close"],
];

/**
 * Calls the handler of a plain key, unless the user is typing, has a dialog
 * open, or has turned it off. A handler that returns false leaves the key to the browser.
 */
export function useShortcuts(handlers: Record<string, () => boolean | void>): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (target.closest("input, textarea, select, dialog, [contenteditable]")) return;
      // The help can always be reached, since there the rest is turned on again.
      if (localStorage.getItem(OFF) && event.key !== "?") return;
      const handler = handlers[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (handler && handler() !== false) event.preventDefault();
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  });
}

export function ShortcutHelp({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState(!localStorage.getItem(OFF));
  return (
    <Dialog title="Keyboard" width="27rem" onClose={onClose}>
      <dl class="shortcuts">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={(event) => {
            const checked = event.currentTarget.checked;
            if (checked) localStorage.removeItem(OFF);
            else localStorage.setItem(OFF, "1");
            setOn(checked);
          }}
        />
        Use single-key shortcuts
      </label>
    </Dialog>
  );
}
