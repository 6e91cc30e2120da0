/** @file What options of `batches` must be. */
import { requireOptions } from "../../tensor/errors.ts";
import type { Dataset } from "../sets/dataset.ts";
import type { Normalisation, Transform } from "../images/transforms.ts";
import { placesOfPart } from "./batch_part.ts";
import {
  BATCHES_NAMES,
  type BatchesOptions,
  type BatchRunOptions,
  type FieldBatchesOptions,
} from "./batches_options.ts";

/**
 * Refuses channels that the rest does not fit.
 *
 * @param channels How many, if told.
 * @param transform How images become samples.
 * @param normalisation Mean and deviation of each.
 * @throws {RangeError} If the numbers differ, or colours are to be changed that there are none of.
 */
export function checkChannels(channels: number | undefined, transform: Transform, { mean, std }: Normalisation): void {
  const wanted = channels ?? 3;
  if (mean.length !== wanted || std.length !== wanted) {
    throw new RangeError(
      `Cannot make batches as normalisation must have a mean and a deviation for each of ${wanted} channels: current ` +
        `numbers are ${mean.length} and ${std.length}`,
    );
  }
  if (channels === undefined || transform.kind === "centerCrop" || !(transform.augment || transform.erase)) return;
  throw new RangeError(
    "Cannot make batches as augment and erase are for 8-bit colours, of which channels must be undefined: current " +
      `channels is ${channels}`,
  );
}

/** Refuses numbers that are no integers of at least `low`. */
function atLeast(low: number, entries: Readonly<Record<string, number | undefined>>): void {
  for (const [name, value] of Object.entries(entries)) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= low)) continue;
    throw new RangeError(
      `Cannot make batches as ${name} must be an integer of at least ${low}: current ${name} is ${value}`,
    );
  }
}

/**
 * Refuses options of `batches` that are unknown or out of range.
 *
 * @param dataset Images.
 * @param options As given.
 * @throws {RangeError} If one is out of range, or the data set is empty.
 * @throws {TypeError} If one is unknown.
 */
export function checkBatchesOptions(dataset: Dataset, options: BatchesOptions): void {
  requireOptions("batches", options, BATCHES_NAMES);
  const { size, channels } = options;
  atLeast(1, { "size[0]": size[0] ?? NaN, "size[1]": size[1] ?? NaN, channels });
  checkRun(dataset, options);
}

function checkRun(dataset: Dataset, options: BatchRunOptions): void {
  const { batchSize, seed, epochs, steps, startStep, workers, prefetch, repeats, part } = options;
  atLeast(1, { batchSize, repeats, "dataset.length": dataset.length });
  atLeast(0, { seed, epochs, steps, startStep, workers, prefetch, "part.first": part?.first });
  atLeast(1, { "part.count": part?.count, "part.groups": part?.groups });
  if (part) placesOfPart(part, batchSize);
}

/**
 * Refuses options of `fieldBatches` that are out of range.
 *
 * @param dataset Samples.
 * @param options As given.
 * @throws {RangeError} If one is out of range, the data set is empty, or groups and buckets do not fit.
 */
export function checkFieldBatches(dataset: Dataset, options: FieldBatchesOptions): void {
  checkRun(dataset, options);
  const { fields: { groups, buckets, variants = 1 }, repeats = 1 } = options;
  if (groups === undefined) return atLeast(variants, { "fields.buckets.length": buckets.length });
  if (groups.length !== dataset.length) {
    throw new RangeError(
      `Cannot make batches as each of ${dataset.length} samples must have a group: current number is ${groups.length}`,
    );
  }
  atLeast((groups.reduce((most, group) => Math.max(most, group), 0) + 1) * variants, {
    "fields.buckets.length": buckets.length,
  });
  if (repeats === 1) return;
  throw new RangeError(
    `Cannot make batches as samples of several groups must come once an epoch: current repeats is ${repeats}`,
  );
}
