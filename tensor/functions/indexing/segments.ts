/** @file Sums, extrema, means and products of rows that belong together. */
import { type OptionNames, requireOptions, ShapeError } from "../../errors.ts";
import { argsort } from "../../primitives/argsort.ts";
import { asFloating, asTerms } from "../../primitives/cast.ts";
import { equal } from "../../primitives/comparison.ts";
import { constant, iota } from "../../primitives/constant.ts";
import { div } from "../../primitives/division.ts";
import { scatterAdd, take } from "../../primitives/gather.ts";
import { type Indices, indicesOf } from "../../primitives/indices.ts";
import { scatterMax, scatterMin } from "../../primitives/indexing/scatter_max.ts";
import { maximum, mul } from "../../primitives/arithmetic.ts";
import { reshape } from "../../primitives/layout.ts";
import { where } from "../../primitives/where.ts";
import { pad, slice } from "../../primitives/window.ts";
import { requireTensor } from "../../require_tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { onesLike } from "../filled_like.ts";

/** Options of segment functions. */
export interface SegmentOptions {
  /** How many segments the result has: static, as shapes are. */
  readonly segments: number;
}

/** Names of SegmentOptions. */
export const SEGMENT_OPTIONS: OptionNames<SegmentOptions> = { segments: true };

type Scatter = (
  updates: Tensor,
  indices: Indices,
  options: { readonly size: number; readonly wrapNegativeIndices: boolean },
) => Tensor;

function segment(operation: string, x: Tensor, ids: Indices, options: SegmentOptions, scatter: Scatter): Tensor {
  requireTensor(operation, "x", x);
  const { segments } = options;
  if (!(Number.isInteger(segments) && segments >= 0)) {
    throw new RangeError(
      `Cannot ${operation} as segments must be whole and not negative: current segments are ${segments}`,
    );
  }
  if (x.shape.length === 0) throw new ShapeError(operation, "there must be rows", [x.shape]);
  return scatter(x, ids, { size: segments, wrapNegativeIndices: false });
}

/**
 * Sums the rows of each segment.
 *
 * @param x Tensor `[M, ...rest]`.
 * @param ids Whole numbers `[M]`: the segment of each row, in any order. Rows of others than `[0, segments)` are left out.
 * @param options `segments`: how many there are.
 * @returns `[segments, ...rest]`, 0 where a segment has no row; bool is counted as int32.
 * @throws {ShapeError} If there is not one id for each row.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { segmentSum, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await segmentSum(tensor([1, 2, 4]), [0, 2, 0], { segments: 3 }).data(), new Float32Array([5, 0, 2]));
 * ```
 */
export function segmentSum(x: Tensor, ids: Indices, options: SegmentOptions): Tensor {
  requireOptions("segmentSum", options, SEGMENT_OPTIONS);
  requireTensor("segmentSum", "x", x);
  return segment("segmentSum", asTerms(x), ids, options, scatterAdd);
}

/**
 * The largest element of each segment.
 *
 * @param x Numbers `[M, ...rest]`.
 * @param ids Whole numbers `[M]`: the segment of each row, in any order. Rows of others than `[0, segments)` are left out.
 * @param options `segments`: how many there are.
 * @returns `[segments, ...rest]`; the least value of the dtype (-Infinity of floats) where a segment has no row.
 * @throws {ShapeError} If there is not one id for each row.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { segmentMax, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await segmentMax(tensor([1, 2, 4]), [0, 1, 0], { segments: 2 }).data(), new Float32Array([4, 2]));
 * ```
 */
export function segmentMax(x: Tensor, ids: Indices, options: SegmentOptions): Tensor {
  requireOptions("segmentMax", options, SEGMENT_OPTIONS);
  return segment("segmentMax", x, ids, options, scatterMax);
}

