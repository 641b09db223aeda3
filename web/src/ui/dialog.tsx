import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

import { Icon } from "./icon.tsx";
import { Toasts } from "./toast.tsx";

interface Props {
  title: ComponentChildren;
  /** dialog: in the middle. sheet: from the side, the whole screen on a phone. */
  kind?: "dialog" | "sheet";
  width?: string;
  onClose: () => void;
  /** Asked before the dialog closes by Escape or a click beside it. */
  mayClose?: () => boolean;
  footer?: ComponentChildren;
  children: ComponentChildren;
}

/** A modal on the browser's own dialog element, which keeps the focus inside and gives it back. */
export function Dialog({ title, kind = "dialog", width, onClose, mayClose = () => true, footer, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const close = () => {
    if (mayClose()) onClose();
  };

  const mounted = useRef(true);
  useLayoutEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      mounted.current = false;
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  return (
    <dialog
      ref={element}
      class={kind}
      aria-labelledby={id}
      style={width ? { maxWidth: width } : undefined}
      onCancel={(event) => {
        // Whoever opened the dialog decides when it is gone. File pickers inside cancel, too.
        if (event.target !== element.current) return;
        event.preventDefault();
        close();
      }}
      onClose={() => {
        // A second Escape is not asked about by the browser, which closes at once. What is in the dialog
        // comes back before its owner is asked.
        if (!mounted.current || element.current?.open) return;
        element.current?.showModal();
        close();
      }}
      onPointerDown={(event) => {
        if (event.target === element.current && isOutside(event, element.current)) close();
      }}
    >
      <div class="dialog-frame">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="button quiet icon-only" aria-label="Close" onClick={close}>
            <Icon name="cross" />
          </button>
        </header>
        <div class="dialog-body">{children}</div>
        {footer && <footer class="dialog-foot">{footer}</footer>}
      </div>
      <Toasts />
    </dialog>
  );
}

function isOutside(event: PointerEvent, dialog: HTMLElement | null): boolean {
  const box = dialog?.getBoundingClientRect();
  if (!box) return false;
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}
