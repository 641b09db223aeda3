import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

export interface Option {
  id: string;
  label: string;
  detail?: string;
}

interface Props {
  /** The attributes that a Field gives its control. */
  control: { id: string; "aria-describedby"?: string; "aria-invalid"?: "true" };
  value: Option | undefined;
  placeholder?: string;
  search: (text: string) => Promise<Option[]>;
  onChoose: (option: Option) => void;
  /** Stands below the options. */
  footer?: ComponentChildren;
}

const PAUSE = 150;

/** A text input that searches while one types and takes one of the answers, by mouse or arrow keys. */
export function Combobox({ control, value, placeholder, search, onChoose, footer }: Props) {
  const [text, setText] = useState<string>();
  const [options, setOptions] = useState<Option[]>([]);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const root = useRef<HTMLDivElement>(null);
  const listId = useId();

  useEffect(() => {
    if (!open) return;
    let current = true;
    const timer = setTimeout(
      () => {
        search(text ?? "").then(
          (found) => {
            if (!current) return;
            setOptions(found);
            setActive(found.length > 0 ? 0 : -1);
          },
          () => current && setOptions([]),
        );
      },
      text ? PAUSE : 0,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [open, text]);

  useEffect(() => {
    if (open) document.getElementById(`${listId}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [open, active]);

  const close = () => {
    setOpen(false);
    setText(undefined);
  };
  const choose = (option: Option | undefined) => {
    if (!option) return;
    onChoose(option);
    close();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) return setOpen(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (options.length > 0) setActive((active + step + options.length) % options.length);
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      choose(options[active]);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  };

  return (
    <div
      class="combobox"
      ref={root}
      onFocusOut={(event) => {
        if (!(event.relatedTarget instanceof Node && root.current?.contains(event.relatedTarget))) close();
      }}
    >
      <input
        {...control}
        class="input"
        role="combobox"
        autocomplete="off"
        aria-expanded={open}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={open && active >= 0 ? `${listId}-${active}` : undefined}
        placeholder={placeholder}
        value={text ?? value?.label ?? ""}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setOpen(true);
        }}
        onClick={() => setOpen(true)}
        onKeyDown={onKeyDown}
      />
      <div class="combobox-panel" hidden={!open}>
        <ul id={listId} role="listbox" aria-label="Matches">
          {options.map((option, index) => (
            <li
              key={option.id}
              id={`${listId}-${index}`}
              role="option"
              aria-selected={index === active}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => choose(option)}
            >
              <span>{option.label}</span>
              {option.detail && <small>{option.detail}</small>}
            </li>
          ))}
        </ul>
        {options.length === 0 && <p class="combobox-none">Nothing found.</p>}
        {footer}
      </div>
    </div>
  );
}
