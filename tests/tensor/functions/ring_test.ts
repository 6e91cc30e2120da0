import { deepStrictEqual, rejects } from "node:assert/strict";
import { cpuDevice, type Device, jit, type Tensor, tensor } from "../../../tensor/mod.ts";
import { appendRow, emptyRing, readRing, type Ring } from "../../../tensor/kernel.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

/** Appends rows `[i, -i]` in a compiled step that takes the ring over, and reads the last ones now and then. */
async function checkRing(device: Device, length: number): Promise<void> {
  const step = jit((ring: Ring, row: Tensor) => appendRow(ring, row), { device, donate: [0] });
  let ring = emptyRing({ length, width: 2 });
  for (let i = 1; i <= 11; i++) {
    ring = step(ring, tensor([i, -i]));
    const last = Math.min(length, i);
    const expected = Array.from({ length: last }, (_, row) => [i - last + row + 1, -(i - last + row + 1)]);
    deepStrictEqual((await readRing(ring, { appended: i, last, device })).map((row) => [...row]), expected);
  }
}

Deno.test("A ring keeps the last rows in order, whatever its length", async () => {
  const device = cpuDevice({ threads: 1 });
  for (const length of [1, 2, 4, 11, 20]) await checkRing(device, length);
  device.close();
});

testWebgpu("A ring on a GPU is appended to in place and read in one reading", async (device) => {
  await checkRing(device, 4);
  const step = jit((ring: Ring, row: Tensor) => appendRow(ring, row), { device, donate: [0] });
  const row = tensor([1, 2]);
  let ring = step(emptyRing({ length: 4, width: 2 }), row);
  ring = step(ring, row);
  const before = device.counters!();
  for (let i = 0; i < 10; i++) ring = step(ring, row);
  const after = device.counters!();
  deepStrictEqual([after.bytes - before.bytes, after.readBacks - before.readBacks], [0, 0]);
  await readRing(ring, { appended: 12, last: 4 });
  deepStrictEqual(device.counters!().readBacks - before.readBacks, 1);
});

Deno.test("A ring refuses to give rows that it does not hold", async () => {
  const ring = emptyRing({ length: 4, width: 1 });
  await rejects(
    () => readRing(ring, { appended: 9, last: 5 }),
    /^RangeError: Cannot read a ring .* 5, of 9 appended and 4 kept$/,
  );
  await rejects(() => readRing(ring, { appended: 2, last: 3 }), RangeError);
});
