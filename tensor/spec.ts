/** Sizes of the axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** Element type. `float64` exists on the `reference` device only; `bool` is stored as 0 and 1. */
export type DType = "float32" | "float64" | "int32" | "uint32" | "bool";

/** What a shape rule may look at: a tensor without its values. */
export interface TensorSpec {
  /** Sizes of the axes, outermost first. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
}

/** Host values of one tensor: the array kind follows the dtype, `bool` is a `Uint8Array`. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** Values in row-major order with their spec, all held as float64: what reference rules compute on. */
export interface DenseArray extends TensorSpec {
  /** One number per element, last axis contiguous. */
  readonly data: Float64Array;
}

/** What is known of one dtype. Adding a dtype is adding a row. */
export interface DTypeInfo {
  /** Bytes an element takes on the cpu and webgpu devices. */
  readonly bytes: number;
  /** True for float32 and float64. */
  readonly floating: boolean;
  /** Host array of the dtype. */
  readonly Array: new (size: number) => TypedArray;
}

/** Table of the dtypes. */
export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: { bytes: 4, floating: true, Array: Float32Array },
  float64: { bytes: 8, floating: true, Array: Float64Array },
  int32: { bytes: 4, floating: false, Array: Int32Array },
  uint32: { bytes: 4, floating: false, Array: Uint32Array },
  bool: { bytes: 4, floating: false, Array: Uint8Array },
};

/** Whole numbers that a dtype holds: the least and the largest. */
export const RANGES: Readonly<Record<"int32" | "uint32", readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
};

/**
 * Tells whether a dtype holds a number: integers hold whole numbers of their range, floats what is not beyond their
 * largest number (rounded), bool any number, as true unless it is 0.
 *
 * @param dtype Any dtype.
 * @param value Any number.
 * @returns True if the number becomes an element without loss of more than rounding.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { holds } from "@tessera/tessera/tensor/kernel";
 *
 * deepStrictEqual([holds("int32", 3e9), holds("uint32", 3e9), holds("int32", 0.5)], [false, true, false]);
 * ```
 */
export function holds(dtype: DType, value: number): boolean {
  if (dtype === "int32" || dtype === "uint32") {
    return Number.isInteger(value) && value >= RANGES[dtype][0] && value <= RANGES[dtype][1];
  }
  return dtype !== "float32" || !Number.isFinite(value) || Number.isFinite(Math.fround(value));
}

/**
 * Checks that a name is that of a dtype.
 *
 * @param operation What is refused otherwise, for the error.
 * @param dtype The name.
 * @throws {RangeError} If there is no such dtype, naming those that there are.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { requireDType } from "@tessera/tessera/tensor/kernel";
 *
 * throws(() => requireDType("cast", "int64"), /current dtype is int64/);
 * ```
 */
export function requireDType(operation: string, dtype: string): asserts dtype is DType {
  if (Object.hasOwn(DTYPES, dtype)) return;
  throw new RangeError(
    `Cannot ${operation} as dtype must be one of ${Object.keys(DTYPES).join(", ")}: current dtype is ${dtype}`,
  );
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
