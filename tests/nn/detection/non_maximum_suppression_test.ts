import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { cpuDevice, type Device, referenceDevice, tensor } from "../../../tensor/mod.ts";
import { nonMaximumSuppression } from "../../../nn/mod.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { randomValues } from "../../support/random_values.ts";

/** By definition: a box is kept if no kept one before it overlaps it by more than the threshold. */
function definition(
  boxes: Float32Array,
  scores: ArrayLike<number>,
  threshold: number,
  kind?: ArrayLike<number>,
): number[] {
  const area = (i: number) =>
    Math.fround((boxes[4 * i + 2]! - boxes[4 * i]!) * (boxes[4 * i + 3]! - boxes[4 * i + 1]!));
  const iou = (i: number, j: number) => {
    const side = (axis: number) =>
      Math.max(
        0,
        Math.min(boxes[4 * i + axis + 2]!, boxes[4 * j + axis + 2]!) -
          Math.max(boxes[4 * i + axis]!, boxes[4 * j + axis]!),
      );
    const shared = Math.fround(side(0) * side(1));
    return shared / (area(i) + area(j) - shared);
  };
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  for (const j of order) {
    if (!kept.some((i) => (!kind || kind[i] === kind[j]) && iou(i, j) > threshold)) kept.push(j);
  }
  return kept;
}

async function kept(
  device: Device,
  boxes: ArrayLike<number>,
  scores: ArrayLike<number>,
  threshold: number,
  kind?: ArrayLike<number>,
) {
  const { indices, count } = nonMaximumSuppression(
    tensor(Float32Array.from(boxes), { shape: [scores.length, 4] }),
    tensor(Float32Array.from(scores)),
    { threshold, ...(kind ? { kind: tensor(Int32Array.from(kind)) } : {}) },
  );
  const all = Array.from(await indices.data({ device }), Number);
  const most = await count.item({ device });
  ok(all.slice(most).every((i) => i === -1));
  return all.slice(0, most);
}

/** Corners in eighths of a pixel, so that areas are exact; many scores are equal. */
function randomBoxes(count: number) {
  const numbers = randomValues(5, 5 * count, [0, 1]);
  const boxes = Float32Array.from({ length: 4 * count }, (_, i) => {
    const [box, corner] = [Math.floor(i / 4), i % 4];
    const low = Math.floor(numbers[5 * box + corner % 2]! * 4000) / 8;
    return corner < 2 ? low : low + 1 + Math.floor(numbers[5 * box + corner]! * 320) / 8;
  });
  const scores = Float32Array.from({ length: count }, (_, i) => Math.floor(numbers[5 * i + 4]! * 500) / 512);
  return { boxes, scores, kind: Int32Array.from(scores, (_, i) => i % 3) };
}

async function check(device: Device, many = 10_000): Promise<void> {
  const { boxes, scores, kind } = randomBoxes(many);
  const expected = definition(boxes, scores, 0.3);
  ok(expected.length > many / 20 && expected.length < 0.99 * many, `${expected.length}`);
  deepStrictEqual(await kept(device, boxes, scores, 0.3), expected);
  deepStrictEqual(await kept(device, boxes, scores, 0.3, kind), definition(boxes, scores, 0.3, kind));
}

Deno.test("suppression of 10,000 random boxes is the definition on the cpu", async () => {
  const device = await cpuDevice();
  await check(device);
  device.close();
});

Deno.test("suppression of 10,000 random boxes is the definition in float64", () => check(referenceDevice()));

// a processor that stands in for the GPU takes a minute for 10,000
testWebgpu("suppression of 2,000 random boxes is the definition on webgpu", (device) => check(device, 2000));

async function checkEdges(device: Device): Promise<void> {
  // equal scores keep the order of the boxes
  const same = [0, 0, 4, 4, 0, 0, 4, 4, 8, 8, 9, 9];
  deepStrictEqual(await kept(device, same, [0.5, 0.5, 0.5], 0.5), [0, 2]);
  // an overlap of exactly the threshold is kept: [0,0,2,1] and [1,0,3,1] share a third
  deepStrictEqual(await kept(device, [0, 0, 2, 2, 0, 0, 2, 1], [0.9, 0.8], 0.5), [0, 1]);
  deepStrictEqual(await kept(device, [0, 0, 2, 2, 0, 0, 2, 1.01], [0.9, 0.8], 0.5), [0]);
  // what is no number is not kept and suppresses none
  deepStrictEqual(await kept(device, [0, 0, 4, 4, NaN, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 3.9], [0.5, 0.9, NaN, 0.4], 0.5), [
    0,
  ]);
  deepStrictEqual(await kept(device, [NaN, NaN, NaN, NaN], [NaN], 0.5), []);
  // boxes without area overlap nothing
  deepStrictEqual(await kept(device, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 4, 4], [0.9, 0.8, 0.7], 0), [0, 1, 2]);
  equal((await kept(device, [], [], 0.5)).length, 0);
}

Deno.test("suppression of ties, NaN, empty boxes and no boxes, in float64", () => checkEdges(referenceDevice()));

Deno.test("suppression of ties, NaN, empty boxes and no boxes, on the cpu", async () => {
  const device = await cpuDevice();
  await checkEdges(device);
  device.close();
});

testWebgpu("suppression of ties, NaN, empty boxes and no boxes, on webgpu", checkEdges);
