import { deepStrictEqual } from "node:assert/strict";
import { cpuDevice, referenceDevice } from "../../tensor/mod.ts";
import { checkCompositions } from "../support/check_compositions.ts";
import { compositionsOf, ELEMENTWISE } from "../support/compositions.ts";

Deno.test("transformations, pairs and triples of them, of functions of each element: reference, cpu", async () => {
  const cpu = cpuDevice({ threads: 1 });
  const { failures } = await checkCompositions(compositionsOf(ELEMENTWISE), [referenceDevice(), cpu]);
  cpu.close();
  deepStrictEqual(failures, []);
});
