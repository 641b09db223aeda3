// Uses of the types of the reference app that must compile.
import PocketBase from "pocketbase";
import { and, api, clock, distance, filter, format, or, type Expanded, type TypedPocketBase, type WorkOrder } from "./types.gen.ts";

interface Item { id: string; done: boolean }
declare module "./types.gen.ts" {
  interface JSONTypes { "work_orders.checklist": Item[] | null }
}
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>) => undefined;

const pb = new PocketBase("/") as TypedPocketBase;
const plain: PocketBase = pb;
void plain;

const order = await pb.collection("work_orders").getOne("x");
same<typeof order, WorkOrder>(true);
same<typeof order.status, "draft" | "scheduled" | "enRoute" | "onSite" | "completed" | "cancelled">(true);
same<typeof order.checklist, Item[] | null>(true);

const deep = await pb.collection("notes").getOne("x", { expand: "author, work_order.site" });
const address: string | undefined = deep.expand?.work_order?.expand?.site?.address;
const author: string | undefined = deep.expand?.author?.name;
void [address, author];

const some = await pb.collection("work_orders").getList(1, 20, {
  fields: "id,title:excerpt(200,true),expand.site.name", expand: "site,notes_via_work_order.author", sort: "-created,site.name,@random",
  filter: filter.work_orders((f) => and(f.status.in(["draft", "onSite"]), f.scheduledStart.gte(new Date()), or(f.title.lower.like("x"), f.site.to.name.eq("y")), f.notes_via_work_order.any.author.to.name.eq("z"))),
});
const name: string | undefined = some.items[0]?.expand?.site?.name;
void name;

const all: Expanded<"work_orders", "notes_via_work_order.author">[] = await pb.collection("work_orders").getFullList({ expand: "notes_via_work_order.author", batch: 200 });
for (const note of all[0]?.expand?.notes_via_work_order ?? []) void note.expand?.author?.name.length;

await pb.collection("work_orders").create({ organization: "o", site: "s", title: "t", priority: "low", scheduledStart: new Date() });
await pb.collection("work_orders").update("x", { priority: "high", signature: new File([], "x"), checklist: [{ id: "a", done: true }] }, { expand: "site" }).then((o) => o.expand?.site?.name);
const me = await pb.collection("users").authWithPassword("a", "b", { expand: "memberships_via_user" });
void me.record.expand?.memberships_via_user?.[0]?.role;
void pb.authStore.record?.name;
await pb.collection("work_orders").subscribe("*", (change) => { if (change.action === "delete") void change.record.expand?.site?.name; }, { expand: "site", filter: filter.work_orders((f) => f.number.gt(3)) });
const batch = pb.createBatch();
batch.collection("notes").create({ work_order: "x", author: "y", body: "z" });
void filter.sites((f) => and(distance(f.location, { lon: 1, lat: 2 }).lt(5), format(f.created, "%Y").eq("2026"), f.created.lt(clock.now), f.updated.gt(f.created)));
void filter.organizations((f) => and(f.settings.at("slaHours.low").gt(3), Math.random() > 0.5 && f.name.eq("x"), undefined, f.memberships_via_organization.any.user.eq("x")));
const moved = await api(pb).workOrders.transition({ id: "x" }, { to: "enRoute" }, { expand: "site,assignee", idempotencyKey: "k" });
void moved.expand?.site?.name;
