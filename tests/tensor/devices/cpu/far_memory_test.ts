/** @file Operands and results in memories that kernels do not reach: the same bits, and errors that say what does not fit. */
import { deepStrictEqual, equal } from "node:assert/strict";
import { cpuDevice, jit } from "../../../../tensor/mod.ts";
import { localEngine } from "../../../../tensor/devices/cpu/runtime/local_engine.ts";
import { crowdedDevice, memoryOfTensor } from "../../../support/crowded_device.ts";
import { inputsOf, ROWS } from "../../../support/op_table.ts";

for (const row of ROWS) {
  Deno.test(`${row.name}: the bits do not depend on the memories that hold operands and results`, async () => {
    const [crowded, plain] = [crowdedDevice(localEngine(2)), cpuDevice({ threads: 1, tiles: "4x8" })];
    try {
      for (const testCase of row.cases.filter(({ large = false }) => !large)) {
        const f = jit(row.f, { device: crowded.device });
        f(...inputsOf(testCase)); // takes the room for what is computed on the way
        const inputs = await crowded.spread(inputsOf(testCase));
        deepStrictEqual(inputs.map(memoryOfTensor), inputs.map((_, i) => i % 2));
        const result = f(...inputs);
        equal(memoryOfTensor(result), 1);
        deepStrictEqual(await result.data(), await jit(row.f, { device: plain })(...inputsOf(testCase)).data());
      }
    } finally {
      [crowded.device, plain].forEach((device) => device.close());
    }
  });
}
