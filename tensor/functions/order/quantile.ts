import { requireKind, requireOptions, ShapeError } from "../../errors.ts";
import { add, mul, sub } from "../../primitives/arithmetic.ts";
import { asFloating } from "../../primitives/cast.ts";
import { equal, isNaN } from "../../primitives/comparison.ts";
import { constant } from "../../primitives/constant.ts";
import { take } from "../../primitives/gather.ts";
import { reshape, transpose } from "../../primitives/layout.ts";
import { where } from "../../primitives/where.ts";
import { keptAxes, normalizeAxes, REDUCE_OPTIONS, type ReduceOptions, withoutAxes } from "../../primitives/sum.ts";
import { requireTensor } from "../../require_tensor.ts";
import { sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { concat } from "../axes.ts";
import { any } from "../reductions.ts";
import { sort } from "../sort.ts";

/** Options of `quantile`. */
export interface QuantileOptions extends ReduceOptions {
  /**
   * What lies between two elements: a point on the line between them, the default; the lower, the higher or the nearer of
   * them (the even one of two); the middle.
   */
  readonly method?: "linear" | "lower" | "higher" | "nearest" | "midpoint";
}

/** Which elements of `count` a quantile reads, and the share of the second. */
function readOf(q: number, count: number, method: QuantileOptions["method"]): readonly [number, number, number] {
  const at = q * (count - 1);
  const [low, high] = [Math.floor(at), Math.ceil(at)];
  const rest = at - low;
  switch (method) {
    case "lower":
      return [low, low, 0];
    case "higher":
      return [high, high, 0];
    case "midpoint":
      return [low, high, 0.5];
    case "nearest": {
      const near = rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : high;
      return [near, near, 0];
    }
    case "linear":
      return [low, high, rest];
    default:
      throw new RangeError(
        `Cannot take a quantile as method must be linear, lower, higher, nearest or midpoint: current method is ${method}`,
      );
  }
}

/**
 * Quantiles: the value below which a share of the elements lies.
 *
 * @param x Numbers of any shape; integers are taken as float32.
 * @param q Shares, each in [0, 1]: a number, or a list of them.
 * @param options `axis` or axes, all if left out; `keepDims`; `method`, `"linear"` by default.
 * @returns Floating tensor without the axes; of a list, with an axis of its length in front. NaN where an element is.
 * @throws {TypeError} If `q` is neither: how much is read follows from its values, which a tensor may not have yet.
 * @throws {RangeError} If a share is outside [0, 1].
 * @throws {ShapeError} If there are no elements.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { quantile, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await quantile(tensor([1, 2, 3, 5]), [0, 0.5, 1]).data(), new Float32Array([1, 2.5, 5]));
 * ```
 */
export function quantile(x: Tensor, q: number | readonly number[], options: QuantileOptions = {}): Tensor {
  requireOptions("quantile", options, { method: true, axis: true, keepDims: true });
  requireTensor("quantile", "x", x);
  const { axis, keepDims = false, method = "linear" } = options;
  const axes = normalizeAxes("quantile", x, axis);
  const shares = typeof q === "number" ? [q] : q;
  requireKind("quantile", "q", q, Array.isArray(shares), "a number or a list of numbers");
  const wrong = shares.find((share) => !(typeof share === "number" && share >= 0 && share <= 1));
  if (wrong !== undefined) {
    throw new RangeError(`Cannot take a quantile as q must lie in [0, 1]: current q is ${wrong}`);
  }
  const count = sizeOf(axes.map((i) => x.shape[i]!));
  if (count === 0) throw new ShapeError("quantile", "there must be elements", [x.shape]);
  const numbers = asFloating(x);
  const kept = [...x.shape.keys()].filter((i) => !axes.includes(i));
  const lines = reshape(transpose(numbers, [...axes, ...kept]), [count, sizeOf(kept.map((i) => x.shape[i]!))]);
  const sorted = sort(lines, { axis: 0 });
  const reads = shares.map((share) => readOf(share, count, method));
  const read = (which: 0 | 1) => take(sorted, reads.map((each) => each[which]), { wrapNegativeIndices: false });
  const share = reads.map(([, , rest]) => constant([1, 1], rest, numbers.dtype));
  const between = share.length === 0 ? constant([0, 1], 0, numbers.dtype) : concat(share);
  const [low, high] = [read(0), read(1)];
  const found = add(low, mul(between, sub(high, low)));
  const broken = any(isNaN(lines), { axis: 0, keepDims: true });
  // Equal neighbours are themselves: infinities less infinities are none.
  const values = where(broken, NaN, where(equal(low, high), low, found));
  const shape = keepDims ? keptAxes(x.shape, axes) : withoutAxes(x.shape, axes);
  return reshape(values, typeof q === "number" ? shape : [shares.length, ...shape]);
}

/**
 * The median: the middle element in order, the mean of two.
 *
 * @param x Numbers of any shape; integers are taken as float32.
 * @param options `axis` or axes, all if left out; `keepDims`.
 * @returns Floating tensor without the axes. NaN where an element is.
 * @throws {ShapeError} If there are no elements.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { median, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await median(tensor([7, 1, 2, 3])).item(), 2.5);
 * ```
 */
export function median(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("median", options, REDUCE_OPTIONS);
  requireTensor("median", "x", x);
  return quantile(x, 0.5, options);
}
