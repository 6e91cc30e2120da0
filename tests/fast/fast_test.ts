import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { fuzzImages } from "./images.ts";
import { alive, childrenOf } from "../support/processes.ts";

Deno.test("Damaged images are decoded beside an engine, which gives the right values back", async () => {
  const { read, refused, problems } = await fuzzImages(36, 0);
  deepStrictEqual(problems, []);
  ok(read > 0 && refused > 0);
  equal(read + refused, 36);
});

Deno.test("Processes are found by who started them, and missed once they are gone", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  equal(childrenOf(Deno.pid).includes(child.pid) && alive(child.pid), true);
  child.kill("SIGKILL");
  await child.status;
  equal(childrenOf(Deno.pid).includes(child.pid) || alive(child.pid), false);
});
