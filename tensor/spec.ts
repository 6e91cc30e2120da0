import type { DType } from "./dtypes.ts";

export { type DType, type DTypeInfo, DTYPES, holds, requireDType, type TypedArray } from "./dtypes.ts";

/** Sizes of the axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** What a shape rule may look at: a tensor without its values. */
export interface TensorSpec {
  /** Sizes of the axes, outermost first. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
}

/** Values in row-major order with their spec, all held as float64: what reference rules compute on. */
export interface DenseArray extends TensorSpec {
  /** One number per element, last axis contiguous. */
  readonly data: Float64Array;
}

/**
 * Counts the elements of a shape.
 *
 * @param shape Any shape.
 * @returns The product of the sizes; `1` for a scalar.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { sizeOf } from "@tessera/tessera/tensor";
 *
 * equal(sizeOf([2, 3]), 6);
 * ```
 */
export function sizeOf(shape: Shape): number {
  return shape.reduce((size, dim) => size * dim, 1);
}

/**
 * Strides of a row-major array.
 *
 * @param shape Any shape.
 * @returns For each axis, how many elements apart its neighbours lie.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { stridesOf } from "@tessera/tessera/tensor/kernel";
 *
 * deepStrictEqual(stridesOf([2, 3, 4]), [12, 4, 1]);
 * ```
 */
export function stridesOf(shape: Shape): readonly number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/**
 * Tells whether two shapes are the same.
 *
 * @param a Any shape.
 * @param b Any shape.
 * @returns True if rank and every size agree.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { sameShape } from "@tessera/tessera/tensor/kernel";
 *
 * ok(sameShape([2, 3], [2, 3]));
 * ```
 */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Lists of a known length. */
export interface Tuples<T> {
  /** One. */
  readonly 1: readonly [T];
  /** Two. */
  readonly 2: readonly [T, T];
  /** Three. */
  readonly 3: readonly [T, T, T];
  /** Four. */
  readonly 4: readonly [T, T, T, T];
}

/**
 * Checks the length of a list, such as a shape, so that it can be taken apart by position.
 *
 * @param list A shape, or one item an axis.
 * @param length How many items it must have.
 * @returns The list.
 * @throws {RangeError} If it has another length.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tupleOf } from "@tessera/tessera/tensor/kernel";
 *
 * const [rows, columns] = tupleOf([2, 3], 2);
 * equal(rows * columns, 6);
 * ```
 */
export function tupleOf<T, N extends keyof Tuples<T>>(list: readonly T[], length: N): Tuples<T>[N] {
  if (list.length === length) return list as readonly T[] as Tuples<T>[N];
  throw new RangeError(`Cannot take a list apart as it must have ${length} items: current list is [${list}]`);
}
