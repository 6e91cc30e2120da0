import { deepStrictEqual, notDeepStrictEqual } from "node:assert/strict";
import { jit, random, sizeOf, type Tensor, tensor, treeLeaves } from "../../tensor/mod.ts";
import { realize } from "../../tensor/kernel.ts";
import { resnet } from "../../nn/mod.ts";
import {
  addGradients,
  applySums,
  init,
  lossAndGradients,
  patchLoss,
  pretrainOptimizer,
  type TrainState,
  trainStep,
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
      const { pattern, run } = drawBatch(MODEL, at.key, images, options);
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
