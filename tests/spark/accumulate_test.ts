import { deepStrictEqual, notDeepStrictEqual } from "node:assert/strict";
import { cast, concat, jit, random, sizeOf, slice, type Tensor, tensor, treeLeaves } from "../../tensor/mod.ts";
import { realize } from "../../tensor/kernel.ts";
import { resnet } from "../../nn/mod.ts";
import {
  addGradients,
  applySums,
  init,
  lossAndGradients,
  patchLoss,
  patternMask,
  pretrainOptimizer,
  type TrainState,
  trainStep,
  type TrainStepOptions,
  zeroSums,
} from "../../spark/mod.ts";
import { drawBatch } from "../../spark/train_step.ts";
import { forward } from "../../spark/forward.ts";
import { assertClose } from "../support/assert_close.ts";
import { randomValues } from "../support/random_values.ts";
import { read, REFERENCE } from "../nn/support.ts";

const MODEL = resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });
const OPTIMIZER = pretrainOptimizer({ learningRate: 0.01 });
const start = (): TrainState => init(MODEL, OPTIMIZER, random.key(4), { decoderWidth: 8 });

const picture = (seed: number, shape: readonly [number, number, number]): Tensor => {
  const [batch, height, width] = shape;
  return tensor(Float32Array.from(randomValues(seed, batch * height * width * 3)), {
    shape: [batch, height, width, 3],
  });
};

/** Small batches of other numbers of images, and of other sizes. */
const BATCHES = [picture(1, [1, 8, 8]), picture(2, [3, 8, 8]), picture(3, [2, 16, 12])] as const;
const OPTIONS = { maskRatio: 0.5 } as const;

async function numbers(tree: unknown): Promise<readonly number[]> {
  realize(treeLeaves(tree) as readonly Tensor[], REFERENCE); // in one program
  const parts = await Promise.all((treeLeaves(tree) as readonly Tensor[]).map(read));
  return parts.flatMap((values) => Array.from(values));
}

for (const lossOn of ["masked", "all"] as const) {
  Deno.test(`addGradients() sums to the gradient of the loss over all ${lossOn} patches of all small batches`, async () => {
    const options = { ...OPTIONS, lossOn };
    const more = addGradients(MODEL, options);
    let at: Pick<TrainState, "params" | "state" | "key"> = start();
    let sums = zeroSums(at.params);
    const terms: { count: number; loss: number; gradients: readonly number[] }[] = [];
    for (const images of BATCHES) {
      const { pattern, run } = drawBatch(MODEL, at.key, images, options, sums.images);
      const count = sizeOf(pattern.gridShape) - (lossOn === "masked" ? pattern.indices.shape[0]! : 0);
      const { pixels } = forward(MODEL, at, { images, pattern }, run);
      const { gradients } = lossAndGradients(MODEL, at, { images, pattern }, run);
      const loss = (await read(patchLoss(images, pixels, pattern, run)))[0]!;
      terms.push({ count, loss, gradients: await numbers(gradients) });
      const { sums: next, ...after } = more(at, sums, { images });
      at = { ...at, ...after };
      sums = next;
    }
    const total = terms.reduce((sum, { count }) => sum + count, 0);
    deepStrictEqual(await numbers(sums.patches), [total]);
    const out = applySums(OPTIMIZER)({ ...start(), ...at }, sums);
    assertClose(await read(out.loss), [terms.reduce((sum, { count, loss }) => sum + count * loss, 0) / total], {
      relative: 1e-6,
    });
    const expected = terms[0]!.gradients.map((_, i) =>
      terms.reduce((sum, { count, gradients }) => sum + count * gradients[i]!, 0) / total
    );
    const norm = Math.sqrt(expected.reduce((sum, g) => sum + g * g, 0));
    assertClose(await read(out.gradientNorm), [norm], { relative: 1e-5 });
    assertClose((await numbers(sums.gradients)).map((g) => g / total), expected, { absolute: 1e-5 });
    deepStrictEqual(await numbers(out.train.optimizer.step), [1]);
  });
}

Deno.test("one small batch is trainStep(), compiled", async () => {
  const images = BATCHES[1];
  const whole = jit(trainStep(MODEL, OPTIMIZER, OPTIONS), { device: REFERENCE })(start(), { images });
  const more = jit(addGradients(MODEL, OPTIONS), { device: REFERENCE });
  const { sums, ...after } = more(start(), zeroSums(start().params), { images });
  const out = jit(applySums(OPTIMIZER), { device: REFERENCE })({ ...start(), ...after }, sums);
  assertClose(await numbers(out.train), await numbers(whole.train), { absolute: 1e-5 });
  notDeepStrictEqual(await numbers(out.train.params), await numbers(start().params));
});

Deno.test("what is drawn for an image depends on its place in the step, not on the number of small batches", async () => {
  const images = picture(5, [4, 8, 8]);
  const drawn = (options: TrainStepOptions, key: Tensor, parts: number) => {
    const size = 4 / parts;
    return Array.from({ length: parts }, (_, part) => {
      const piece = slice(images, { start: [part * size, 0, 0, 0], size: [size, 8, 8, 3] });
      const { run, pattern } = drawBatch(MODEL, key, piece, options, tensor(part * size, { dtype: "int32" }));
      return { mask: patternMask(pattern), dropped: run.uniform!(run.key!, [size, 1, 1, 1]) };
    });
  };
  const all = async (parts: number) => {
    const pieces = drawn(OPTIONS, random.key(9), parts);
    return await numbers([
      concat(pieces.map(({ mask }) => cast(mask, "int32"))),
      concat(pieces.map(({ dropped }) => dropped)),
    ]);
  };
  const whole = await all(1);
  deepStrictEqual(await all(2), whole);
  deepStrictEqual(await all(4), whole);
});

Deno.test("after a step of two small batches the key is that of a whole step; with the stream of before, they chain", async () => {
  const keys = async (randomStream: 1 | 2) => {
    const options = { ...OPTIONS, randomStream };
    const more = addGradients(MODEL, options);
    const first = more(start(), zeroSums(start().params), { images: BATCHES[0] });
    const second = more({ ...start(), ...first }, first.sums, { images: BATCHES[1] });
    const out = applySums(OPTIMIZER)({ ...start(), ...second }, second.sums);
    const whole = drawBatch(MODEL, start().key, BATCHES[1], options).next;
    return await Promise.all(
      [out.train.key, whole, first.key, start().key].map(async (key) => Array.from(await read(key)).join()),
    );
  };
  const [after, whole, between, begin] = await keys(2);
  deepStrictEqual([after, between], [whole, begin]);
  const [chained, once, own] = await keys(1);
  deepStrictEqual(own, once);
  notDeepStrictEqual(chained, once);
});
