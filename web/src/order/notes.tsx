import { useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { failureOf } from "../data/errors.ts";
import type { Note, User } from "../data/types.ts";
import { momentLabel, parseTime } from "../domain/time.ts";
import { Avatar } from "../ui/avatar.tsx";
import { ErrorText } from "../ui/field.tsx";
import { useForm } from "../ui/form.ts";
import { Icon } from "../ui/icon.tsx";
import { useLiveList } from "../ui/list.ts";
import { useNow } from "../ui/now.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { showToast } from "../ui/toast.tsx";
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

  const remove = async (note: Note) => {
    try {
      await orders.removeNote(note.id);
      notes.drop(note);
    } catch (error) {
      showToast({ kind: "bad", text: failureOf(error).sentence });
    }
  };

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
                    onClick={() => void remove(note)}
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
    </Part>
  );
}

/** What is typed is kept on this device until the server has it. */
function NoteForm({ order, onAdded }: { order: string; onAdded: (note: Note) => void }) {
  const { orders } = useData();
  const draft = `holdall.note.${order}`;
  const [body, setBody] = useState(() => localStorage.getItem(draft) ?? "");
  const form = useForm([]);

  const write = (text: string) => {
    setBody(text);
    if (text) localStorage.setItem(draft, text);
    else localStorage.removeItem(draft);
  };

  return (
    <form
      class="note-form"
      onSubmit={async (event) => {
        event.preventDefault();
        const text = body.trim();
        if (text && (await form.submit(async () => onAdded(await orders.addNote(order, text))))) write("");
      }}
    >
      <textarea
        class="input"
        aria-label="New note"
        placeholder="Write a note"
        rows={2}
        maxLength={5000}
        value={body}
        onInput={(event) => write(event.currentTarget.value)}
      />
      <ErrorText>{form.error && `${form.error} Your note is kept here.`}</ErrorText>
      <button class="button" disabled={form.busy || body.trim() === ""}>
        {form.error ? "Try again" : "Add note"}
      </button>
    </form>
  );
}
