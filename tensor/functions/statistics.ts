import { sizeOf } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { mul, square, sub } from "../primitives/arithmetic.ts";
import { normalizeAxes, type ReduceOptions, sum } from "../primitives/sum.ts";

/** Elements that a reduction combines into one. */
function countOf(x: Tensor, axis: ReduceOptions["axis"]): number {
  return sizeOf(normalizeAxes("mean", x, axis).map((i) => x.shape[i]!));
}

/**
 * The arithmetic mean.
 *
 * @param x Floating tensor.
 * @param options Axes; all by default.
 * @returns Means; NaN over an empty axis.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { mean, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await mean(tensor([1, 3])).item(), 2);
 * ```
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return mul(sum(x, options), 1 / countOf(x, options.axis));
}

/**
 * The variance: the mean square distance from the mean.
 *
 * @param x Floating tensor.
 * @param options Axes, all by default; `correction` is taken from the divisor: 0 (biased) by default, 1 for the sample's.
 * @returns Variances; NaN where the divisor is 0.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tensor, variance } from "@tessera/tessera/tensor";
 *
 * equal(await variance(tensor([1, 3]), { correction: 1 }).item(), 2);
 * ```
 */
export function variance(
  x: Tensor,
  { correction = 0, ...options }: ReduceOptions & { readonly correction?: number } = {},
): Tensor {
  const centred = sub(x, mean(x, { ...options, keepDims: true }));
  return mul(sum(square(centred), options), 1 / (countOf(x, options.axis) - correction));
}
