import { requireOptions } from "../../tensor/parts.ts";
import {
  avgPool2d as denseAvgPool2d,
  div,
  maxPool2d as denseMaxPool2d,
  mean,
  type PoolOptions,
  type Tensor,
} from "../../tensor/core.ts";
import { avgPool2d as sparseAvgPool2d, maxPool2d as sparseMaxPool2d } from "../../sparse/mod.ts";
import { type Features, isSparse, requireFeatures } from "./features.ts";
import { imageSites, imageSums } from "./per_image.ts";

/**
 * Takes the largest number of each window. Inactive neighbours of sparse features read as 0, as of `sparse.maxPool2d`;
 * after a ReLU that is the same as ignoring them.
 *
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @param options Window; `inactive: "ignore"` leaves inactive neighbours out, for maps that may be negative.
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
export function maxPool2d<T extends Features>(
  x: T,
  options: PoolOptions & { readonly inactive?: "zero" | "ignore" },
): T {
  requireOptions("maxPool2d", options, { kernel: true, stride: true, padding: true, dilation: true, inactive: true });
  requireFeatures("maxPool2d", x);
  const { inactive = "zero", ...window } = options;
  return (isSparse(x) ? sparseMaxPool2d(x, { ...window, inactive }) : denseMaxPool2d(x, window)) as T;
}

/**
 * Averages each window; divides by its full area, padding and inactive sites included, as in PyTorch and SparK.
 *
 * @param x Maps `[B, H, W, C]`, dense or sparse.
 * @param options Window; `divisor: "active"` divides sparse features by the number of active sites in it.
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
export function avgPool2d<T extends Features>(
  x: T,
  options: PoolOptions & { readonly divisor?: "window" | "active" },
): T {
  requireOptions("avgPool2d", options, { kernel: true, stride: true, padding: true, dilation: true, divisor: true });
  requireFeatures("avgPool2d", x);
  const { divisor = "window", ...window } = options;
  return (isSparse(x) ? sparseAvgPool2d(x, { ...window, divisor }) : denseAvgPool2d(x, window)) as T;
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
  requireFeatures("globalAvgPool", x);
  return isSparse(x) ? div(imageSums(x), imageSites(x)) : mean(x, { axis: [1, 2] });
}
