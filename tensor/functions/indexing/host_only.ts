/** @file Functions whose results have shapes that depend on values: they read tensors, so only the host can compute them. */
import { requireOptions, ShapeError } from "../../errors.ts";
import { hostArray } from "../../host_values.ts";
import { take } from "../../primitives/gather.ts";
import { reshape } from "../../primitives/layout.ts";
import { normalizeAxes } from "../../primitives/sum.ts";
import { requireTensor } from "../../require_tensor.ts";
import { DTYPES, sameShape, type Shape, sizeOf, stridesOf, type TypedArray } from "../../spec.ts";
import { leaf, type Tensor } from "../../tensor.ts";
import { isInside } from "../../transform/running.ts";
import { moveaxis } from "../pieces.ts";

/** Refuses a tensor that has no values yet, and any call within a transformed function. */
function requireValues(operation: string, x: Tensor, remedy: string): void {
  if (!x.traced && !isInside()) return;
  throw new TypeError(
    `Cannot ${operation} inside jit, grad or vmap as the shape of its result depends on values, which are not there yet: ` +
      `current tensor is ${x}; ${remedy}`,
  );
}

function whole(values: readonly number[] | Int32Array, shape: Shape = [values.length]): Tensor {
  return leaf({ shape, dtype: "int32" }, { host: Int32Array.from(values) });
}

/** Positions in row-major order of what is not zero; NaN is not. */
function truePlaces(values: TypedArray): Int32Array {
  let count = 0;
  for (const value of values) count += Number(value !== 0);
  const places = new Int32Array(count);
  let next = 0;
  values.forEach((value, i) => value !== 0 && (places[next++] = i));
  return places;
}

/**
 * Finds the elements that are not zero. Reads the tensor.
 *
 * @param x Any tensor that is not traced.
 * @returns For each axis their positions on it, int32 `[count]`, in row-major order: an index of `at`.
 * @throws {TypeError} Inside `jit`, `grad` or `vmap`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { nonzero, tensor } from "@tessera/tessera/tensor";
 *
 * const [rows, columns] = await nonzero(tensor([[0, 3], [4, 0]]));
 * deepStrictEqual(await rows!.data(), new Int32Array([0, 1]));
 * deepStrictEqual(await columns!.data(), new Int32Array([1, 0]));
 * ```
 */
export function nonzero(x: Tensor): Promise<readonly Tensor[]> {
  requireTensor("find nonzero elements", "x", x);
  requireValues("find nonzero elements", x, "use where, or call it before");
  const strides = stridesOf(x.shape);
  return x.data().then((values) => {
    const places = truePlaces(values);
    return x.shape.map((size, axis) => whole(places.map((at) => Math.floor(at / strides[axis]!) % size)));
  });
}

/**
 * Takes the elements where a mask holds, as `x[mask]` of NumPy. Reads the mask alone: a gradient flows through the result.
 *
 * @param x Any tensor `[...mask, ...rest]`.
 * @param mask Bool tensor of the first axes of `x`, not traced.
 * @returns Tensor `[count, ...rest]`, in row-major order.
 * @throws {ShapeError} If the axes of the mask are not the first of `x`.
 * @throws {TypeError} If the mask is not bool, or inside `jit`, `grad` or `vmap`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { booleanMask, greater, tensor } from "@tessera/tessera/tensor";
 *
 * const x = tensor([3, -1, 2]);
 * deepStrictEqual(await (await booleanMask(x, greater(x, 0))).data(), new Float32Array([3, 2]));
 * ```
 */
