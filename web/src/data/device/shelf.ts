import type { PhotoShelf, ShelvedPhoto } from "../contract.ts";

const STORE = "photos";

type Row = ShelvedPhoto & { user: string };

/**
 * A user's shelf in the browser's own database. Where there is none, such as in some private windows, or no
 * room left, the shelf stays empty; the photos are still sent as long as the page is open.
 */
export function photoShelf(user: string): PhotoShelf {
  return {
    async all() {
      const rows = await inStore<Row[]>("readonly", (store) => store.getAll());
      return (rows ?? []).filter((row) => row.user === user).sort((a, b) => a.takenAt.getTime() - b.takenAt.getTime());
    },
    async put(photo) {
      await inStore("readwrite", (store) => store.put({ ...photo, user }));
    },
    async remove(id) {
      await inStore("readwrite", (store) => store.delete(id));
    },
  };
}

/** Runs one request in a transaction of its own; undefined when the browser cannot. */
async function inStore<T>(mode: IDBTransactionMode, request: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  try {
    const database = await opened();
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const made = request(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(made.result);
      transaction.onabort = () => reject(transaction.error);
    }).finally(() => database.close());
  } catch {
    return undefined;
  }
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("holdall", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
