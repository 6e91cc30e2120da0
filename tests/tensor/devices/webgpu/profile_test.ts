import { deepStrictEqual, ok } from "node:assert/strict";
import { type Device, jit, matmul, type Tensor, tensor, webgpuDevice } from "../../../../tensor/mod.ts";
import type { LaunchTime } from "../../../../tensor/kernel.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { smallImages, smallStep, smallWeights } from "../../../support/small_step.ts";
import { spyAdapter } from "../../../support/spy_adapter.ts";

for (const features of [undefined, new Set<string>()]) {
  const how = features ? "by waiting where the adapter has no timestamps" : "by timestamps";
  testWebgpu(`A webgpu device with onLaunch times every launch ${how}, and computes the same`, async (plain) => {
    const times: LaunchTime[] = [];
    const { adapter } = await spyAdapter(features ? { features } : {});
    const device = await webgpuDevice({ adapter, onLaunch: (time) => void times.push(time) });
    const lossesOf = async (where: Device) => {
      const step = smallStep(where);
      const first = step(smallWeights(), smallImages(0));
      await first.loss.data();
      times.length = 0; // what makes the weights
      const { launches } = step.stats(first.weights, smallImages(0));
      return { launches, loss: await step(first.weights, smallImages(0)).loss.item() };
    };
    const from = performance.now();
    const expected = await lossesOf(plain);
    const { launches, loss } = await lossesOf(device);
    deepStrictEqual(loss, expected.loss);
    ok(launches >= expected.launches, "each pass has a launch of its own where it is timed");
    deepStrictEqual(times.length, launches);
    const now = performance.now();
    ok(times.every(({ start, milliseconds }) => start >= from && milliseconds >= 0 && start + milliseconds <= now + 1));
    ok(times.some(({ step: { kernel } }) => kernel.kind === "template" && kernel.name === "conv"));
    device.close();
  });
}

testWebgpu("A long kernel takes longer than a short one in the profile", async () => {
  const times: LaunchTime[] = [];
  const device = await webgpuDevice({ onLaunch: (time) => void times.push(time) });
  const f = jit((x: Tensor) => matmul(x, x), { device });
  const square = (side: number) => tensor(new Float32Array(side * side).fill(0.5), { shape: [side, side] });
  // 2¹⁵ times the work, on whatever adapter; a busy machine may hold up one of three.
  for (const side of [16, 16, 16, 512]) await f(square(side)).data();
  const products = times.filter(({ step: { kernel } }) => kernel.kind === "template");
  const milliseconds = products.map((each) => each.milliseconds);
  ok(milliseconds.length === 4 && milliseconds[3]! > Math.min(...milliseconds.slice(0, 3)), `${milliseconds}`);
  device.close();
});
