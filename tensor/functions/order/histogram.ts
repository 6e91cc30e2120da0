/** @file Counts of numbers, and of values by bins. */
import { requireOptions, ShapeError } from "../../errors.ts";
import { add, mul, sub } from "../../primitives/arithmetic.ts";
import { asFloating, cast } from "../../primitives/cast.ts";
import { equal, less } from "../../primitives/comparison.ts";
import { constant, iota } from "../../primitives/constant.ts";
import { div } from "../../primitives/division.ts";
import { max, min } from "../../primitives/extremum.ts";
import { scatterAdd, take } from "../../primitives/gather.ts";
import { indicesOf } from "../../primitives/indices.ts";
import { reshape } from "../../primitives/layout.ts";
import { where } from "../../primitives/where.ts";
import { requireTensor } from "../../require_tensor.ts";
import { sizeOf } from "../../spec.ts";
import { Tensor } from "../../tensor.ts";
import { searchsorted } from "./searchsorted.ts";

/** Options of `bincount`. */
export interface BincountOptions {
  /** Length of the result: static, as shapes are. */
  readonly length: number;
  /** What each value counts, one by default. */
  readonly weights?: Tensor;
}

/**
 * Counts how often each number stands.
 *
 * @param x Integers of any shape.
 * @param options `length` of the result; `weights` of the shape of `x`.
 * @returns `[length]`, int32, or of the dtype of the weights. Others than `[0, length)` are left out.
 * @throws {TypeError} If `x` is not of integers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { bincount, tensor } from "@tessera/tessera/tensor";
 *
 * const x = tensor([0, 2, 2], { dtype: "int32" });
 * deepStrictEqual(await bincount(x, { length: 4 }).data(), new Int32Array([1, 0, 2, 0]));
 * ```
 */
export function bincount(x: Tensor, options: BincountOptions): Tensor {
  requireOptions("bincount", options, { length: true, weights: true });
  requireTensor("bincount", "x", x);
  const { length, weights } = options;
  if (!(Number.isInteger(length) && length >= 0)) {
    throw new RangeError(`Cannot bincount as length must be whole and not negative: current length is ${length}`);
  }
  const places = reshape(indicesOf("bincount", x, null), [sizeOf(x.shape)]);
  if (weights && weights.shape.join() !== x.shape.join()) {
    throw new ShapeError("bincount", "there must be a weight for each number", [x.shape, weights.shape]);
  }
  const counted = weights ? reshape(weights, places.shape) : constant(places.shape, 1, "int32");
  return scatterAdd(counted, places, { size: length, wrapNegativeIndices: false });
}

/** Options of `histogram`. */
export interface HistogramOptions {
  /** How many bins of equal width, 10 by default, or their edges in ascending order. */
  readonly bins?: number | Tensor;
  /** Ends of the bins of equal width; those of the values if left out. */
  readonly range?: readonly [number, number];
  /** What each value counts, one by default. */
  readonly weights?: Tensor;
}

/**
 * Counts values by bins. Each bin has its lower edge, the last its upper one too.
 *
 * @param x Numbers of any shape.
 * @param options `bins`, `range`, `weights` of the shape of `x`.
 * @returns Counts `[bins]`, int32 or of the dtype of the weights, and edges `[bins + 1]`, floating. Values outside and NaN
 * are left out. Where all values are one number, the bins reach half a unit to both sides.
 * @throws {RangeError} If bins are not whole or the range does not ascend.
 * @throws {ShapeError} If edges are no vector of at least two.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { histogram, tensor } from "@tessera/tessera/tensor";
 *
 * const [counts, edges] = histogram(tensor([0, 1, 1, 4]), { bins: 2 });
 * deepStrictEqual(await counts.data(), new Int32Array([3, 1]));
 * deepStrictEqual(await edges.data(), new Float32Array([0, 2, 4]));
 * ```
 */
export function histogram(x: Tensor, options: HistogramOptions = {}): [counts: Tensor, edges: Tensor] {
  requireOptions("histogram", options, { bins: true, range: true, weights: true });
  requireTensor("histogram", "x", x);
  const { bins = 10, range, weights } = options;
  const numbers = asFloating(x);
  const edges = bins instanceof Tensor ? bins : evenEdges(numbers, bins, range);
  if (edges.shape.length !== 1 || edges.shape[0]! < 2) {
    throw new ShapeError("histogram", "edges must be a vector of at least two", [edges.shape]);
  }
  const count = edges.shape[0]! - 1;
  const last = take(edges, [count], { wrapNegativeIndices: false });
  const above = sub(searchsorted(edges, numbers, { side: "right" }), 1);
  const place = where(equal(numbers, reshape(last, [])), count - 1, above); // NaN goes past the end
  const counted = weights === undefined ? { length: count } : { length: count, weights };
  return [bincount(place, counted), edges];
}

function evenEdges(x: Tensor, bins: number, range: HistogramOptions["range"]): Tensor {
  if (!(Number.isInteger(bins) && bins > 0)) {
    throw new RangeError(`Cannot histogram as bins must be whole and at least 1: current bins are ${bins}`);
  }
  if (range && !(range[0] <= range[1] && range.every(Number.isFinite))) {
    throw new RangeError(`Cannot histogram as the range must be finite and ascend: current range is ${range}`);
  }
  const ends = range
    ? range.map((end) => constant([], end, x.dtype))
    : sizeOf(x.shape) === 0
    ? [0, 1].map((end) => constant([], end, x.dtype))
    : [min(x), max(x)];
  const [low, high] = [ends[0]!, ends[1]!];
  const none = equal(low, high);
  const half = where(none, constant([], 0.5, x.dtype), constant([], 0, x.dtype));
  const [first, last] = [sub(low, half), add(high, half)];
  const at = iota([bins + 1], 0);
  const spaced = add(mul(cast(at, x.dtype), div(sub(last, first), bins)), first);
  return where(less(at, bins), spaced, last);
}
