import { deepStrictEqual, notDeepStrictEqual, throws } from "node:assert/strict";
import recorded from "../golden/random_stream_1.json" with { type: "json" };
import { dropPath, tinyResnet } from "../../nn/mod.ts";
import { sampleMask, STREAM_VERSION, streamOf } from "../../spark/mod.ts";
import { resumeOptions, settleOptions } from "../../spark/commands/shared/settled_options.ts";
import { drawBatch } from "../../spark/train_step.ts";
import { ones, random, referenceDevice, type Tensor, zeros } from "../../tensor/mod.ts";

const device = referenceDevice();
const values = async (x: Tensor) => [...await x.data({ device })];

/** What a step draws: the mask, what drop path keeps, and the key of the next step. */
async function drawn(key: Tensor, batch: number, options: { readonly randomStream?: 1 | 2; readonly first?: number }) {
  const images = zeros([batch, 96, 96, 3]);
  const { next, pattern, run } = drawBatch(tinyResnet(), key, images, { maskRatio: 0.6, ...options });
  const kept = dropPath(ones([batch, 1]), { rate: 0.5, key: run.key!, uniform: run.uniform! });
  return { next, indices: await values(pattern.indices), dropped: await values(kept) };
}

// Recorded with the code of version 0.2.0, which drew as JAX before 0.5.
Deno.test("A run of before goes on with the bits that it began with", async () => {
  const { split, uniform } = streamOf(1);
  const keys = await Promise.all(split(random.key(3), 2).map(values));
  deepStrictEqual(keys.flat(), recorded.split);
  deepStrictEqual(await values(uniform(random.key(3), [5], 0)), recorded.uniform);
  let key = random.key(7);
  for (const { batch, indices, next, dropped } of recorded.steps) {
    const step = await drawn(key, batch, { randomStream: 1 });
    deepStrictEqual([step.indices, await values(step.next), step.dropped], [indices, next, dropped]);
    key = step.next;
  }
});

Deno.test("A new run draws other bits, and refuses a stream that there is not", async () => {
  const step = await drawn(random.key(7), 2, {});
  notDeepStrictEqual(step.indices, recorded.steps[0]!.indices);
  deepStrictEqual(step.indices, (await drawn(random.key(7), 2, { randomStream: STREAM_VERSION })).indices);
  throws(() => streamOf(3 as 1), /the random stream must be 1 or 2: current stream is 3/);
});

Deno.test("Machines that share a batch draw what one machine draws for it", async () => {
  const whole = await drawn(random.key(11), 6, {});
  const parts = await Promise.all([0, 2, 4].map((first) => drawn(random.key(11), 2, { first })));
  const shifted = parts.flatMap(({ indices }, machine) => indices.map((x, i) => i % 3 === 0 ? x + 2 * machine : x));
  deepStrictEqual(shifted, whole.indices);
  deepStrictEqual(parts.flatMap(({ dropped }) => dropped), whole.dropped);
  deepStrictEqual(await values(parts[1]!.next), await values(whole.next));
  const one = { batch: 1, grid: [7, 7], maskRatio: 0.6, first: 1, randomStream: 1 } as const;
  throws(() => sampleMask(random.key(0), one), /the random stream must be 2 for that/);
});

Deno.test("Options of a run of before name the old stream, those of a new one the new", () => {
  const options = settleOptions({ model: "resnet50", batchSize: 2 });
  deepStrictEqual([options.randomStream, resumeOptions(options, {}).options.randomStream], [
    STREAM_VERSION,
    STREAM_VERSION,
  ]);
  deepStrictEqual(
    Object.keys(resumeOptions(options, {}).options),
    Object.keys(options),
    "in the order of the checkpoint",
  );
  const { randomStream: _, ...before } = options;
  deepStrictEqual(resumeOptions(before, {}).options.randomStream, 1);
});
