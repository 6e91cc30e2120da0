import { deepStrictEqual, equal, notDeepStrictEqual, ok, rejects } from "node:assert/strict";
import { cpuDevice, jit, random, type Tensor, tensor, treeLeaves } from "../../tensor/mod.ts";
import { emptyRing, leaf, readRing, type Ring } from "../../tensor/kernel.ts";
import { resnet, warmupCosine } from "../../nn/mod.ts";
import {
  init,
  load,
  nextLossScale,
  pretrainOptimizer,
  save,
  skipOverflow,
  startLossScale,
  type TrainState,
  trainStep,
} from "../../spark/mod.ts";
import { makeMetricsReader } from "../../spark/train/metrics.ts";
import { settleOptions } from "../../spark/commands/shared/settled_options.ts";
import type { StepRecord } from "../../spark/train/metrics.ts";
import { trainLoop } from "../../spark/train/train_loop.ts";
import { makePretraining } from "../../spark/commands/pretrain/pretraining.ts";
import { randomValues } from "../support/random_values.ts";

const device = cpuDevice({ threads: 1 }); // no workers to end

const MODEL = resnet({ block: "basic", depths: [1, 2], widths: [4, 8], stemWidth: 4, stem: "light" });
const OPTIMIZER = pretrainOptimizer({ learningRate: warmupCosine({ peak: 0.05, warmup: 2, total: 40 }) });
const STEP = jit(trainStep(MODEL, OPTIMIZER), { device });
const start = () => init(MODEL, OPTIMIZER, random.key(4), { inputSize: [16, 16], decoderWidth: 8 });
const images = (values: ArrayLike<number>) =>
  leaf({ shape: [2, 16, 16, 3], dtype: "float32" }, { host: Float32Array.from(values) });
const IMAGES = images(randomValues(9, 2 * 16 * 16 * 3));
const BROKEN = images(Array.from(randomValues(9, 2 * 16 * 16 * 3), (x) => 1e38 * x));

async function numbers(tree: unknown): Promise<readonly number[]> {
  const values: number[] = [];
  for (const x of treeLeaves(tree as TrainState) as readonly Tensor[]) values.push(...await x.data({ device }));
  return values;
}

Deno.test("nextLossScale() halves after an overflow, doubles after many finite steps, and keeps its bounds", async () => {
  const after = async (scale: number, steps: number, finite: boolean) => {
    const next = nextLossScale({ scale: tensor(scale), steps: tensor(steps, { dtype: "int32" }) }, tensor(finite), {
      growEvery: 3,
    });
    return await numbers(next);
  };
  deepStrictEqual(await after(8, 1, true), [8, 2]);
  deepStrictEqual(await after(8, 2, true), [16, 0]);
  deepStrictEqual(await after(8, 2, false), [4, 0]);
  deepStrictEqual(await after(1, 0, false), [1, 0]);
  deepStrictEqual(await after(2 ** 24, 2, true), [2 ** 24, 0]);
});

Deno.test("A step with a scaled loss is the step without: powers of two cost no bits", async () => {
  const plain = STEP(start(), { images: IMAGES });
  const scaled = STEP(startLossScale(start(), { scale: 1024 }), { images: IMAGES });
  deepStrictEqual(await numbers([scaled.loss, scaled.gradientNorm]), await numbers([plain.loss, plain.gradientNorm]));
  deepStrictEqual(await numbers(scaled.train.params), await numbers(plain.train.params));
  deepStrictEqual(await numbers(scaled.train.lossScale), [1024, 1]);
});

Deno.test("A step that overflows changes key and scale, and nothing else; the next one goes on", async () => {
  const first = STEP(startLossScale(start()), { images: IMAGES }).train;
  const skipped = STEP(first, { images: BROKEN });
  ok((await numbers([skipped.loss, skipped.gradientNorm])).some((value) => !Number.isFinite(value)));
  const { key: oldKey, lossScale: _, ...kept } = first;
  const { key: newKey, lossScale, ...after } = skipped.train;
  deepStrictEqual(await numbers(after), await numbers(kept));
  notDeepStrictEqual(await numbers(newKey), await numbers(oldKey));
  deepStrictEqual(await numbers(lossScale), [2 ** 15, 0]);
  const { train } = STEP(skipped.train, { images: IMAGES });
  deepStrictEqual(await numbers([train.optimizer.step, train.lossScale]), [2, 2 ** 15, 1]);
  notDeepStrictEqual(await numbers(train.params), await numbers(first.params));
});

