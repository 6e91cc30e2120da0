/** @file Sums, products and maxima of all that stands before, in as many rounds as the logarithm of the length. */
import { type OptionNames, requireOptions } from "../errors.ts";
import { add, maximum, mul } from "../primitives/arithmetic.ts";
import { asTerms } from "../primitives/cast.ts";
import { cumulate } from "./associative_scan.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/** Along which axis is counted. */
export interface CumulativeOptions {
  /** -1 by default. */
  readonly axis?: number;
}

/** Names of CumulativeOptions. */
export const CUMULATIVE_OPTIONS: OptionNames<CumulativeOptions> = { axis: true };

/**
 * Sums of each element and all before it.
 *
 * @param x Any tensor; bools count.
 * @param options `axis`, the last by default.
 * @returns Tensor of the same shape; int32 of bools.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cumsum, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await cumsum(tensor([1, 2, 3])).data(), new Float32Array([1, 3, 6]));
 * ```
 */
export function cumsum(x: Tensor, options: CumulativeOptions = {}): Tensor {
  requireOptions("cumsum", options, CUMULATIVE_OPTIONS);
  requireTensor("cumsum", "x", x);
  const { axis = -1 } = options;
  return cumulate("cumsum", add, asTerms(x), axis);
}

/**
 * Products of each element and all before it.
 *
 * @param x Tensor of numbers.
 * @param options `axis`, the last by default.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cumprod, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await cumprod(tensor([2, 3, 4])).data(), new Float32Array([2, 6, 24]));
 * ```
 */
export function cumprod(x: Tensor, options: CumulativeOptions = {}): Tensor {
  requireOptions("cumprod", options, CUMULATIVE_OPTIONS);
  requireTensor("cumprod", "x", x);
  const { axis = -1 } = options;
  return cumulate("cumprod", mul, asTerms(x), axis);
}

/**
 * The largest of each element and all before it; NaN from the first one on.
 *
 * @param x Tensor of numbers.
 * @param options `axis`, the last by default.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cummax, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await cummax(tensor([1, 3, 2])).data(), new Float32Array([1, 3, 3]));
 * ```
 */
export function cummax(x: Tensor, options: CumulativeOptions = {}): Tensor {
  requireOptions("cummax", options, CUMULATIVE_OPTIONS);
  const { axis = -1 } = options;
  return cumulate("cummax", maximum, x, axis);
}
