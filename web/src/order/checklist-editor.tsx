import { useLayoutEffect, useRef } from "preact/hooks";

import type { ChecklistItem } from "../data/types.ts";
import { MAX_ITEMS, MAX_LABEL, newItem } from "../domain/checklist.ts";
import { Icon } from "../ui/icon.tsx";

/** The lines of a checklist while an order is planned. Enter adds the next one. */
export function ChecklistEditor({ items, onItems }: { items: ChecklistItem[]; onItems: (items: ChecklistItem[]) => void }) {
  const list = useRef<HTMLUListElement>(null);
  const added = useRef(false);
  // Before the next key arrives, which belongs to the new line.
  useLayoutEffect(() => {
    if (!added.current) return;
    added.current = false;
    list.current?.querySelector<HTMLInputElement>("li:last-child input[type=text]")?.focus();
  }, [items.length]);

  const change = (id: string, patch: Partial<ChecklistItem>) =>
    onItems(items.map((item) => (item.id === id ? { ...item, ...patch } : item)));
  const add = () => {
    if (items.length >= MAX_ITEMS) return;
    added.current = true;
    onItems([...items, newItem(items)]);
  };

  return (
    <fieldset class="checklist-editor">
      <legend>
        Checklist <span class="optional">optional</span>
      </legend>
      <ul ref={list}>
        {items.map((item, index) => (
          <li key={item.id}>
            <input
              class="input"
              type="text"
              aria-label={`Item ${index + 1}`}
              placeholder="What is to be done"
              maxLength={MAX_LABEL}
              value={item.label}
              onInput={(event) => change(item.id, { label: event.currentTarget.value })}
              onKeyDown={(event) => {
                if (event.key !== "Enter") return;
                event.preventDefault();
                add();
              }}
            />
            <label class="check small">
              <input
                type="checkbox"
                checked={item.required}
                onChange={(event) => change(item.id, { required: event.currentTarget.checked })}
              />
              Required
            </label>
            <button
              type="button"
              class="button quiet icon-only"
              aria-label={`Remove item ${index + 1}`}
              onClick={() => onItems(items.filter((other) => other.id !== item.id))}
            >
              <Icon name="cross" size={16} />
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="button small" onClick={add} disabled={items.length >= MAX_ITEMS}>
        <Icon name="plus" size={16} />
        Add item
      </button>
    </fieldset>
  );
}