Deno.test("Without a scale, an overflow is left to be found", async () => {
  const { train, loss } = STEP(start(), { images: BROKEN });
  const out = { train, loss, learningRate: loss, gradientNorm: loss };
  equal(skipOverflow(start(), out), out);
  ok(!Number.isFinite((await numbers(loss))[0]));
});

Deno.test("The scale is in the checkpoint", async () => {
  const path = await Deno.makeTempFile();
  try {
    const train = STEP(startLossScale(start(), { scale: 4096 }), { images: IMAGES }).train;
    await save(path, train);
    const loaded = await load(path, startLossScale(start()));
    deepStrictEqual(await numbers(loaded), await numbers(train));
    await rejects(load(path, start()), /lossScale\.scale absent: current lossScale\.scale is F32 \[\]/);
  } finally {
    await Deno.remove(path);
  }
});

const OPTIONS = {
  ...settleOptions({ inputSize: [16, 16], batchSize: 2, steps: 9, decoderWidth: 8, precision: "f16" }),
};

Deno.test("The command's step notes the scale that it used; small batches are skipped together", async () => {
  for (const accumulate of [1, 2]) {
    const training = makePretraining(
      { ...OPTIONS, accumulate },
      { stepsPerEpoch: 3, total: OPTIONS.steps!, warmup: 0, shift: 0, scheduleShift: 0 },
      device,
    );
    const before = await numbers(training.initial.state);
    let [train, ring]: [TrainState, Ring] = [training.initial, emptyRing({ length: 2, width: 5 })];
    for (const each of [BROKEN, IMAGES]) ({ train, metrics: ring } = training.step(train, ring, each));
    const rows = await readRing(ring, { appended: 2, last: 2, device });
    deepStrictEqual(rows.map((row) => row[4]), [2 ** 16, 2 ** 15]);
    ok(!Number.isFinite(rows[0]![0]!) && Number.isFinite(rows[1]![0]!), `${rows}`);
    deepStrictEqual(await numbers(train.optimizer.step), [1]);
    const after = await numbers(train.state);
    ok(after.every(Number.isFinite) && after.length === before.length);
  }
});

/** The loop over steps that only write the metrics that they are told. */
async function loopOver(rows: readonly (readonly number[])[]): Promise<readonly StepRecord[]> {
  const records: StepRecord[] = [];
  const reader = makeMetricsReader({ device, length: 1, batchSize: 2, stepsPerEpoch: 9, scaled: true, now: () => 0 });
  const queue = [...rows];
  await trainLoop({
    ...{ train: start(), done: 0, total: rows.length, batchSize: 2, saveEvery: 99, readEvery: 1, reader },
    batches: (async function* () {
      for (const _ of rows) yield { images: IMAGES };
    })(),
    step: (train, ring) => ({ train, metrics: { ...ring, rows: tensor([queue.shift()!]) } }),
    log: (added) => void records.push(...added),
    show: () => {},
    save: () => Promise.resolve(),
    interrupted: () => false,
  });
  return records;
}

Deno.test("The loop goes on after steps that were skipped, until the scale cannot fall any more", async () => {
  const records = await loopOver([[1, 0.1, 0, Infinity, 2], [NaN, 0.1, 0, NaN, 2], [1, 0.1, 0, 3, 1]]);
  deepStrictEqual(records.map(({ lossScale }) => lossScale), [2, 2, 1]);
  await rejects(
    loopOver([[1, 0.1, 0, Infinity, 2], [1, 0.1, 0, Infinity, 1]]),
    /^RangeError: Cannot go on after step 2 as loss and gradient must be finite/,
  );
});