/**
 * The smallest element of each segment.
 *
 * @param x Numbers `[M, ...rest]`.
 * @param ids Whole numbers `[M]`: the segment of each row, in any order. Rows of others than `[0, segments)` are left out.
 * @param options `segments`: how many there are.
 * @returns `[segments, ...rest]`; the largest value of the dtype (Infinity of floats) where a segment has no row.
 * @throws {ShapeError} If there is not one id for each row.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { segmentMin, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await segmentMin(tensor([1, 2, 4]), [0, 1, 0], { segments: 2 }).data(), new Float32Array([1, 2]));
 * ```
 */
export function segmentMin(x: Tensor, ids: Indices, options: SegmentOptions): Tensor {
  requireOptions("segmentMin", options, SEGMENT_OPTIONS);
  return segment("segmentMin", x, ids, options, scatterMin);
}

/**
 * The mean of the rows of each segment.
 *
 * @param x Tensor `[M, ...rest]`; integers and bools are taken as float32.
 * @param ids Whole numbers `[M]`: the segment of each row, in any order. Rows of others than `[0, segments)` are left out.
 * @param options `segments`: how many there are.
 * @returns Floating `[segments, ...rest]`, 0 where a segment has no row.
 * @throws {ShapeError} If there is not one id for each row.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { segmentMean, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await segmentMean(tensor([1, 2, 4]), [0, 1, 0], { segments: 2 }).data(), new Float32Array([2.5, 2]));
 * ```
 */
export function segmentMean(x: Tensor, ids: Indices, options: SegmentOptions): Tensor {
  requireOptions("segmentMean", options, SEGMENT_OPTIONS);
  requireTensor("segmentMean", "x", x);
  const numbers = asFloating(x);
  const sums = segment("segmentMean", numbers, ids, options, scatterAdd);
  const one = constant(x.shape.slice(0, 1), 1, numbers.dtype);
  const counts = segment("segmentMean", one, ids, options, scatterAdd);
  return div(sums, reshape(maximum(counts, 1), [options.segments, ...x.shape.slice(1).map(() => 1)]));
}

/**
 * The product of the rows of each segment: sorted by segment, each row is multiplied by all of its segment before it, in as
 * many rounds as the logarithm of the number of rows, so that gradients need no division and pass through zeros.
 *
 * @param x Numbers `[M, ...rest]`.
 * @param ids Whole numbers `[M]`: the segment of each row, in any order. Rows of others than `[0, segments)` are left out.
 * @param options `segments`: how many there are.
 * @returns `[segments, ...rest]`, 1 where a segment has no row.
 * @throws {ShapeError} If there is not one id for each row.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { segmentProd, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await segmentProd(tensor([3, 2, 4]), [0, 2, 0], { segments: 3 }).data(), new Float32Array([12, 1, 2]));
 * ```
 */
export function segmentProd(x: Tensor, ids: Indices, options: SegmentOptions): Tensor {
  requireOptions("segmentProd", options, SEGMENT_OPTIONS);
  requireTensor("segmentProd", "x", x);
  return segment("segmentProd", asTerms(x), ids, options, products);
}

function products(x: Tensor, ids: Indices, { size }: { readonly size: number }): Tensor {
  const places = indicesOf("segmentProd", ids, null);
  const count = x.shape[0]!;
  if (places.shape.join() !== `${count}`) {
    throw new ShapeError("segmentProd", "there must be one id for each row", [x.shape, places.shape]);
  }
  const order = argsort(places);
  const sorted = take(places, order, { wrapNegativeIndices: false });
  let rows = take(x, order, { wrapNegativeIndices: false });
  for (let step = 1; step < count; step *= 2) {
    // What lies `step` rows before; rows before the first are of no segment.
    const before = (y: Tensor, value: number) =>
      slice(pad(y, y.shape.map((_, axis) => [axis === 0 ? step : 0, 0]), value), {
        start: y.shape.map(() => 0),
        size: y.shape,
      });
    const same = reshape(equal(sorted, before(sorted, -1)), [count, ...x.shape.slice(1).map(() => 1)]);
    rows = mul(rows, where(same, before(rows, 1), onesLike(rows)));
  }
  const last = scatterMax(iota([count], 0), sorted, { size, wrapNegativeIndices: false });
  return take(rows, last, { fill: 1, wrapNegativeIndices: false });
}
