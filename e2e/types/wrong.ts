// Uses of the types of the reference app that must not compile, each for its reason.
import PocketBase from "pocketbase";
import { and, api, filter, type TypedPocketBase } from "./types.gen.ts";
const pb = new PocketBase("/") as TypedPocketBase;
// @ts-expect-error no such collection
pb.collection("work_order");
// @ts-expect-error no such relation
void pb.collection("work_orders").getOne("x", { expand: "sit" });
// @ts-expect-error no such relation further on
void pb.collection("notes").getOne("x", { expand: "author,work_order.sit" });
// @ts-expect-error a misspelt option
void pb.collection("notes").getOne("x", { exapnd: "author" });
// @ts-expect-error not expanded
void (await pb.collection("notes").getOne("x")).expand;
// @ts-expect-error not expanded
void (await pb.collection("notes").getOne("x", { expand: "author" })).expand?.work_order;
// @ts-expect-error no such field
void pb.collection("notes").getOne("x", { fields: "id,bdy" });
// @ts-expect-error not asked for
void (await pb.collection("notes").getOne("x", { fields: "id,author" })).body;
// @ts-expect-error no such field
void pb.collection("notes").getFullList({ sort: "-creatd" });
// @ts-expect-error a relation that leads here is no column
void pb.collection("work_orders").getFullList({ sort: "notes_via_work_order" });
// @ts-expect-error a field is missing
void pb.collection("notes").create({ work_order: "x", author: "y" });
// @ts-expect-error a field of another type
void pb.collection("notes").create({ work_order: "x", author: "y", body: 3 });
// @ts-expect-error no such value
void pb.collection("work_orders").update("x", { priority: "utmost" });
// @ts-expect-error no such field
void pb.collection("work_orders").update("x", { prio: "low" });
// @ts-expect-error moved by a route, as the rule says
void pb.collection("work_orders").update("x", { status: "draft" });
// @ts-expect-error set by the server
void pb.collection("work_orders").update("x", { created: "2026-01-01 00:00:00.000Z" });
// @ts-expect-error hidden
void (await pb.collection("organizations").getOne("x")).invitationKey;
// @ts-expect-error does not sign in
void pb.collection("notes").authWithPassword("a", "b");
// @ts-expect-error no such value
void filter.work_orders((f) => f.status.eq("begun"));
// @ts-expect-error no such field
void filter.work_orders((f) => f.stat.eq("draft"));
// @ts-expect-error a number with a text
void filter.work_orders((f) => f.number.eq("1"));
// @ts-expect-error a moment that compares wrongly as text
void filter.work_orders((f) => f.created.gt("2026-01-01T00:00:00Z"));
// @ts-expect-error any or all?
void filter.work_orders((f) => f.notes_via_work_order.body.eq("x"));
// @ts-expect-error of another collection
void filter.work_orders((f) => and(f.status.eq("draft"), filter.sites((s) => s.name.eq("x"))));
// @ts-expect-error for another collection
void pb.collection("sites").getFullList({ filter: filter.work_orders((f) => f.status.eq("draft")) });
// @ts-expect-error a boolean has no order
void filter.users((f) => f.verified.gt(true));
// @ts-expect-error no such status
void api(pb).workOrders.transition({ id: "x" }, { to: "begun" });
// @ts-expect-error a parameter is missing
void api(pb).workOrders.transition({}, { to: "draft" });
// @ts-expect-error no such collection
pb.createBatch().collection("note");
