/** @file Reductions made of others: products, logic, standard deviations, norms, inner and outer products. */
import { abs, add, mul, square } from "../primitives/arithmetic.ts";
import { asFloating, asTerms, cast, inWider } from "../primitives/cast.ts";
import { notEqual } from "../primitives/comparison.ts";
import { requireOptions, ShapeError } from "../errors.ts";
import { max, min } from "../primitives/extremum.ts";
import { reshape, transpose } from "../primitives/layout.ts";
import { keptAxes, normalizeAxes, REDUCE_OPTIONS, type ReduceOptions, sum, withoutAxes } from "../primitives/sum.ts";
import { pow, sqrt } from "../primitives/transcendental.ts";
import { pad, slice } from "../primitives/window.ts";
import { sizeOf } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { variance } from "./statistics.ts";

/**
 * The product of elements; 1 over nothing.
 *
 * @param x Tensor of numbers.
 * @param options Axes; all by default.
 * @returns Products; of an element 0 the gradient is that of the others' product.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { prod, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await prod(tensor([2, 3, 4])).item(), 24);
 * ```
 */
export function prod(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("prod", options, REDUCE_OPTIONS);
  requireTensor("prod", "x", x);
  const { axis, keepDims = false } = options;
  const axes = normalizeAxes("prod", x, axis);
  const kept = [...x.shape.keys()].filter((i) => !axes.includes(i));
  const count = sizeOf(axes.map((i) => x.shape[i]!));
  if (x.dtype === "float16") return inWider(x, (wide) => prod(wide, options));
  const numbers = asTerms(x);
  let rows = reshape(transpose(numbers, [...kept, ...axes]), [sizeOf(kept.map((i) => x.shape[i]!)), count]);
  if (count === 0) rows = pad(rows, [[0, 0], [0, 1]], 1);
  // Halves times halves: as many rounds as the logarithm of the count, and gradients without division.
  for (let size = rows.shape[1]!; size > 1; size = rows.shape[1]!) {
    const half = Math.ceil(size / 2);
    const even = size % 2 === 0 ? rows : pad(rows, [[0, 0], [0, 1]], 1);
    const part = (start: number) => slice(even, { start: [0, start], size: [even.shape[0]!, half] });
    rows = mul(part(0), part(half));
  }
  return reshape(rows, keepDims ? keptAxes(x.shape, axes) : withoutAxes(x.shape, axes));
}

/** 1 where an element is not 0: of NaN too, as in NumPy. */
function truth(x: Tensor): Tensor {
  return cast(x.dtype === "bool" ? x : notEqual(x, 0), "int32");
}

function isEmpty(operation: string, x: Tensor, axis: ReduceOptions["axis"]): boolean {
  return sizeOf(normalizeAxes(operation, x, axis).map((i) => x.shape[i]!)) === 0;
}

/**
 * Tells whether any element is true, or not 0.
 *
 * @param x Any tensor.
 * @param options Axes; all by default.
 * @returns bool; false over nothing.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { any, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await any(tensor([false, true])).item(), 1);
 * ```
 */
export function any(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("any", options, REDUCE_OPTIONS);
  requireTensor("any", "x", x);
  const found = isEmpty("any", x, options.axis) ? sum(truth(x), options) : max(truth(x), options);
  return cast(found, "bool");
}

/**
 * Tells whether all elements are true, or not 0.
 *
 * @param x Any tensor.
 * @param options Axes; all by default.
 * @returns bool; true over nothing.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { all, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await all(tensor([false, true])).item(), 0);
 * ```
 */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("all", options, REDUCE_OPTIONS);
  requireTensor("all", "x", x);
  const found = isEmpty("all", x, options.axis) ? add(sum(truth(x), options), 1) : min(truth(x), options);
  return cast(found, "bool");
}

/**
 * The standard deviation: the root of the variance.
 *
 * @param x Floating tensor.
 * @param options As of `variance`.
 * @returns Deviations.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { std, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await std(tensor([1, 3])).item(), 1);
 * ```
 */
export function std(x: Tensor, options: ReduceOptions & { readonly correction?: number } = {}): Tensor {
  requireOptions("std", options, { axis: true, keepDims: true, correction: true });
  requireTensor("std", "x", x);
  return sqrt(variance(x, options));
}

/** Options of `norm`. */
export interface NormOptions extends ReduceOptions {
  /** 2 by default; Infinity for the largest absolute value, 1 for their sum. */
  readonly order?: number;
}

/**
 * The norm of vectors.
 *
 * @param x Any tensor; integers and bools are taken as float32.
 * @param options Axes, all by default; `order`.
 * @returns `(Σ |x|^order)^(1 / order)`.
 * @throws {RangeError} If the order is not positive.
 * @throws {ShapeError} If an axis is out of range, or of order Infinity empty.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { norm, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await norm(tensor([3, 4])).item(), 5);
 * ```
 */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  requireOptions("norm", options, { order: true, axis: true, keepDims: true });
  requireTensor("norm", "x", x);
  const { order = 2, ...reduced } = options;
  if (!(order > 0)) throw new RangeError(`Cannot take a norm as the order must be positive: current order is ${order}`);
  const numbers = asFloating(x);
  if (order === Infinity) return max(abs(numbers), reduced);
  if (order === 1) return sum(abs(numbers), reduced);
  return order === 2 ? sqrt(sum(square(numbers), reduced)) : pow(sum(pow(abs(numbers), order), reduced), 1 / order);
}

/**
 * The inner product of two tensors, each taken as one vector.
 *
 * @param x Tensor of n elements.
 * @param y Tensor of as many, of any shape.
 * @returns Scalar of the promoted dtype: sums of integers wrap around, of bools it is true if any product is.
 * @throws {ShapeError} If they have different numbers of elements.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tensor, vdot } from "@tessera/tessera/tensor";
 *
 * equal(await vdot(tensor([1, 2]), tensor([3, 4])).item(), 11);
 * ```
 */
export function vdot(x: Tensor, y: Tensor): Tensor {
  requireTensor("vdot", "x", x);
  requireTensor("vdot", "y", y);
  if (sizeOf(x.shape) !== sizeOf(y.shape)) {
    throw new ShapeError("vdot", "both must have as many elements", [x.shape, y.shape]);
  }
  const products = mul(raveled(x), raveled(y));
  return cast(sum(products), products.dtype); // as every product: sums of integers and bools stay of their dtype
}

/** All elements in row-major order. */
function raveled(x: Tensor): Tensor {
  return reshape(x, [sizeOf(x.shape)]);
}

/**
 * The outer product of two tensors, each taken as one vector.
 *
 * @param x Tensor of m elements.
 * @param y Tensor of n elements.
 * @returns Matrix `[m, n]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { outer, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await outer(tensor([1, 2]), tensor([3, 4])).data(), new Float32Array([3, 4, 6, 8]));
 * ```
 */
export function outer(x: Tensor, y: Tensor): Tensor {
  requireTensor("outer", "x", x);
  requireTensor("outer", "y", y);
  return mul(reshape(x, [sizeOf(x.shape), 1]), raveled(y));
}
