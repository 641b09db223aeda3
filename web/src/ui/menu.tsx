import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

interface Props {
  label: string;
  /** What the button shows. */
  button: ComponentChildren;
  buttonClass?: string;
  /** For panels of inputs: a click inside does not close it. */
  keepOpen?: boolean;
  /** Marks the button as holding a choice. */
  set?: boolean;
  children: ComponentChildren;
}

/** A button that shows a small panel below itself; it goes by Escape, a click elsewhere or a choice. */
export function Menu({ label, button, buttonClass = "button quiet", keepOpen = false, set = false, children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const toggle = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [open]);

  return (
    <div
      class="menu"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        setOpen(false);
        toggle.current?.focus();
      }}
    >
      <button
        ref={toggle}
        type="button"
        class={buttonClass}
        aria-expanded={open}
        aria-controls={id}
        aria-label={label}
        data-set={set ? "" : undefined}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      <div id={id} class="menu-panel" hidden={!open} onClick={() => setOpen(keepOpen)}>
        {children}
      </div>
    </div>
  );
}
