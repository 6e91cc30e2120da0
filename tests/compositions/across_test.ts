import { deepStrictEqual } from "node:assert/strict";
import { cpuDevice, referenceDevice } from "../../tensor/mod.ts";
import { checkCompositions } from "../support/check_compositions.ts";
import { ACROSS, compositionsOf } from "../support/compositions.ts";

Deno.test("transformations, pairs and triples of them, of functions across elements: reference, cpu", async () => {
  const cpu = cpuDevice({ threads: 1 });
  const { failures } = await checkCompositions(compositionsOf(ACROSS), [referenceDevice(), cpu]);
  cpu.close();
  deepStrictEqual(failures, []);
});
