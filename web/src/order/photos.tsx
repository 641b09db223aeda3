import { useEffect, useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { failureOf } from "../data/errors.ts";
import type { Photo, User } from "../data/types.ts";
import { momentLabel, parseTime } from "../domain/time.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { useLiveList } from "../ui/list.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { announce, showToast } from "../ui/toast.tsx";
import { Part } from "./part.tsx";
import { useUploads, type Upload } from "./uploads.ts";

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
  const uploads = useUploads(order, (photo) => {
    photos.put(photo);
    announce("Photo saved.");
  });
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
              <Picture photo={photo} thumb="160x160" alt={describe(photo)} />
            </button>
          </li>
        ))}
        {uploads.list.map((upload) => (
          <li key={upload.id}>
            <Travelling upload={upload} onRetry={() => uploads.retry(upload.id)} onDiscard={() => uploads.discard(upload.id)} />
          </li>
        ))}
        {writable && (
          <li>
            <PhotoInput onFiles={uploads.add} />
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
        capture="environment"
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

/** A protected picture: its address carries a token that is asked for first. */
function Picture({ photo, thumb, alt }: { photo: Photo; thumb: "160x160" | "800x0"; alt: string }) {
  const { orders } = useData();
  const [url, setURL] = useState("");
  useEffect(() => {
    let current = true;
    orders.photoURL(photo, thumb).then(
      (found) => current && setURL(found),
      () => {
        // Without an address the frame stays empty, with the description in it.
      },
    );
    return () => {
      current = false;
    };
  }, [photo.id, photo.image, thumb]);
  return url ? <img src={url} alt={alt} loading="lazy" /> : <span class="photo-pending">{alt}</span>;
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
  const remove = async () => {
    try {
      await orders.removePhoto(photo.id);
      onRemoved();
      onClose();
    } catch (error) {
      showToast({ kind: "bad", text: failureOf(error).sentence });
    }
  };
  return (
    <Dialog
      title="Photo"
      width="52rem"
      onClose={onClose}
      footer={
        removable && (
          <button type="button" class="button" onClick={() => void remove()}>
            <Icon name="trash" />
            Delete photo
          </button>
        )
      }
    >
      <figure class="photo-large">
        <Picture photo={photo} thumb="800x0" alt={text} />
        <figcaption>{text}</figcaption>
      </figure>
    </Dialog>
  );
}
