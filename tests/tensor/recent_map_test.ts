import { deepStrictEqual, equal } from "node:assert/strict";
import { recentMap } from "../../tensor/recent_map.ts";

const keysOf = (map: { has(key: string): boolean }, keys: readonly string[]) => keys.filter((key) => map.has(key));

Deno.test("What was used longest ago is forgotten first: reading is using, asking is not", () => {
  const map = recentMap<number>({ entries: 2, characters: 100 });
  map.set("a", 1);
  map.set("b", 2);
  equal(map.get("a"), 1);
  equal(map.has("b"), true);
  map.set("c", 3);
  deepStrictEqual(keysOf(map, ["a", "b", "c"]), ["a", "c"]);
  equal(map.get("b"), undefined);
});

Deno.test("Keys count by their length, once however often they are set; the newest stays even if it is too long", () => {
  const map = recentMap<number>({ entries: 10, characters: 6 });
  for (let i = 0; i < 3; i++) map.set("aaa", i);
  map.set("bbb", 1);
  deepStrictEqual(keysOf(map, ["aaa", "bbb"]), ["aaa", "bbb"]);
  map.set("c", 2);
  deepStrictEqual(keysOf(map, ["aaa", "bbb", "c"]), ["bbb", "c"]);
  map.set("ddddddddd", 3);
  deepStrictEqual(keysOf(map, ["bbb", "c", "ddddddddd"]), ["ddddddddd"]);
});
