import type { Tensor } from "../../tensor/mod.ts";
import { leaf } from "../../tensor/kernel.ts";
import type { Dataset } from "../sets/dataset.ts";
import type { BatchesOptions, SkippedSample } from "./batches_options.ts";
import { checkBatchesOptions, checkChannels } from "./check_batches.ts";
import { type FieldBatch, fieldBatches } from "./field_batches.ts";
import { imageFields } from "./image_fields.ts";
import { normalisationFor } from "../images/transforms.ts";

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

/**
 * Turns a data set into batches of images with classes: `fieldBatches` of images, decoded and augmented in threads.
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
 * const image = { width: 2, height: 1, channels: 3, data: new Uint8Array(6) } as const;
 * const grey: Dataset = { name: "grey", length: 5, nameOf: String, load: () => Promise.resolve(image) };
 * for await (const { images } of batches(grey, { size: [8, 8], batchSize: 4, seed: 1, epochs: 1 })) {
 *   deepStrictEqual(images.shape, [4, 8, 8, 3]); // twice
 * }
 * ```
 */
export function batches(dataset: Dataset, options: BatchesOptions): AsyncGenerator<Batch, void, void> {
  checkBatchesOptions(dataset, options);
  const { size, channels, transform = { kind: "randomResizedCrop" }, normalisation: given, ...run } = options;
  const normalisation = given ?? normalisationFor(channels ?? 3);
  checkChannels(channels, transform, normalisation);
  const fields = imageFields({ size, transform, normalisation, ...(channels === undefined ? {} : { channels }) });
  return labelled(fieldBatches(dataset, { ...run, fields }), dataset);
}

async function* labelled(
  found: AsyncIterable<FieldBatch>,
  { labels }: Dataset,
): AsyncGenerator<Batch, void, void> {
  for await (const { step, epoch, fields: { values }, indices, skipped } of found) {
    const classes = Int32Array.from(indices, (index) => labels?.[index] ?? -1);
    yield {
      ...{ step, epoch, indices, skipped, images: values! },
      labels: leaf({ shape: [indices.length], dtype: "int32" }, { host: classes }),
    };
  }
}
