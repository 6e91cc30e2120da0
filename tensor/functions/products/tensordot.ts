/** @file Products of tensors over pairs of axes. */
import { requireKind, ShapeError } from "../../errors.ts";
import { mul } from "../../primitives/arithmetic.ts";
import { normalizeAxes } from "../../primitives/sum.ts";
import { requireTensor } from "../../require_tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { ordered, pairProduct } from "./pair_product.ts";

/**
 * Sums products over pairs of axes.
 *
 * @param x Tensor.
 * @param y Tensor.
 * @param axes How many of the last axes of `x` meet as many of the first of `y`, 2 by default; or the axes of each, in pairs.
 * @returns The other axes of `x`, then those of `y`.
 * @throws {ShapeError} If paired axes differ in size.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { ones, tensordot } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(tensordot(ones([2, 3, 4]), ones([4, 3, 5]), [[1, 2], [1, 0]]).shape, [2, 5]);
 * ```
 */
export function tensordot(
  x: Tensor,
  y: Tensor,
  axes: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  requireTensor("tensordot", "x", x);
  requireTensor("tensordot", "y", y);
  const [mine, theirs] = pairsOf(x, y, axes);
  const names = (prefix: string, rank: number, paired: readonly number[]) =>
    Array.from({ length: rank }, (_, axis) => paired.includes(axis) ? `k${paired.indexOf(axis)}` : `${prefix}${axis}`);
  const [left, right] = [names("x", x.shape.length, mine), names("y", y.shape.length, theirs)];
  const output = [...left, ...right].filter((name) => !name.startsWith("k"));
  const product = pairProduct({ x, names: left }, { x: y, names: right }, new Set(output));
  return ordered(product, output);
}

function pairsOf(x: Tensor, y: Tensor, axes: number | readonly [readonly number[], readonly number[]]) {
  const range = (start: number, length: number) => Array.from({ length }, (_, i) => start + i);
  const count = typeof axes === "number" ? axes : 0;
  if (!(Number.isInteger(count) && count >= 0 && count <= Math.min(x.shape.length, y.shape.length))) {
    throw new ShapeError("tensordot", `each must have the ${count} axes that are summed over`, [x.shape, y.shape]);
  }
  const given = typeof axes === "number" ? [range(x.shape.length - count, count), range(0, count)] as const : axes;
  const paired = Array.isArray(given) && given.length === 2 && given.every(Array.isArray);
  requireKind("tensordot", "axes", axes, paired, "a number or two lists of axes");
  normalizeAxes("tensordot", x, given[0]);
  normalizeAxes("tensordot", y, given[1]);
  const mine = given[0].map((axis) => axis < 0 ? axis + x.shape.length : axis);
  const theirs = given[1].map((axis) => axis < 0 ? axis + y.shape.length : axis);
  if (mine.length === theirs.length && mine.every((axis, i) => x.shape[axis] === y.shape[theirs[i]!])) {
    return [mine, theirs] as const;
  }
  throw new ShapeError("tensordot", `axes [${given[0]}] and [${given[1]}] must have equal sizes in pairs`, [
    x.shape,
    y.shape,
  ]);
}

/**
 * NumPy's `dot`: the inner product of vectors, the product of matrices, else sums over the last axis of `x` and the last but
 * one of `y` (or its only one).
 *
 * @param x Tensor.
 * @param y Tensor.
 * @returns The other axes of `x`, then those of `y`; a product with a scalar is one of elements.
 * @throws {ShapeError} If the sizes differ.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { dot, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await dot(tensor([1, 2]), tensor([3, 4])).item(), 11);
 * ```
 */
export function dot(x: Tensor, y: Tensor): Tensor {
  requireTensor("dot", "x", x);
  requireTensor("dot", "y", y);
  if (x.shape.length === 0 || y.shape.length === 0) return mul(x, y);
  return tensordot(x, y, [[-1], [y.shape.length === 1 ? -1 : -2]]);
}
