/** @file Features of a frozen network. */
import { type Device, jit, type Tensor, type Tree } from "../../../tensor/mod.ts";
import { globalAvgPool, type Model } from "../../../nn/mod.ts";
import type { Batch } from "../../../data/mod.ts";

/** Parameters and running statistics of a network. */
export interface EncoderWeights {
  /** Parameters. */
  readonly params: Tree;
  /** Running statistics. */
  readonly state: Tree;
}

/** Batches of images, and where to compute. */
export interface FeatureSource {
  /** The model. */
  readonly model: Model;
  /** Images. */
  readonly batches: AsyncIterable<Pick<Batch, "images" | "labels" | "indices">>;
  /** Where to compute. */
  readonly device: Device;
}

/**
 * Takes the running statistics of batch norm anew from dense images. Those of sparse pre-training are of visible patches
 * alone, without the influence of the others across their borders. Each batch replaces a share of the statistics, a
 * tenth in the models here, so that after 100 batches nothing is left of the old ones.
 *
 * @param weights Parameters and old statistics.
 * @param source Images.
 * @returns New statistics; the parameters are not changed.
 */
export async function recalibrated(weights: EncoderWeights, { model, batches, device }: FeatureSource): Promise<Tree> {
  const next = jit(
    (params: Tree, state: Tree, images: Tensor) => model.features(params, state, images, { train: true }).state,
    { device },
  );
  let state = weights.state;
  for await (const { images } of batches) state = next(weights.params, state, images);
  return state;
}

/** Pooled features of labelled images. */
export interface FrozenFeatures {
  /** `[N, C]` row-major. */
  readonly values: Float32Array<ArrayBuffer>;
  /** Classes, `[N]`. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** C. */
  readonly channels: number;
}

/**
 * Computes the mean of the coarsest map of each image.
 *
 * @param weights Parameters and statistics.
 * @param source Images; each counts once, however often it comes.
 * @returns Features and labels, in the order of the batches.
 */
export async function frozenFeatures(
  { params, state }: EncoderWeights,
  { model, batches, device }: FeatureSource,
): Promise<FrozenFeatures> {
  const channels = model.channels.at(-1)!;
  const run = jit(
    (params: Tree, state: Tree, images: Tensor) =>
      globalAvgPool(model.features(params, state, images).features.at(-1)!),
    { device },
  );
  const rows: Float32Array[] = [];
  const classes: number[] = [];
  const seen = new Set<number>();
  for await (const { images, labels, indices } of batches) {
    const pooled = run(params, state, images); // [B, C]
    const [values, numbers] = [await pooled.data({ device }), await labels.data()];
    pooled[Symbol.dispose]();
    indices.forEach((index, i) => {
      if (seen.has(index)) return;
      seen.add(index);
      rows.push(Float32Array.from(values.subarray(i * channels, (i + 1) * channels)));
      classes.push(numbers[i]! as number);
    });
  }
  const values = new Float32Array(rows.length * channels);
  rows.forEach((row, i) => values.set(row, i * channels));
  return { values, labels: Int32Array.from(classes), channels };
}
