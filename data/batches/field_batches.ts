import type { Tensor } from "../../tensor/mod.ts";
import { leaf, requireOptions } from "../../tensor/kernel.ts";
import type { Dataset } from "../sets/dataset.ts";
import { placesOfPart } from "./batch_part.ts";
import { FIELD_BATCHES_NAMES, type FieldBatchesOptions, type SkippedSample } from "./batches_options.ts";
import { checkFieldBatches } from "./check_batches.ts";
import { dataKey, drawsOf, shuffled } from "./draws.ts";
import { type EpochPlan, groupedStepsPerEpoch, planEpoch, stepsPerEpoch } from "./epoch_plan.ts";
import type { FieldSpec, FieldValues, Sample } from "./fields.ts";
import { NoneReadableError } from "./readable.ts";
import { type SamplePool, samplePool } from "./sample_pool.ts";

/** One step's samples as tensors, by field. */
export interface FieldBatch {
  /** Number of the step in the run, from 0. */
  readonly step: number;
  /** Number of the epoch, from 0. */
  readonly epoch: number;
  /** Which of the shapes that fields may have. */
  readonly bucket: number;
  /** The fields, each `[B, ...]`. */
  readonly fields: Readonly<Record<string, Tensor>>;
  /** Numbers of the samples in the data set. */
  readonly indices: readonly number[];
  /** Samples that had to be replaced in this batch. */
  readonly skipped: readonly SkippedSample[];
  /** What did not fit into the fields of these samples, such as objects beyond the number that they hold. */
  readonly leftOut: number;
}

/** Separates the randomness of the order from that of the samples. */
const ORDER_STREAM = 1;

/** Separates the randomness of buckets. */
const BUCKET_STREAM = 7;

/**
 * Turns a data set into batches of records of numbers: each epoch in a new order, samples made in threads, in time for the
 * caller. `batches` is the case of images with classes.
 *
 * Every batch follows from the seed and the number of its step alone: the number of workers, the moment of starting
 * (`startStep`) and the speed of the machine change nothing. Samples of a batch are of one group; the last batch of a group in
 * an epoch is filled up with its first samples of the same order. A file that cannot be read or decoded is named in
 * `skipped`, and the next good sample of the order stands in for it. Workers end with the iteration, however it ends.
 *
 * @param dataset Samples.
 * @param options How samples are made (`fields`), batch size, seed, length of the run, workers.
 * @returns Batches in the order of the steps.
 * @throws {RangeError} At the call, if an option is out of range, the data set is empty, or samples of several groups are to
 * be repeated.
 * @throws {TypeError} At the call, if there are workers and data set or fields have no `source`.
 * @throws {Error} While iterating, if no file decodes or a worker fails.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { type Dataset, fieldBatches, type Fields } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 2, channels: 3, data: new Uint8Array(12) } as const;
 * const grey: Dataset = { name: "grey", length: 5, nameOf: String, load: () => Promise.resolve(image) };
 * const fields: Fields = {
 *   buckets: [{ number: { shape: [1], dtype: "int32" } }],
 *   make: (_, { index }) => Promise.resolve({ values: { number: Int32Array.of(index) } }),
 * };
 * for await (const { fields: { number }, indices } of fieldBatches(grey, { fields, batchSize: 4, seed: 1, epochs: 1 })) {
 *   deepStrictEqual([...await number!.data()], indices); // twice
 * }
 * ```
 */
