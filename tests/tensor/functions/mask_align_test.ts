import { deepStrictEqual } from "node:assert/strict";
import { cpuDevice, type Device, referenceDevice, tensor } from "../../../tensor/mod.ts";
import { maskAlign } from "../../../tensor/kernel.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

/** Means of masks of `n` columns whose upper part is set, over one bin of `n` samples a side: the middle ones lie on the edge. */
async function halfMeans(device: Device): Promise<readonly number[]> {
  const means: number[] = [];
  for (const n of [1, 3, 5, 7, 9, 11, 13]) {
    const rows = Array.from({ length: n + 1 }, (_, y) => y <= (n - 1) / 2 ? 2 ** (n + 1) - 1 : 0);
    const bits = tensor(rows, { shape: [1, n + 1, 1], dtype: "int32" });
    const options = { size: [1, 1], sampling: n, aligned: false, width: n + 1 } as const;
    const mean = maskAlign(bits, tensor([[0, 0, n, n]]), tensor([0], { dtype: "int32" }), options);
    means.push(...await mean.data({ device }) as Float32Array);
  }
  return means;
}

const requireHalves = async (device: Device) => deepStrictEqual(await halfMeans(device), new Array(7).fill(0.5));

for (const device of [referenceDevice(), cpuDevice()]) {
  Deno.test(`maskAlign() is just one half where half of a mask lies in a bin: ${device.name}`, () =>
    requireHalves(device));
}

testWebgpu("maskAlign() is just one half where half of a mask lies in a bin: webgpu", requireHalves);