export function booleanMask(x: Tensor, mask: Tensor): Promise<Tensor> {
  requireTensor("mask", "x", x);
  requireTensor("mask", "mask", mask);
  if (mask.dtype !== "bool") {
    throw new TypeError(`Cannot mask as the mask must be bool: current dtype is ${mask.dtype}`);
  }
  const rank = mask.shape.length;
  if (!sameShape(x.shape.slice(0, rank), mask.shape)) {
    throw new ShapeError("mask", "the axes of the mask must be the first of the tensor", [x.shape, mask.shape]);
  }
  requireValues("mask", mask, "use where(mask, x, other), or call it before");
  const rows = reshape(x, [sizeOf(mask.shape), ...x.shape.slice(rank)]);
  return mask.data().then((values) => take(rows, whole(truePlaces(values)), { wrapNegativeIndices: false }));
}

/** What `unique` finds. */
export interface Unique {
  /** The different elements, or slices along the axis, in ascending order. */
  readonly values: Tensor;
  /** Where each of them stands first, int32. */
  readonly indices: Tensor;
  /** Which of them each element is, int32: `take(values, inverse)` is what was given. */
  readonly inverse: Tensor;
  /** How often each of them stands, int32. */
  readonly counts: Tensor;
}

/** Orders two rows; NaN last, and like itself. */
function compareRows(a: TypedArray, b: TypedArray): number {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (x === y) continue;
    if (Number.isNaN(x) || Number.isNaN(y)) {
      if (Number.isNaN(x) && Number.isNaN(y)) continue;
      return Number.isNaN(x) ? 1 : -1;
    }
    return x - y;
  }
  return 0;
}

/**
 * Finds the different elements. Reads the tensor.
 *
 * @param x Any tensor that is not traced.
 * @param options `axis`: compares slices along it; all elements if left out.
 * @returns Values in ascending order (NaN once, last), first positions, inverse and counts. Without an axis the inverse has
 * the shape of `x`, with one it is `[size]`.
 * @throws {TypeError} Inside `jit`, `grad` or `vmap`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor, unique } from "@tessera/tessera/tensor";
 *
 * const { values, counts } = await unique(tensor([3, 1, 3]));
 * deepStrictEqual(await values.data(), new Float32Array([1, 3]));
 * deepStrictEqual(await counts.data(), new Int32Array([1, 2]));
 * ```
 */
export function unique(x: Tensor, options: { readonly axis?: number } = {}): Promise<Unique> {
  requireOptions("unique", options, { axis: true });
  requireTensor("unique", "x", x);
  requireValues("unique", x, "use sort and segmentSum with a static number of segments, or call it before");
  const { axis } = options;
  const at = axis === undefined ? undefined : normalizeAxes("unique", x, axis)[0]!;
  const rows = at === undefined ? reshape(x, [sizeOf(x.shape)]) : moveaxis(x, at, 0);
  return rows.data().then((values) => {
    const found = differentRows(values, rows.shape);
    const kept = leaf({ shape: [found.first.length, ...rows.shape.slice(1)], dtype: x.dtype }, {
      host: hostArray(found.values, x.dtype),
    });
    return {
      values: at === undefined ? kept : moveaxis(kept, 0, at),
      indices: whole(found.first),
      inverse: whole(found.inverse, at === undefined ? x.shape : [rows.shape[0]!]),
      counts: whole(found.counts),
    };
  });
}

function differentRows(values: TypedArray, shape: Shape) {
  const [count, width] = [shape[0]!, sizeOf(shape.slice(1))];
  const row = (i: number) => values.subarray(i * width, (i + 1) * width);
  const order = Int32Array.from({ length: count }, (_, i) => i).sort((a, b) => compareRows(row(a), row(b)) || a - b);
  const [first, counts]: [number[], number[]] = [[], []];
  const inverse = new Int32Array(count);
  order.forEach((at, i) => {
    const isNew = i === 0 || compareRows(row(order[i - 1]!), row(at)) !== 0;
    if (isNew) {
      first.push(at);
      counts.push(0);
    }
    counts[counts.length - 1]!++;
    inverse[at] = first.length - 1;
  });
  const kept = new DTYPES.float64.Array(first.length * width);
  first.forEach((at, i) => kept.set(row(at), i * width));
  return { values: kept, first, counts, inverse };
}
