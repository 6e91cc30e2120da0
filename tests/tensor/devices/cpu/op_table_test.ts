import { deepStrictEqual } from "node:assert/strict";
import { cpuDevice } from "../../../../tensor/mod.ts";
import { checkDevice, checkDeviceGradients } from "../../../support/check_device.ts";
import { inputsOf, type OpRow, ROWS } from "../../../support/op_table.ts";

/** Runs something on a device with one thread and on one with two. */
async function withDevices<T>(run: (threads: 1 | 2, device: ReturnType<typeof cpuDevice>) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const threads of [1, 2] as const) {
    const device = cpuDevice({ threads });
    try {
      results.push(await run(threads, device));
    } finally {
      device.close();
    }
  }
  return results;
}

/** The bits of all results of a row. */
async function bitsOf({ f, cases }: OpRow, device: ReturnType<typeof cpuDevice>): Promise<readonly Uint8Array[]> {
  const bits: Uint8Array[] = [];
  for (const testCase of cases) {
    bits.push(new Uint8Array((await f(...inputsOf(testCase)).data({ device })).buffer));
  }
  return bits;
}

for (const row of ROWS) {
  Deno.test(`${row.name}: the cpu agrees with the reference; the bits do not depend on the threads`, async () => {
    const [one, two] = await withDevices(async (threads, device) => {
      if (threads === 1) await checkDevice(device, row);
      if (threads === 2) await checkDeviceGradients(device, row);
      return await bitsOf(row, device);
    });
    deepStrictEqual(two, one);
  });

  if (!row.cases.some(({ large }) => large)) continue;
  Deno.test(`${row.name}: the cpu agrees with the reference on many elements`, async () => {
    await withDevices((threads, device) =>
      threads === 2 ? checkDevice(device, row, { large: true }) : Promise.resolve()
    );
  });
}
