/** @file What options of `batches` must be. */
import { requireOptions } from "../../tensor/errors.ts";
import type { Dataset } from "../sets/dataset.ts";
import type { Normalisation, Transform } from "../images/transforms.ts";
import type { BatchesOptions } from "./batches_options.ts";

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

/**
 * Refuses options of `batches` that are unknown or out of range.
 *
 * @param dataset Images.
 * @param options As given.
 * @throws {RangeError} If one is out of range, or the data set is empty.
 * @throws {TypeError} If one is unknown.
 */
export function checkBatchesOptions(dataset: Dataset, options: BatchesOptions): void {
  requireOptions("batches", options, {
    size: true,
    batchSize: true,
    seed: true,
    epochs: true,
    steps: true,
    startStep: true,
    workers: true,
    prefetch: true,
    transform: true,
    normalisation: true,
    channels: true,
    repeats: true,
    onSkip: true,
  });
  const { size, batchSize, seed, epochs, steps, startStep, workers, prefetch, repeats, channels } = options;
  const atLeast = (low: number, entries: Readonly<Record<string, number | undefined>>) => {
    for (const [name, value] of Object.entries(entries)) {
      if (value === undefined || (Number.isSafeInteger(value) && value >= low)) continue;
      throw new RangeError(
        `Cannot make batches as ${name} must be an integer of at least ${low}: current ${name} is ${value}`,
      );
    }
  };
  atLeast(1, {
    "size[0]": size[0] ?? NaN,
    "size[1]": size[1] ?? NaN,
    batchSize,
    repeats,
    channels,
    "dataset.length": dataset.length,
  });
  atLeast(0, { seed, epochs, steps, startStep, workers, prefetch });
}
