import { ClientResponseError, type RecordService } from "pocketbase";

import type { Orders } from "../contract.ts";
import type { Board, BoardFilter, Note, OrderPlan, Photo, Site, WorkOrder } from "../types.ts";
import { ask, type Remote } from "./client.ts";
import { fileTokens } from "./files.ts";
import type { Live } from "./live.ts";
import { uploadFetch } from "./upload.ts";

const EXPAND = "site,assignee";

export function remoteOrders({ pb }: Remote, live: Live): Orders {
  const orders = pb.collection("work_orders");
  const notes = pb.collection("notes");
  const photos = pb.collection("photos");
  const sites = pb.collection("sites");
  const token = fileTokens(pb);
  const me = () => pb.authStore.record?.id ?? "";
  const ofOrder = (order: string) => pb.filter("work_order = {:order}", { order });

  return {
    board: (organization, filter) =>
      ask(() => pb.send<Board>(`/api/v1/organizations/${encodeURIComponent(organization)}/board`, { query: boardQuery(filter) })),

    assignedTo: (organization, user, completedSince) =>
      ask(() =>
        orders.getFullList<WorkOrder>({
          filter: pb.filter(
            'organization = {:organization} && assignee = {:user} && (status = "scheduled" || status = "enRoute" || status = "onSite" || (status = "completed" && completedAt >= {:since}))',
            { organization, user, since: completedSince },
          ),
          sort: "scheduledStart,number",
          expand: EXPAND,
        }),
      ),

    find: (id) => ask(() => orders.getOne<WorkOrder>(id, { expand: EXPAND })),

    watchOrganization: (organization, watcher) =>
      live.watch(
        "work_orders",
        { filter: pb.filter("organization = {:organization}", { organization }), expand: EXPAND },
        watcher,
      ),

    watchOrder: (id, watcher) => live.watch("work_orders", { filter: pb.filter("id = {:id}", { id }), expand: EXPAND }, watcher),

    create: (organization, plan) => ask(() => orders.create<WorkOrder>({ organization, ...plan }, { expand: EXPAND })),

    plan: (id, plan: Partial<OrderPlan>) => ask(() => orders.update<WorkOrder>(id, plan, { expand: EXPAND })),

    move: (id, to, note) =>
      ask(() =>
        pb.send<WorkOrder>(`/api/v1/work-orders/${encodeURIComponent(id)}/transition`, {
          method: "POST",
          body: note ? { to, note } : { to },
          query: { expand: EXPAND },
        }),
      ),

    setChecklist: (id, checklist) => ask(() => orders.update<WorkOrder>(id, { checklist }, { expand: EXPAND })),

    sign: (id, signature) =>
      ask(() =>
        orders.update<WorkOrder>(
          id,
          { signature: new File([signature], "signature.png", { type: "image/png" }) },
          { expand: EXPAND },
        ),
      ),

    remove: async (id) => {
      await ask(() => orders.delete(id));
    },

    notes: (order) => ask(() => notes.getFullList<Note>({ filter: ofOrder(order), sort: "created", expand: "author" })),

    watchNotes: (order, watcher) => live.watch("notes", { filter: ofOrder(order), expand: "author" }, watcher),

    addNote: (order, { id, body }) =>
      ask(async () => {
        const note = await createOnce<Note>(notes, { id, work_order: order, author: me(), body });
        return note.body === body ? note : notes.update<Note>(id, { body }, { expand: "author" });
      }),

    removeNote: async (id) => {
      await ask(() => notes.delete(id));
    },

    photos: (order) => ask(() => photos.getFullList<Photo>({ filter: ofOrder(order), sort: "created", expand: "author" })),

    watchPhotos: (order, watcher) => live.watch("photos", { filter: ofOrder(order), expand: "author" }, watcher),

    addPhoto: (order, { id, image, takenAt }, progress) =>
      ask(() => {
        const file = new File([image], "photo.jpg", { type: image.type });
        const body = { id, work_order: order, author: me(), image: file, takenAt: takenAt.toISOString() };
        return createOnce<Photo>(photos, body, uploadFetch(progress));
      }),

    removePhoto: async (id) => {
      await ask(() => photos.delete(id));
    },

    photoURL: async (photo, thumb) => {
      const options = { token: await ask(token), ...(thumb ? { thumb } : {}) };
      return pb.files.getURL({ ...photo }, photo.image, options);
    },

    signatureURL: async (order) =>
      pb.files.getURL({ ...order, collectionName: "work_orders" }, order.signature, { token: await ask(token) }),

    reportURL: async (order) =>
      pb.files.getURL({ ...order, collectionName: "work_orders" }, order.report, { token: await ask(token), download: true }),

    sites: (organization, search) =>
      ask(async () => {
        const ofOrganization = pb.filter("organization = {:organization}", { organization });
        const named = search ? pb.filter(" && (name ~ {:search} || address ~ {:search})", { search }) : "";
        const page = await sites.getList<Site>(1, 30, { filter: ofOrganization + named, sort: "name", skipTotal: true });
        return page.items;
      }),

    createSite: (organization, site) => ask(() => sites.create<Site>({ organization, ...site })),
  };
}

/**
 * Creates a record that the caller gave its id. Where there is one with the id, an
 * earlier request did arrive and only its answer was lost, so the record is the answer.
 */
async function createOnce<T>(service: RecordService, body: { id: string } & Record<string, unknown>, send?: typeof fetch): Promise<T> {
  const options = { expand: "author" };
  try {
    return await service.create<T>(body, send ? { ...options, fetch: send } : options);
  } catch (error) {
    if (!(error instanceof ClientResponseError) || error.status !== 400 || !isTaken(error)) throw error;
    return service.getOne<T>(body.id, options);
  }
}

function isTaken({ response }: ClientResponseError): boolean {
  return (response as { data?: { id?: { code?: string } } }).data?.id?.code === "validation_not_unique";
}

function boardQuery(filter: BoardFilter): Record<string, string> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value));
}
