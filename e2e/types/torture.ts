// Uses of the types of a hundred collections, right ones and wrong ones.
import PocketBase from "pocketbase";
import { and, filter, type TortureEverythingCreate, type TypedPocketBase } from "./torture.gen.ts";

const pb = new PocketBase("/") as TypedPocketBase;
const one = await pb.collection("torture_everything").getOne("x", { expand: "target,targets,myself.needed", fields: "*" });
const choice: "" | "a" | "b" | "c-d" | "e f" | '"quoted"' | "日本" = one.choice;
const several: ("a" | "b" | "c")[] = one.choices;
const name: string | undefined = one.expand?.targets?.[0]?.name ?? one.expand?.myself?.expand?.needed?.name;
const place: { lon: number; lat: number } = one.place;
void [choice, several, name, place];
void filter.torture_everything((f) =>
  and(f.choices.has("a"), f.choices.every.ne("b"), f.choices.length.gt(1), f.targets.any.name.eq("x"), f.files.some.like("x"), f.place.lon.lt(3), f.data.at("a.b").eq(1), f.flag.eq(true)),
);
void filter.torture_targets((f) => and(f.torture_everything_via_target.to.text.eq("one, as its index is unique"), f.torture_everything_via_needed.all.flag.eq(true)));
const change: Parameters<ReturnType<typeof everything>["update"]>[1] = { "choices+": "a", "+targets": ["x"], "files-": "x.png", "number+": 1, files: [new Blob(), "kept.txt"], file: "" };
void change;
function everything() {
  return pb.collection("torture_everything");
}
void pb.collection("torture_summary").getFullList({ sort: "-total", expand: "target" });

// @ts-expect-error no view is written
void pb.collection("torture_summary").create({});
// @ts-expect-error nor is anybody told of its changes
void pb.collection("torture_summary").subscribe("*", () => undefined);
// @ts-expect-error it is hidden
void one.hidden;
// @ts-expect-error what must be true cannot be false
const agreed: TortureEverythingCreate["agreed"] = false;
void agreed;
// @ts-expect-error one relation has no any
void filter.torture_everything((f) => f.target.any.name.eq("x"));
// @ts-expect-error many have no to
void filter.torture_everything((f) => f.targets.to.name.eq("x"));
// @ts-expect-error no such item
void filter.torture_everything((f) => f.choices.has("d"));
// @ts-expect-error no file is appended where there is but one
void pb.collection("torture_everything").update("x", { "file+": new Blob() });
