import { asFloating } from "../primitives/cast.ts";
import { type OptionNames, requireOptions } from "../errors.ts";
import { exp, log } from "../primitives/transcendental.ts";
import { abs, add, sub } from "../primitives/arithmetic.ts";
import { div } from "../primitives/division.ts";
import { constant } from "../primitives/constant.ts";
import { max } from "../primitives/extremum.ts";
import { stopGradient } from "../primitives/identity.ts";
import { reshape } from "../primitives/layout.ts";
import { isNaN, less } from "../primitives/comparison.ts";
import { logicalOr } from "../primitives/logic.ts";
import { where } from "../primitives/where.ts";
import { keptAxes, normalizeAxes, REDUCE_OPTIONS, type ReduceOptions, sum } from "../primitives/sum.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/** Axes of a softmax: the last one by default. */
export interface SoftmaxOptions {
  /** Axis or axes over which results sum to one; -1 by default. */
  readonly axis?: number | readonly number[];
}

/** Names of SoftmaxOptions. */
export const SOFTMAX_OPTIONS: OptionNames<SoftmaxOptions> = { axis: true };

/** The largest element, which may be taken away; 0 where that is infinite, as infinities less infinities are none. */
function shiftOf(x: Tensor, axis: ReduceOptions["axis"]): Tensor {
  const axes = normalizeAxes("softmax", x, axis);
  if (axes.some((i) => x.shape[i] === 0)) return constant(keptAxes(x.shape, axes), 0, x.dtype); // nothing is the largest
  const most = stopGradient(max(x, { axis: axes, keepDims: true }));
  return where(logicalOr(less(abs(most), Infinity), isNaN(most)), most, 0);
}

/**
 * The logarithm of a sum of exponentials, without overflow.
 *
 * @param x Any tensor, integers and bools as float32; no axis that is reduced may be empty.
 * @param options Axes, all by default.
 * @returns `log(sum(exp(x)))`; -Infinity where all of x is.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { logsumexp, tensor } from "@tessera/tessera/tensor";
 *
 * ok(Math.abs(await logsumexp(tensor([1000, 1000])).item() - (1000 + Math.log(2))) < 1e-3);
 * ```
 */
export function logsumexp(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("logsumexp", options, REDUCE_OPTIONS);
  requireTensor("logsumexp", "x", x);
  const numbers = asFloating(x);
  const shift = shiftOf(numbers, options.axis);
  const sums = log(sum(exp(sub(numbers, shift)), options));
  return add(sums, reshape(shift, sums.shape));
}

/**
 * Exponentials that sum to one.
 *
 * @param x Any tensor, integers and bools as float32.
 * @param options `axis`: over which they sum to one, the last by default.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { softmax, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await softmax(tensor([7, 7])).data(), new Float32Array([0.5, 0.5]));
 * ```
 */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  requireOptions("softmax", options, SOFTMAX_OPTIONS);
  requireTensor("softmax", "x", x);
  const { axis = -1 } = options;
  const numbers = asFloating(x);
  const powers = exp(sub(numbers, shiftOf(numbers, axis)));
  return div(powers, sum(powers, { axis, keepDims: true }));
}

/**
 * The logarithm of the softmax, without its rounding.
 *
 * @param x Any tensor, integers and bools as float32.
 * @param options `axis`, the last by default.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { logSoftmax, tensor } from "@tessera/tessera/tensor";
 *
 * const [first] = await logSoftmax(tensor([7, 7])).data();
 * ok(Math.abs(first! + Math.log(2)) < 1e-6);
 * ```
 */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  requireOptions("logSoftmax", options, SOFTMAX_OPTIONS);
  requireTensor("logSoftmax", "x", x);
  const { axis = -1 } = options;
  const numbers = asFloating(x);
  const shifted = sub(numbers, shiftOf(numbers, axis));
  return sub(shifted, log(sum(exp(shifted), { axis, keepDims: true })));
}
