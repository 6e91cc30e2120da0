import { DTYPES, sizeOf } from "../spec.ts";
import { requireTensor, type Tensor } from "../tensor.ts";
import { abs, add, mul, neg, square, sub } from "../primitives/arithmetic.ts";
import { cast } from "../primitives/cast.ts";
import { less } from "../primitives/comparison.ts";
import { div } from "../primitives/division.ts";
import { bitwiseAnd, shiftRight } from "../primitives/logic.ts";
import { where } from "../primitives/where.ts";
import { normalizeAxes, type ReduceOptions, sum } from "../primitives/sum.ts";

/** Elements that a reduction combines into one. */
function countOf(x: Tensor, axis: ReduceOptions["axis"]): number {
  return sizeOf(normalizeAxes("mean", x, axis).map((i) => x.shape[i]!));
}

/**
 * The mean of integers without overflow, exact but for the rounding of float32: numbers are cut into parts of so few bits
 * that the sum of each part is an int32, those below zero counted off.
 */
function wholeMean(x: Tensor, options: ReduceOptions, count: number): Tensor {
  const bits = Math.max(1, 31 - Math.ceil(Math.log2(Math.max(1, count))));
  const size = cast(x.dtype === "int32" ? abs(x) : x, "uint32"); // the bits of the least int32 stay: 2^31
  const parts = Array.from({ length: Math.ceil(32 / bits) }, (_, i) => {
    const part = cast(bitwiseAnd(shiftRight(size, i * bits), 2 ** bits - 1), "int32");
    const signed = x.dtype === "int32" ? where(less(x, 0), neg(part), part) : part;
    return mul(div(sum(signed, options), count), 2 ** (i * bits));
  });
  return parts.reduceRight(add);
}

/**
 * The arithmetic mean.
 *
 * @param x Any tensor.
 * @param options Axes; all by default.
 * @returns Means, float32 of integers (without overflow) and bools; NaN over an empty axis.
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
  requireTensor("mean", "x", x);
  const count = countOf(x, options.axis);
  if (x.dtype === "bool") return div(sum(x, options), count);
  if (!DTYPES[x.dtype].floating) return wholeMean(x, options, count);
  return mul(sum(x, options), 1 / count);
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
