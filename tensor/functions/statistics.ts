import { requireKind, requireOptions } from "../errors.ts";
import { DTYPES, sizeOf } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { add, mul, square, sub } from "../primitives/arithmetic.ts";
import { constant } from "../primitives/constant.ts";
import { asTerms, cast, inWider } from "../primitives/cast.ts";
import { div, truncDivide } from "../primitives/division.ts";
import { bitwiseAnd, shiftRight } from "../primitives/logic.ts";
import { normalizeAxes, REDUCE_OPTIONS, type ReduceOptions, sum } from "../primitives/sum.ts";

/** Elements that a reduction combines into one. */
function countOf(x: Tensor, axis: ReduceOptions["axis"]): number {
  return sizeOf(normalizeAxes("mean", x, axis).map((i) => x.shape[i]!));
}

/**
 * The mean of integers, exact but for the rounding of the result: numbers are cut into digits of so few bits that the sums
 * of each are far within int32, and these divided digit by digit from the first, as by hand. What is left has the sign of
 * the total.
 */
function wholeMean(x: Tensor, options: ReduceOptions, count: number): Tensor {
  const bits = Math.max(1, 30 - Math.ceil(Math.log2(Math.max(1, count))));
  const last = Math.ceil(32 / bits) - 1;
  const digit = (k: number) => {
    const rest = shiftRight(x, k * bits); // of int32 the first digit has its sign
    return cast(k === last ? rest : bitwiseAnd(rest, 2 ** bits - 1), "int32");
  };
  let [quotient, left] = [constant([], 0, "int32"), constant([], 0, "int32")];
  for (let k = last; k >= 0; k--) {
    const total = add(mul(left, 2 ** bits), sum(digit(k), options));
    const part = truncDivide(total, count);
    left = sub(total, mul(part, count));
    quotient = add(mul(quotient, 2 ** bits), part); // wraps on the way, and ends within the range of `x`
  }
  return add(cast(cast(quotient, x.dtype), "float32"), div(left, count));
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
  requireOptions("mean", options, REDUCE_OPTIONS);
  requireTensor("mean", "x", x);
  const count = countOf(x, options.axis);
  if (x.dtype === "float16") return inWider(x, (wide) => mean(wide, options));
  if (x.dtype === "bool") return div(sum(x, options), count);
  if (!DTYPES[x.dtype].floating) return wholeMean(asTerms(x), options, count);
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
export function variance(x: Tensor, options: ReduceOptions & { readonly correction?: number } = {}): Tensor {
  requireOptions("variance", options, { axis: true, keepDims: true, correction: true });
  requireTensor("variance", "x", x);
  if (x.dtype === "float16") return inWider(x, (wide) => variance(wide, options));
  const { correction = 0, ...reduced } = options;
  requireKind("variance", "correction", correction, Number.isFinite(correction), "a finite number");
  const centred = sub(x, mean(x, { ...reduced, keepDims: true }));
  return mul(sum(square(centred), reduced), 1 / Math.max(0, countOf(x, reduced.axis) - correction));
}
