import { ClientResponseError } from "pocketbase";

import type { Orders } from "../contract.ts";
import { and, api, filter, or } from "../types.gen.ts";
import type { BoardFilter } from "../types.ts";
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
  const notesOf = (order: string) => filter.notes((note) => note.work_order.eq(order));
  const photosOf = (order: string) => filter.photos((photo) => photo.work_order.eq(order));

  return {
    board: (organization, narrowed) => ask(() => api(pb).organizations.board({ id: organization, ...boardQuery(narrowed) })),

    assignedTo: (organization, user, completedSince) =>
      ask(() =>
        orders.getFullList({
          filter: filter.work_orders((order) =>
            and(
              order.organization.eq(organization),
              order.assignee.eq(user),
              or(
                order.status.in(["scheduled", "enRoute", "onSite"]),
                and(order.status.eq("completed"), order.completedAt.gte(completedSince)),
              ),
            ),
          ),
          sort: "scheduledStart,number",
          expand: EXPAND,
        }),
      ),

    find: (id) => ask(() => orders.getOne(id, { expand: EXPAND })),

    watchOrganization: (organization, watcher) =>
      live.watch(
        "work_orders",
        { filter: filter.work_orders((order) => order.organization.eq(organization)), expand: EXPAND },
        watcher,
      ),

    watchOrder: (id, watcher) =>
      live.watch("work_orders", { filter: filter.work_orders((order) => order.id.eq(id)), expand: EXPAND }, watcher),

    create: (organization, plan) => ask(() => orders.create({ organization, ...plan }, { expand: EXPAND })),

    plan: (id, plan) => ask(() => orders.update(id, plan, { expand: EXPAND })),

    move: (id, to, note) =>
      ask(() => api(pb).workOrders.transition({ id }, note ? { to, note } : { to }, { expand: EXPAND })),

    setChecklist: (id, checklist) => ask(() => orders.update(id, { checklist }, { expand: EXPAND })),

    sign: (id, signature) =>
      ask(() =>
        orders.update(
          id,
          { signature: new File([signature], "signature.png", { type: "image/png" }) },
          { expand: EXPAND },
        ),
      ),

    remove: async (id) => {
      await ask(() => orders.delete(id));
    },

    notes: (order) => ask(() => notes.getFullList({ filter: notesOf(order), sort: "created", expand: "author" })),

    watchNotes: (order, watcher) => live.watch("notes", { filter: notesOf(order), expand: "author" }, watcher),

    addNote: (order, { id, body }) =>
      ask(async () => {
        const written = { id, work_order: order, author: me(), body };
        const note = await createOnce(
          () => notes.create(written, { expand: "author" }),
          () => notes.getOne(id, { expand: "author" }),
        );
        return note.body === body ? note : notes.update(id, { body }, { expand: "author" });
      }),

    removeNote: async (id) => {
      await ask(() => notes.delete(id));
    },

    photos: (order) => ask(() => photos.getFullList({ filter: photosOf(order), sort: "created", expand: "author" })),

    watchPhotos: (order, watcher) => live.watch("photos", { filter: photosOf(order), expand: "author" }, watcher),

    addPhoto: (order, { id, image, takenAt }, progress) =>
      ask(() => {
        const file = new File([image], "photo.jpg", { type: image.type });
        const taken = { id, work_order: order, author: me(), image: file, takenAt: takenAt.toISOString() };
        return createOnce(
          () => photos.create(taken, { expand: "author", fetch: uploadFetch(progress) }),
          () => photos.getOne(id, { expand: "author" }),
        );
      }),

    removePhoto: async (id) => {
      await ask(() => photos.delete(id));
    },

    photoURL: async (photo, thumb) => {
      const options = { token: await ask(token), ...(thumb ? { thumb } : {}) };
      return pb.files.getURL(photo, photo.image, options);
    },

    signatureURL: async (order) =>
      pb.files.getURL(order, order.signature, { token: await ask(token) }),

    reportURL: async (order) =>
      pb.files.getURL(order, order.report, { token: await ask(token), download: true }),

    sites: (organization, search) =>
      ask(async () => {
        const named = filter.sites((site) =>
          and(site.organization.eq(organization), search && or(site.name.like(search), site.address.like(search))),
        );
        const page = await sites.getList(1, 30, { filter: named, sort: "name", skipTotal: true });
        return page.items;
      }),

    createSite: (organization, site) => ask(() => sites.create({ organization, ...site })),
  };
}

/**
 * Creates a record that the caller gave its id. Where there is one with the id, an
 * earlier request did arrive and only its answer was lost, so the record is the answer.
 */
async function createOnce<T>(create: () => Promise<T>, find: () => Promise<T>): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof ClientResponseError) || error.status !== 400 || !isTaken(error)) throw error;
    return find();
  }
}

function isTaken({ response }: ClientResponseError): boolean {
  return (response as { data?: { id?: { code?: string } } }).data?.id?.code === "validation_not_unique";
}

/** What is asked for, without what is empty. */
function boardQuery({ priority, ...texts }: BoardFilter) {
  return { ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value)), ...(priority && { priority }) };
}
