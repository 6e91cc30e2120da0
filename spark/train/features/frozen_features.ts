/** @file Features of a frozen network. */
import { type Device, div, full, jit, sub, type Tensor, type Tree, treeLeaves, treeMap } from "../../../tensor/mod.ts";
import { globalAvgPool, type Model } from "../../../nn/mod.ts";
import type { Batch } from "../../../data/mod.ts";
import { rowsOfAll, type SharedBatch } from "../ranks/rows_of_all.ts";

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
  /** Who shares each batch, whose images here are those of this rank; nobody if not given. */
  readonly shared?: SharedBatch | undefined;
}

/**
 * Takes the running statistics of batch norm anew from dense images. Those of sparse pre-training are of visible patches
 * alone, without the influence of the others across their borders. Nothing is left of the old ones, however few batches
 * there are: statistics move as `(1 - m) old + m new`, so that two chains, from zeros and from ones, tell how much that is.
 *
 * @param weights Parameters and old statistics.
 * @param source Images; `onBatch` is told of each batch.
 * @returns New statistics, weighted towards the last batches; the parameters are not changed.
 */
export async function recalibrated(
  weights: EncoderWeights,
  { model, batches, device, shared, onBatch = () => {} }: FeatureSource & { readonly onBatch?: () => void },
): Promise<Tree> {
  const over = shared ? { statistics: { collective: shared.collective } } : {};
  const next = jit((params: Tree, [low, high]: readonly [Tree, Tree], images: Tensor) => {
    const after = (state: Tree) => model.features(params, state, images, { train: true, ...over }).state;
    return [after(low), after(high)] as const; // the maps do not depend on the state: they are computed once
  }, { device });
  const filled = (value: number) =>
    treeMap((x: Tensor) => x.dtype === "float32" ? full(x.shape, value) : x, weights.state) as Tree;
  let chains: readonly [Tree, Tree] = [filled(0), filled(1)];
  for await (const { images } of batches) {
    chains = next(weights.params, chains, images) as unknown as readonly [Tree, Tree];
    await synchronised(chains[0], device);
    onBatch();
  }
  const [low, high] = chains;
  // Of what was 1 at the beginning `high - low` is left.
  return treeMap(
    (x: Tensor, y: Tensor) => x.dtype === "float32" ? div(x, sub(1, sub(y, x))) : x,
    low,
    high,
  ) as Tree;
}

/** Waits for a state, so that batches are not queued without end and progress is true. */
async function synchronised(state: Tree, device: Device): Promise<void> {
  const [first] = treeLeaves(state) as readonly Tensor[];
  if (first) await first.data({ device });
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
 * @param source Images; each counts once, however often it comes. `onImages` is told how many are done.
 * @returns Features and labels, in the order of the batches, and the numbers of the images.
 */
export async function frozenFeatures(
  { params, state }: EncoderWeights,
  { model, batches, device, shared, onImages = () => {} }: FeatureSource & {
    readonly onImages?: (done: number) => void;
  },
): Promise<FrozenFeatures & { readonly indices: readonly number[] }> {
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
    const values = rowsOfAll(await pooled.data({ device }) as Float32Array, channels, shared);
    const numbers = rowsOfAll(await labels.data() as Int32Array, 1, shared);
    pooled[Symbol.dispose]();
    rowsOfAll(Int32Array.from(indices), 1, shared).forEach((index, i) => {
      if (seen.has(index)) return;
      seen.add(index);
      rows.push(Float32Array.from(values.subarray(i * channels, (i + 1) * channels)));
      classes.push(numbers[i]!);
    });
    onImages(seen.size);
  }
  const values = new Float32Array(rows.length * channels);
  rows.forEach((row, i) => values.set(row, i * channels));
  return { values, labels: Int32Array.from(classes), channels, indices: [...seen] };
}
