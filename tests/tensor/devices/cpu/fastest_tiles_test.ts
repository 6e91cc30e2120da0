import { equal, notEqual } from "node:assert/strict";
import { fastestTiles } from "../../../../tensor/devices/cpu/runtime/fastest_tiles.ts";

Deno.test("An engine that checks addresses is found to join no vectors, each time the same", () => {
  const found = fastestTiles();
  notEqual(found, "6x16"); // deno test runs without V8's flags
  equal(fastestTiles(), found);
});
