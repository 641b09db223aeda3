import type { ChecklistItem } from "../data/types.ts";
import { progress } from "../domain/checklist.ts";
import { ProgressMark } from "../ui/marks.tsx";
import { Part } from "./part.tsx";

interface Props {
  items: readonly ChecklistItem[];
  /** undefined where it can only be read. */
  onCheck?: ((item: ChecklistItem, done: boolean) => void) | undefined;
}

export function Checklist({ items, onCheck }: Props) {
  if (items.length === 0) return null;
  const { done, total } = progress(items);
  return (
    <Part title="Checklist" beside={<ProgressMark done={done} total={total} />}>
      <ul class="checklist">
        {items.map((item) => (
          <li key={item.id}>
            <label class="check">
              <input
                type="checkbox"
                checked={item.done}
                disabled={!onCheck}
                onChange={(event) => onCheck?.(item, event.currentTarget.checked)}
              />
              <span>
                {item.label}
                {item.required && <span class="required">required</span>}
              </span>
            </label>
          </li>
        ))}
      </ul>
    </Part>
  );
}