export function fieldBatches(dataset: Dataset, options: FieldBatchesOptions): AsyncGenerator<FieldBatch, void, void> {
  requireOptions("fieldBatches", options, FIELD_BATCHES_NAMES);
  checkFieldBatches(dataset, options);
  const { fields, seed, startStep = 0, workers = dataset.source && fields.source ? 1 : 0, prefetch = 2 } = options;
  // Opens no threads: only refuses now, not at the first step, what they could not load.
  if (workers > 0 && !(dataset.source && fields.source)) samplePool(dataset, { fields, seed }, workers);
  return iterate(dataset, options, { startStep, workers, ahead: workers === 0 ? 0 : prefetch });
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
  options: FieldBatchesOptions,
  { startStep, workers, ahead }: Schedule,
): AsyncGenerator<FieldBatch, void, void> {
  const { fields, seed, batchSize, epochs = Infinity, onSkip = () => {} } = options;
  const { groups } = fields;
  const perEpoch = groups ? groupedStepsPerEpoch(groups, batchSize) : stepsPerEpoch(dataset.length, batchSize);
  const end = options.steps ?? epochs * perEpoch;
  if (startStep >= end) return;
  const pool = samplePool(dataset, { fields, seed }, workers);
  const source: SampleSource = { dataset, options, perEpoch, pool, refused: new Map(), plans: new Map() };
  const reported = new Set<number>();
  try {
    const pending: Promise<FieldBatch>[] = [];
    for (let step = startStep; step < end; step++) {
      while (pending.length <= ahead && step + pending.length < end) {
        const batch = makeBatch(source, step + pending.length);
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
  readonly options: FieldBatchesOptions;
  /** Steps of an epoch. */
  readonly perEpoch: number;
  readonly pool: SamplePool;
  /** Samples that did not decode, with the reason: they are not tried again. */
  readonly refused: Map<number, string>;
  /** The epochs that are under way. */
  readonly plans: Map<number, EpochPlan>;
}

async function makeBatch(source: SampleSource, step: number): Promise<FieldBatch> {
  const { dataset, options: { fields, batchSize, seed, part = { first: 0, count: batchSize } }, perEpoch, refused } =
    source;
  const epoch = Math.floor(step / perEpoch);
  const { orders, batches } = planOf(source, epoch);
  const { group, first } = batches[step - epoch * perEpoch]!;
  const { variants = 1 } = fields;
  const variant = variants === 1 ? 0 : Math.floor(drawsOf(dataKey(seed, BUCKET_STREAM, step))() * variants);
  const bucket = group * variants + variant;
  const from = { order: orders[group]!, epoch, bucket };
  const samples = await Promise.all(
    placesOfPart(part, batchSize).map((place) => makeGoodSample(source, from, first + place)),
  );
  const bad = [...new Set(samples.flatMap(({ passedOver }) => passedOver))];
  return {
    ...{ step, epoch, bucket },
    fields: stacked(fields.buckets[bucket]!, samples.map(({ sample }) => sample.values)),
    indices: samples.map(({ index }) => index),
    skipped: bad.map((index) => ({ index, name: dataset.nameOf(index), reason: refused.get(index)! })),
    leftOut: samples.reduce((sum, { sample: { leftOut = 0 } }) => sum + leftOut, 0),
  };
}

/** The fields of samples one after the other. */
function stacked(
  specs: Readonly<Record<string, FieldSpec>>,
  samples: readonly FieldValues[],
): Readonly<Record<string, Tensor>> {
  const entries = Object.entries(specs).map(([name, { shape, dtype }]) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const host = new (dtype === "int32" ? Int32Array : Float32Array)(samples.length * size);
    samples.forEach((values, i) => {
      const own = values[name];
      if (own?.length !== size) refuseField(name, shape, own?.length);
      host.set(own!, i * size);
    });
    return [name, leaf({ shape: [samples.length, ...shape], dtype }, { host })] as const;
  });
  return Object.fromEntries(entries);
}

function refuseField(name: string, shape: readonly number[], current: number | undefined): never {
  throw new RangeError(
    `Cannot make batches as field ${name} of each sample must have shape [${shape.join(", ")}]: current number of ` +
      `values is ${current ?? "absent"}`,
  );
}

function planOf({ dataset, options, plans }: SampleSource, epoch: number): EpochPlan {
  const known = plans.get(epoch);
  if (known) return known;
  for (const old of plans.keys()) if (old < epoch - 1) plans.delete(old);
  const { seed, repeats = 1, fields, batchSize } = options;
  const each = shuffled(dataKey(seed, ORDER_STREAM, epoch), dataset.length);
  const order = repeats === 1 ? each : each.map((_, place) => each[Math.floor(place / repeats)]!);
  const plan = planEpoch(order, fields.groups, batchSize);
  plans.set(epoch, plan);
  return plan;
}

interface GoodSample {
  readonly index: number;
  readonly sample: Sample;
  readonly passedOver: readonly number[];
}

/** How often the epoch had the image at a place before. */
function timesBefore(place: number, length: number, repeats: number): number {
  return Math.floor(place / length) * repeats + (place % length) % repeats;
}

/** The sample at a place of the order, or the first after it that decodes. */
async function makeGoodSample(
  { dataset, options: { repeats = 1 }, pool, refused }: SampleSource,
  { order, epoch, bucket }: { readonly order: Uint32Array; readonly epoch: number; readonly bucket: number },
  place: number,
): Promise<GoodSample> {
  const passedOver: number[] = [];
  for (let k = 0; k < order.length; k++) {
    const index = order[(place + k) % order.length]!;
    if (!refused.has(index)) {
      const sample = await pool.make({ index, epoch, repeat: timesBefore(place + k, order.length, repeats), bucket });
      if ("values" in sample) return { index, sample, passedOver };
      refused.set(index, sample.reason);
    }
    passedOver.push(index);
  }
  const skipped = passedOver.map((index) => ({ index, name: dataset.nameOf(index), reason: refused.get(index)! }));
  throw new NoneReadableError(dataset, skipped.toSorted((a, b) => a.index - b.index));
}
