import { useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Note, User } from "../data/types.ts";
import { newId } from "../domain/ids.ts";
import { momentLabel, parseTime } from "../domain/time.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { ErrorText } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { Icon } from "../ui/icon.tsx";
import { useLiveList } from "../ui/list.ts";
import { useNow } from "../ui/now.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { Part } from "./part.tsx";

interface Props {
  order: string;
  user: User;
  timezone: string;
  /** Whether the user may write. */
  writable: boolean;
}

/** What people wrote about the order, live, and the place to write. */
export function Notes({ order, user, timezone, writable }: Props) {
  const { orders } = useData();
  const now = useNow();
  const notes = useLiveList<Note>(
    () => orders.notes(order),
    (watcher) => orders.watchNotes(order, watcher),
    [order],
  );

  const [removing, setRemoving] = useState<Note>();

  return (
    <Part title="Notes">
      {!notes.rows && (notes.failure ? <Failed failure={notes.failure} onRetry={notes.reload} /> : <Skeleton lines={2} />)}
      {notes.rows?.length === 0 && <p class="hint">Nothing written yet.</p>}
      <ol class="notes" aria-live="polite">
        {notes.rows?.map((note) => (
          <li key={note.id} class="note">
            <Avatar person={note.expand?.author ?? { id: note.author, name: "", avatar: "" }} size={28} />
            <div>
              <p class="note-head">
                <strong>{note.author === user.id ? "You" : (note.expand?.author?.name ?? "Former member")}</strong>
                <time dateTime={note.created}>{momentLabel(parseTime(note.created) ?? now, timezone, now)}</time>
                {writable && note.author === user.id && (
                  <button
                    type="button"
                    class="button quiet icon-only small"
                    aria-label="Delete this note"
                    onClick={() => setRemoving(note)}
                  >
                    <Icon name="trash" size={15} />
                  </button>
                )}
              </p>
              <p class="note-body">{note.body}</p>
            </div>
          </li>
        ))}
      </ol>
      {writable && <NoteForm order={order} onAdded={notes.put} />}
      {removing && (
        <Confirm
          title="Delete this note?"
          text="It cannot be brought back."
          action="Delete"
          onClose={() => setRemoving(undefined)}
          onConfirm={async () => {
            await orders.removeNote(removing.id);
            notes.drop(removing);
          }}
        />
      )}
    </Part>
  );
}

/** What is typed is kept on this device until the server has it. */
function NoteForm({ order, onAdded }: { order: string; onAdded: (note: Note) => void }) {
  const { orders } = useData();
  const [draft, setDraft] = useState(() => readDraft(order));
  const newest = useRef(draft);
  const form = useForm([]);

  const write = (changed: Draft) => {
    newest.current = changed;
    setDraft(changed);
    keepDraft(order, changed);
  };
  const send = async () => {
    const { id } = draft;
    const body = draft.body.trim();
    if (!body || !(await form.submit(async () => onAdded(await orders.addNote(order, { id, body }))))) return;
    // What was typed while the note travelled is the next one.
    const typed = newest.current.body;
    write({ id: newId(), body: typed.trim() === body ? "" : typed });
  };

  return (
    <form
      class="note-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <textarea
        class="input"
        aria-label="New note"
        placeholder="Write a note"
        rows={2}
        maxLength={5000}
        value={draft.body}
        onInput={(event) => write({ ...newest.current, body: event.currentTarget.value })}
      />
      <ErrorText>{form.error && `${form.error} Your note is kept here.`}</ErrorText>
      <button class="button" disabled={form.busy || draft.body.trim() === ""}>
        {form.error ? "Try again" : "Add note"}
      </button>
    </form>
  );
}

/** A note that is not sent, with the id that it is to have, so that sending it twice makes one. */
interface Draft {
  id: string;
  body: string;
}

const keyOf = (order: string) => `holdall.note.${order}`;

function readDraft(order: string): Draft {
  try {
    const { id, body } = JSON.parse(localStorage.getItem(keyOf(order)) ?? "{}") as Partial<Draft>;
    if (typeof id === "string" && typeof body === "string") return { id, body };
  } catch {
    // What another version of the app left there is not worth an error.
  }
  return { id: newId(), body: "" };
}

function keepDraft(order: string, draft: Draft): void {
  if (draft.body) localStorage.setItem(keyOf(order), JSON.stringify(draft));
  else localStorage.removeItem(keyOf(order));
}
