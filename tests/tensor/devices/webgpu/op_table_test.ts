import { checkDevice, checkDeviceGradients } from "../../../support/check_device.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { ROWS } from "../../../support/op_table.ts";

/** Rows tested on one open device: opening one costs more than a row. */
const CHUNK = 25;

async function checkAll(rows: typeof ROWS, check: (row: (typeof ROWS)[number]) => Promise<void>): Promise<void> {
  for (const row of rows) {
    try {
      await check(row);
    } catch (cause) {
      throw new Error(`Cannot pass as ${row.name} must agree: current difference is ${(cause as Error).message}`, {
        cause,
      });
    }
  }
}

for (let from = 0; from < ROWS.length; from += CHUNK) {
  const rows = ROWS.slice(from, from + CHUNK);
  const names = `${rows[0]!.name} … ${rows.at(-1)!.name}`;
  testWebgpu(`webgpu agrees with the reference: ${names}`, async (device) => {
    await checkAll(rows, (row) => checkDevice(device, row));
  });
  testWebgpu(`webgpu agrees with the reference on pullbacks: ${names}`, async (device) => {
    await checkAll(rows, (row) => checkDeviceGradients(device, row));
  });
}

testWebgpu("webgpu agrees with the reference on large shapes, beyond 65,535 groups", async (device) => {
  await checkAll(ROWS, (row) => checkDevice(device, row, { large: true }));
});
