import type { Tensor } from "../../tensor/mod.ts";
import { leaf } from "../../tensor/kernel.ts";
import type { Dataset } from "../sets/dataset.ts";
import type { BatchesOptions, SkippedSample } from "./batches_options.ts";
import { checkBatchesOptions, checkChannels } from "./check_batches.ts";
import { dataKey, shuffled } from "./draws.ts";
import type { SampleSettings } from "./sample.ts";
import { type SamplePool, samplePool } from "./sample_pool.ts";
import { GREY_NORMALISATION, IMAGENET_NORMALISATION } from "../images/transforms.ts";

/** One step's samples. */
export interface Batch {
  /** Number of the step in the run, from 0. */
  readonly step: number;
  /** Number of the epoch, from 0. */
  readonly epoch: number;
  /** Normalised images, float32 `[B, H, W, C]`. */
  readonly images: Tensor;
  /** Classes, int32 `[B]`; -1 where the data set has none. */
  readonly labels: Tensor;
  /** Numbers of the samples in the data set. */
  readonly indices: readonly number[];
  /** Samples that had to be replaced in this batch. */
  readonly skipped: readonly SkippedSample[];
}

/** Separates the randomness of the order from that of the samples. */
const ORDER_STREAM = 1;

/**
 * Counts the steps of an epoch: as many as it takes to see every image.
 *
 * @param length Samples of the data set.
 * @param batchSize Images per batch.
 * @returns `length / batchSize`, rounded up.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { stepsPerEpoch } from "@tessera/tessera/data";
 *
 * equal(stepsPerEpoch(748, 8), 94);
 * ```
 */
export function stepsPerEpoch(length: number, batchSize: number): number {
  return Math.ceil(length / batchSize);
}

/**
 * Turns a data set into batches: each epoch in a new order, decoded and augmented in threads, in time for the caller.
 *
 * Every batch follows from the seed and the number of its step alone: the number of workers, the moment of starting
 * (`startStep`) and the speed of the machine change nothing. The last batch of an epoch is filled up with the first
 * samples of the same order, as in SparK. A file that cannot be read or decoded is named in `skipped`, and the next
 * good sample of the order stands in for it. Workers end with the iteration, however it ends.
 *
 * @param dataset Images.
 * @param options Size, batch size, seed, length of the run, workers, transform.
 * @returns Batches in the order of the steps.
 * @throws {RangeError} At the call, if an option is out of range or the data set is empty.
 * @throws {TypeError} At the call, if there are workers and the data set has no `source`.
 * @throws {Error} While iterating, if no file decodes or a worker fails.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { batches, type Dataset } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 2, channels: 3, data: new Uint8Array(12) } as const;
 * const grey: Dataset = { name: "grey", length: 5, nameOf: String, load: () => Promise.resolve(image) };
 * for await (const { images } of batches(grey, { size: [8, 8], batchSize: 4, seed: 1, epochs: 1 })) {
 *   deepStrictEqual(images.shape, [4, 8, 8, 3]); // twice
 * }
 * ```
 */
export function batches(dataset: Dataset, options: BatchesOptions): AsyncGenerator<Batch, void, void> {
  const { size, seed, startStep = 0, workers = dataset.source ? 1 : 0, prefetch = 2 } = options;
  checkBatchesOptions(dataset, options);
  const { transform = { kind: "randomResizedCrop" }, channels } = options;
  const normalisation = options.normalisation ?? (channels === 1 ? GREY_NORMALISATION : IMAGENET_NORMALISATION);
  checkChannels(channels, transform, normalisation);
  const settings: SampleSettings = {
    ...{ size, seed, transform, normalisation },
    ...(channels === undefined ? {} : { channels }),
  };
  // Opens no threads: only refuses now, not at the first step, data that they could not load.
  if (workers > 0 && !dataset.source) samplePool(dataset, settings, workers);
  return iterate(dataset, options, settings, { startStep, workers, ahead: workers === 0 ? 0 : prefetch });
}

/** How the batches are made. */
interface Schedule {
  readonly startStep: number;
  readonly workers: number;
  /** Batches in the making besides the one that is waited for. */
  readonly ahead: number;
}

