import { deepStrictEqual } from "node:assert/strict";
import { cpuDevice, referenceDevice, tensor } from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { inputsOf, type OpCase, type OpRow, ROWS } from "../../support/op_table.ts";

const reference = referenceDevice();

/** Runs a row with 1 and with 2 threads: the bits must agree with each other, the values with the reference. */
async function checkRow({ f, tolerance }: OpRow, testCase: OpCase): Promise<void> {
  const devices = [cpuDevice({ threads: 1 }), cpuDevice({ threads: 2 })];
  try {
    const inputs = inputsOf(testCase);
    const [one, two] = await Promise.all(devices.map((device) => f(...inputs).data({ device })));
    deepStrictEqual(new Uint8Array(two!.buffer), new Uint8Array(one!.buffer), "1 and 2 threads differ");
    const wide = await Promise.all(inputs.map(async (x) => {
      const values = await x.data({ device: reference });
      return x.dtype === "float32" ? tensor(Float64Array.from(values), { shape: x.shape }) : x;
    }));
    const expected = f(...wide);
    const label = testCase.inputs.map(({ shape }) => `[${shape}]`).join(" ");
    assertClose(one!, await expected.data({ device: reference }), tolerance, label);
  } finally {
    devices.forEach((device) => device.close());
  }
}

for (const row of ROWS) {
  Deno.test(`${row.name}: the cpu agrees with the reference, for any number of threads`, async () => {
    for (const testCase of row.cases) await checkRow(row, testCase);
  });
}
