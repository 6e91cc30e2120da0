import { deepStrictEqual, equal, notDeepStrictEqual, ok, throws } from "node:assert/strict";
import { jit, random, type Tensor, tensor, treeLeaves } from "../../tensor/mod.ts";
import { resnet, warmupCosine } from "../../nn/mod.ts";
import { init, pretrainOptimizer, trainStep } from "../../spark/mod.ts";
import { randomValues } from "../support/random_values.ts";
import { read, REFERENCE } from "../nn/support.ts";

const MODEL = resnet({ block: "basic", depths: [1, 2], widths: [4, 8], stemWidth: 4, stem: "light", dropPath: 0.2 });
const OPTIMIZER = pretrainOptimizer({ learningRate: warmupCosine({ peak: 0.05, warmup: 2, total: 40 }) });
const IMAGES = tensor(Float32Array.from(randomValues(9, 2 * 16 * 12 * 3)), { shape: [2, 16, 12, 3] });

const start = () => init(MODEL, OPTIMIZER, random.key(4), { inputSize: [16, 12], decoderWidth: 8 });
const STEP = jit(trainStep(MODEL, OPTIMIZER, { maskRatio: 0.5 }), { device: REFERENCE });

async function numbers(tree: unknown): Promise<readonly number[]> {
  const parts = await Promise.all((treeLeaves(tree) as readonly Tensor[]).map(read));
  return parts.flatMap((values) => Array.from(values));
}

Deno.test("trainStep() lowers the loss and counts its steps", async () => {
  let train = start();
  const losses: number[] = [];
  for (let i = 0; i < 12; i++) {
    const out = STEP(train, { images: IMAGES });
    train = out.train;
    losses.push((await read(out.loss))[0]!);
    ok((await read(out.gradientNorm))[0]! > 0);
  }
  deepStrictEqual(await numbers([train.optimizer.step, train.state.decoder.blocks[0]!.norm1.count]), [12, 12]);
  ok(losses.every(Number.isFinite), `${losses}`);
  const average = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  ok(average(losses.slice(-4)) < average(losses.slice(0, 4)), `${losses}`);
});

Deno.test("trainStep() is a pure function: two runs of one key agree in every number", async () => {
  const run = () => {
    const first = STEP(start(), { images: IMAGES });
    return STEP(first.train, { images: IMAGES });
  };
  const [a, b] = [await numbers(run()), await numbers(run())];
  deepStrictEqual(a, b);
  const other = init(MODEL, OPTIMIZER, random.key(5), { decoderWidth: 8 });
  notDeepStrictEqual(await numbers(STEP(other, { images: IMAGES }).loss), await numbers(run().loss));
});

Deno.test("trainStep() draws a new mask at every step", async () => {
  const step = trainStep(MODEL, OPTIMIZER, { maskRatio: 0.5, dropPath: 0 });
  const train = start();
  const next = step(train, { images: IMAGES }).train;
  notDeepStrictEqual(await read(train.key), await read(next.key));
  const [first, second] = [step(train, { images: IMAGES }), step({ ...train, key: next.key }, { images: IMAGES })];
  notDeepStrictEqual(await read(first.loss), await read(second.loss));
});

Deno.test("trainStep() computes images in another order with what each draws: the same step but for rounding", async () => {
  const images = tensor(Float64Array.from(randomValues(9, 3 * 16 * 12 * 3)), {
    shape: [3, 16, 12, 3],
    dtype: "float64",
  });
  const train = init(MODEL, OPTIMIZER, random.key(4), { decoderWidth: 8, dtype: "float64" });
  const step = (order?: readonly number[]) =>
    trainStep(MODEL, OPTIMIZER, { maskRatio: 0.5, ...order && { order } })(train, { images });
  const [a, b] = [await numbers(step()), await numbers(step([2, 0, 1]))];
  const far = Math.max(...a.map((x, i) => Math.abs(x - b[i]!) / (1 + Math.abs(x))));
  ok(far < 1e-9, `numbers are up to ${far} apart`);
});

Deno.test("init() and trainStep() refuse sizes that do not divide", () => {
  throws(() => init(MODEL, OPTIMIZER, random.key(0), { inputSize: [15, 12] }), /current size is 15×12/);
  const odd = tensor(new Float32Array(2 * 15 * 12 * 3), { shape: [2, 15, 12, 3] });
  throws(() => trainStep(MODEL, OPTIMIZER)(start(), { images: odd }), /multiples of 4/);
  equal(start().key.dtype, "uint32");
});
