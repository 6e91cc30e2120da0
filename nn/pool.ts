import {
  avgPool2d as denseAvgPool2d,
  cast,
  div,
  maximum,
  maxPool2d as denseMaxPool2d,
  mean,
  mul,
  ones,
  reshape,
  scatterAdd,
  sum,
  type Tensor,
} from "../tensor/mod.ts";
import { avgPool2d as sparseAvgPool2d, maxPool2d as sparseMaxPool2d } from "../sparse/mod.ts";
import { batchColumn } from "./drop.ts";
import { type Features, isSparse } from "./features.ts";

/** Window of a pooling layer. */
export interface PoolOptions {
  /** Height and width of the window. */
  readonly kernel: number;
  /** Step between windows. */
  readonly stride: number;
  /** Cells around the maps; 0 if not given. */
  readonly padding?: number;
}

/**
 * Takes the largest number of each window. Inactive neighbours of sparse features read as 0, as in SparK; after a ReLU
 * that is the same as ignoring them.
 *
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @param options Window.
 * @returns Maps of the same kind.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maxPool2d } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(maxPool2d(ones([1, 8, 8, 2]), { kernel: 3, stride: 2, padding: 1 }).shape, [1, 4, 4, 2]);
 * ```
 */
export function maxPool2d<T extends Features>(x: T, options: PoolOptions): T {
  return (isSparse(x) ? sparseMaxPool2d(x, { ...options, inactive: "zero" }) : denseMaxPool2d(x, options)) as T;
}

/**
 * Averages each window; divides by its full area, padding and inactive sites included, as in PyTorch and SparK.
 *
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @param options Window.
 * @returns Maps of the same kind.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { avgPool2d } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(avgPool2d(ones([1, 8, 8, 2]), { kernel: 2, stride: 2 }).shape, [1, 4, 4, 2]);
 * ```
 */
export function avgPool2d<T extends Features>(x: T, options: PoolOptions): T {
  return (isSparse(x) ? sparseAvgPool2d(x, { ...options, divisor: "window" }) : denseAvgPool2d(x, options)) as T;
}

/**
 * Averages each channel over all positions; of sparse features over the active ones.
 *
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @returns `[B, C]`; zeros for an image without active blocks.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { globalAvgPool } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(globalAvgPool(ones([2, 8, 8, 3])).shape, [2, 3]);
 * ```
 */
export function globalAvgPool(x: Features): Tensor {
  if (!isSparse(x)) return mean(x, { axis: [1, 2] });
  const [height, width] = x.blockShape;
  const size = x.pattern.gridShape[0];
  const image = batchColumn(x.pattern.indices); // [P]
  const sums = scatterAdd(sum(x.values, { axis: [1, 2] }), image, { size }); // [B, C]
  const blocks = scatterAdd(ones([image.shape[0]!, 1], "int32"), image, { size }); // [B, 1]
  const sites = mul(cast(maximum(blocks, 1), x.values.dtype), height * width);
  return div(sums, reshape(sites, [size, 1]));
}
