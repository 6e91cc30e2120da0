/** @file Sums, products and maxima of all that stands before, in as many rounds as the logarithm of the length. */
import { type OptionNames, requireOptions } from "../errors.ts";
import { add, maximum, mul } from "../primitives/arithmetic.ts";
import { cast } from "../primitives/cast.ts";
import { concat } from "./axes.ts";
import { slice } from "../primitives/window.ts";
import { normalizeAxes } from "../primitives/sum.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/** Along which axis is counted. */
export interface CumulativeOptions {
  /** -1 by default. */
  readonly axis?: number;
}

/** Names of CumulativeOptions. */
export const CUMULATIVE_OPTIONS: OptionNames<CumulativeOptions> = { axis: true };

/** Combines each element with all before it; each round reaches twice as far (Hillis and Steele, 1986). */
function cumulate(operation: string, x: Tensor, axis: number, combine: (a: Tensor, b: Tensor) => Tensor): Tensor {
  requireTensor(operation, "x", x);
  const [at] = normalizeAxes(operation, x, axis);
  const size = x.shape[at!]!;
  const part = (y: Tensor, start: number, end: number) =>
    slice(y, { start: y.shape.map((_, i) => i === at ? start : 0), size: y.shape.with(at!, end - start) });
  let sums = x;
  for (let step = 1; step < size; step *= 2) {
    const combined = combine(part(sums, 0, size - step), part(sums, step, size));
    sums = concat([part(sums, 0, step), combined], { axis: at! });
  }
  return sums;
}

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
  return cumulate("cumsum", x.dtype === "bool" ? cast(x, "int32") : x, axis, add);
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
  const { axis = -1 } = options;
  return cumulate("cumprod", x, axis, mul);
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
  return cumulate("cummax", x, axis, maximum);
}