async function* iterate(
  dataset: Dataset,
  options: BatchesOptions,
  settings: SampleSettings,
  { startStep, workers, ahead }: Schedule,
): AsyncGenerator<Batch, void, void> {
  const { batchSize, epochs = Infinity, onSkip = () => {}, repeats = 1 } = options;
  const end = options.steps ?? epochs * stepsPerEpoch(dataset.length, batchSize);
  if (startStep >= end) return;
  const pool = samplePool(dataset, settings, workers);
  const source: SampleSource = { dataset, settings, pool, repeats, refused: new Map(), orders: new Map() };
  const reported = new Set<number>();
  try {
    const pending: Promise<Batch>[] = [];
    for (let step = startStep; step < end; step++) {
      while (pending.length <= ahead && step + pending.length < end) {
        const batch = makeBatch(source, step + pending.length, batchSize);
        batch.catch(() => {}); // reported when its turn comes
        pending.push(batch);
      }
      const batch = await pool.wait(pending.shift()!);
      batch.skipped.filter(({ index }) => !reported.has(index)).forEach((sample) => {
        if (!reported.has(sample.index)) onSkip(sample);
        reported.add(sample.index);
      });
      yield batch;
    }
  } finally {
    await pool.close();
  }
}

interface SampleSource {
  readonly dataset: Dataset;
  readonly settings: SampleSettings;
  readonly pool: SamplePool;
  /** How often each image comes. */
  readonly repeats: number;
  /** Samples that did not decode, with the reason: they are not tried again. */
  readonly refused: Map<number, string>;
  /** Order of the samples in the epochs that are under way. */
  readonly orders: Map<number, Uint32Array>;
}

async function makeBatch(source: SampleSource, step: number, batchSize: number): Promise<Batch> {
  const { dataset: { length, labels }, settings: { size: [height, width], channels = 3 }, refused } = source;
  const perEpoch = stepsPerEpoch(length, batchSize);
  const epoch = Math.floor(step / perEpoch);
  const first = (step - epoch * perEpoch) * batchSize;
  const order = orderOf(source, epoch);
  const samples = await Promise.all(
    Array.from({ length: batchSize }, (_, i) => makeGoodSample(source, order, epoch, first + i)),
  );
  const pixels = new Float32Array(batchSize * height * width * channels);
  samples.forEach(({ values }, i) => pixels.set(values, i * height * width * channels));
  const classes = Int32Array.from(samples, ({ index }) => labels?.[index] ?? -1);
  const bad = [...new Set(samples.flatMap(({ passedOver }) => passedOver))];
  return {
    step,
    epoch,
    images: leaf({ shape: [batchSize, height, width, channels], dtype: "float32" }, { host: pixels }),
    labels: leaf({ shape: [batchSize], dtype: "int32" }, { host: classes }),
    indices: samples.map(({ index }) => index),
    skipped: bad.map((index) => ({ index, name: source.dataset.nameOf(index), reason: refused.get(index)! })),
  };
}

function orderOf({ dataset, settings, orders, repeats }: SampleSource, epoch: number): Uint32Array {
  const known = orders.get(epoch);
  if (known) return known;
  for (const old of orders.keys()) if (old < epoch - 1) orders.delete(old);
  const each = shuffled(dataKey(settings.seed, ORDER_STREAM, epoch), dataset.length);
  const order = repeats === 1 ? each : each.map((_, place) => each[Math.floor(place / repeats)]!);
  orders.set(epoch, order);
  return order;
}

interface GoodSample {
  readonly index: number;
  readonly values: Float32Array;
  readonly passedOver: readonly number[];
}

/** How often the epoch had the image at a place before. */
function timesBefore(place: number, length: number, repeats: number): number {
  return Math.floor(place / length) * repeats + (place % length) % repeats;
}

/** The sample at a place of the order, or the first after it that decodes. */
async function makeGoodSample(
  { dataset, pool, refused, repeats }: SampleSource,
  order: Uint32Array,
  epoch: number,
  place: number,
): Promise<GoodSample> {
  const passedOver: number[] = [];
  for (let k = 0; k < order.length; k++) {
    const index = order[(place + k) % order.length]!;
    if (!refused.has(index)) {
      const result = await pool.make({ index, epoch, repeat: timesBefore(place + k, order.length, repeats) });
      if ("values" in result) return { index, values: result.values, passedOver };
      refused.set(index, result.reason);
    }
    passedOver.push(index);
  }
  const [index, reason] = refused.entries().next().value!;
  throw new Error(
    `Cannot make batches of ${dataset.name} as at least one of its ${order.length} images must decode: current ` +
      `${dataset.nameOf(index)} does not as ${reason}`,
  );
}
