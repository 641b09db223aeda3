import { useEffect, useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import type { Photo, User } from "../data/types.ts";
import { momentLabel, parseTime } from "../domain/time.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { useLiveList } from "../ui/list.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { Part } from "./part.tsx";
import type { Upload } from "./photo-queue.ts";
import { ProtectedImage } from "./protected-image.tsx";
import { useOutbox } from "./use-outbox.tsx";

interface Props {
  order: string;
  user: User;
  timezone: string;
  writable: boolean;
}

/** The pictures of an order, live, and the button that takes one. */
export function Photos({ order, user, timezone, writable }: Props) {
  const { orders } = useData();
  const photos = useLiveList<Photo>(
    () => orders.photos(order),
    (watcher) => orders.watchPhotos(order, watcher),
    [order],
  );
  const uploads = useOutbox().photos;
  useEffect(
    () =>
      uploads.onArrival((photo) => {
        if (photo.work_order === order) photos.put(photo);
      }),
    [uploads, order, photos.put],
  );
  const [open, setOpen] = useState<Photo>();
  const describe = (photo: Photo) => {
    const at = parseTime(photo.takenAt || photo.created);
    const taken = at ? momentLabel(at, timezone, new Date()) : "";
    return [photo.caption || "Photo", photo.expand?.author && `by ${photo.expand.author.name}`, taken].filter(Boolean).join(", ");
  };

  if (!writable && photos.rows?.length === 0) return null;
  return (
    <Part title="Photos" beside={photos.rows && photos.rows.length > 0 && <span class="count">{photos.rows.length}</span>}>
      {!photos.rows && (photos.failure ? <Failed failure={photos.failure} onRetry={photos.reload} /> : <Skeleton lines={1} />)}
      <ul class="photos">
        {photos.rows?.map((photo) => (
          <li key={photo.id}>
            <button type="button" class="photo" onClick={() => setOpen(photo)}>
              <ProtectedImage of={photo.id + photo.image} read={() => orders.photoURL(photo, "160x160")} alt={describe(photo)} />
            </button>
          </li>
        ))}
        {uploads.of(order).map((upload) => (
          <li key={upload.id}>
            <Travelling upload={upload} onRetry={() => uploads.retry(upload)} onDiscard={() => uploads.discard(upload)} />
          </li>
        ))}
        {writable && (
          <li>
            <PhotoInput onFiles={(files) => uploads.add(order, files)} />
          </li>
        )}
      </ul>
      {open && (
        <PhotoDialog
          photo={open}
          text={describe(open)}
          removable={writable && open.author === user.id}
          onRemoved={() => photos.drop(open)}
          onClose={() => setOpen(undefined)}
        />
      )}
    </Part>
  );
}

function PhotoInput({ onFiles }: { onFiles: (files: Iterable<File>) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <label class="photo photo-add">
      <Icon name="camera" size={24} />
      Add photo
      <input
        ref={input}
        type="file"
        accept="image/*"
        multiple
        class="visually-hidden"
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          // The same picture may be chosen again.
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}

function Travelling({ upload, onRetry, onDiscard }: { upload: Upload; onRetry: () => void; onDiscard: () => void }) {
  return (
    <div class="photo photo-travelling" data-failed={upload.error ? "" : undefined}>
      <img src={upload.preview} alt="" />
      {upload.error ? (
        <div class="photo-failed" role="alert">
          <p>{upload.error}</p>
          <div class="button-row">
            <button type="button" class="button small" onClick={onRetry}>
              Try again
            </button>
            <button type="button" class="button small" onClick={onDiscard}>
              Discard
            </button>
          </div>
        </div>
      ) : (
        <progress value={upload.progress} max={1} aria-label="Sending the photo" />
      )}
    </div>
  );
}

interface PhotoDialogProps {
  photo: Photo;
  text: string;
  removable: boolean;
  onRemoved: () => void;
  onClose: () => void;
}

function PhotoDialog({ photo, text, removable, onRemoved, onClose }: PhotoDialogProps) {
  const { orders } = useData();
  const [removing, setRemoving] = useState(false);
  return (
    <Dialog
      title="Photo"
      width="52rem"
      onClose={onClose}
      footer={
        removable && (
          <button type="button" class="button" onClick={() => setRemoving(true)}>
            <Icon name="trash" />
            Delete photo
          </button>
        )
      }
    >
      <figure class="photo-large">
        <ProtectedImage of={photo.id + photo.image} read={() => orders.photoURL(photo, "800x0")} alt={text} />
        <figcaption>{text}</figcaption>
      </figure>
      {removing && (
        <Confirm
          title="Delete this photo?"
          text="It cannot be brought back."
          action="Delete"
          onClose={() => setRemoving(false)}
          onConfirm={async () => {
            await orders.removePhoto(photo.id);
            onRemoved();
            onClose();
          }}
        />
      )}
    </Dialog>
  );
}
