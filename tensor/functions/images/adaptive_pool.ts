/** @file Pools whose windows follow from the size of the result. */
import { ShapeError } from "../../errors.ts";
import { max } from "../../primitives/extremum.ts";
import { take } from "../../primitives/gather.ts";
import { requireFloating } from "../../primitives/operands.ts";
import { requireTensor } from "../../require_tensor.ts";
import { tensor } from "../creation.ts";
import type { Tensor } from "../../tensor.ts";
import { onEach, requireWhole } from "../conv_options.ts";
import { mapAxis } from "./axis_map.ts";

/** The first element of each window of an axis, and the end: neighbours overlap where the sizes do not divide. */
function windowsOf(from: number, to: number): readonly (readonly [start: number, end: number])[] {
  return Array.from({ length: to }, (_, i) => [Math.floor(i * from / to), Math.ceil((i + 1) * from / to)] as const);
}

/** Sizes of the result, checked. */
function sizesOf(operation: string, x: Tensor, size: number | readonly number[]): readonly number[] {
  requireTensor(operation, "x", x);
  requireFloating(operation, [x]);
  if (x.shape.length !== 4 || x.shape.includes(0)) {
    throw new ShapeError(operation, "images must be [B, H, W, C] and not empty", [x.shape]);
  }
  const sizes = onEach(operation, "size", size, 2);
  requireWhole(operation, "size", sizes, 1);
  return sizes;
}

/**
 * Averages windows so that images of any size get one size, as PyTorch's `adaptive_avg_pool2d`.
 *
 * @param x Floating images `[B, H, W, C]`.
 * @param size Size of the result, one number or `[h, w]`.
 * @returns `[B, h, w, C]`.
 * @throws {RangeError} If a size is not whole or below 1.
 * @throws {ShapeError} If they are no images.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adaptiveAvgPool2d, ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(adaptiveAvgPool2d(ones([1, 7, 5, 3]), 2).shape, [1, 2, 2, 3]);
 * ```
 */
export function adaptiveAvgPool2d(x: Tensor, size: number | readonly number[]): Tensor {
  return sizesOf("adaptiveAvgPool2d", x, size).reduce((y, to, i) => {
    const from = x.shape[i + 1]!;
    const weights = windowsOf(from, to).map(([start, end]) =>
      new Float64Array(from).fill(1 / (end - start), start, end)
    );
    return mapAxis(y, i + 1, weights);
  }, x);
}

/**
 * The largest of windows so that images of any size get one size, as PyTorch's `adaptive_max_pool2d`.
 *
 * @param x Floating images `[B, H, W, C]`.
 * @param size Size of the result, one number or `[h, w]`.
 * @returns `[B, h, w, C]`. Where elements tie they share the cotangent.
 * @throws {RangeError} If a size is not whole or below 1.
 * @throws {ShapeError} If they are no images.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adaptiveMaxPool2d, ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(adaptiveMaxPool2d(ones([1, 7, 5, 3]), [2, 1]).shape, [1, 2, 1, 3]);
 * ```
 */
export function adaptiveMaxPool2d(x: Tensor, size: number | readonly number[]): Tensor {
  return sizesOf("adaptiveMaxPool2d", x, size).reduce((y, to, i) => {
    const windows = windowsOf(x.shape[i + 1]!, to);
    const width = Math.max(...windows.map(([start, end]) => end - start));
    const places = windows.map(([start, end]) =>
      Array.from({ length: width }, (_, k) => start + k < end ? start + k : -1)
    );
    const table = tensor(places, { dtype: "int32" });
    return max(take(y, table, { axis: i + 1, fill: -Infinity, wrapNegativeIndices: false }), { axis: i + 2 });
  }, x);
}
