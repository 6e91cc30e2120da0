/** @file The one table of dtypes: what is known of each. */

/**
 * Element type. `float64` exists on the `reference` device only; `bool` is stored as 0 and 1. `float16`, `int8` and `uint8`
 * take two bytes or one wherever a tensor is kept; each operation on them is computed in 32 bits, then rounded or wrapped.
 */
export type DType = "float32" | "float64" | "float16" | "int32" | "uint32" | "int8" | "uint8" | "bool";

/** Host values of one tensor: the array kind follows the dtype, `bool` is a `Uint8Array`. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Float16Array
  | Int32Array
  | Uint32Array
  | Int8Array
  | Uint8Array;

/** What is known of one dtype. Adding a dtype is adding a row. */
export interface DTypeInfo {
  /** Bytes an element takes on the cpu and webgpu devices. */
  readonly bytes: number;
  /** What its elements are: rounded numbers, whole numbers, or truth. */
  readonly kind: "float" | "whole" | "bool";
  /** True for those that have gradients: of kind `float`. */
  readonly floating: boolean;
  /** Host array of the dtype. */
  readonly Array: {
    new (size: number): TypedArray;
    new (buffer: ArrayBuffer, offset: number, length: number): TypedArray;
  };
  /** The least and the largest element. */
  readonly limits: readonly [number, number];
  /** The element that a number becomes: floats round, whole numbers keep their lowest bits, bool asks whether it is 0. */
  readonly round: (value: number) => number;
  /** Dtypes that hold all of its elements, the nearest first: what it is promoted to beside them. */
  readonly within: readonly DType[];
  /** The dtype of its sums and products over axes. */
  readonly sums: DType;
  /** The dtype that devices compute it in: itself, or that of the same kind of 32 bits. */
  readonly computed: DType;
  /** WGSL type of its values in registers. */
  readonly wgsl: "f32" | "i32" | "u32" | "bool";
}

/** Engines without it cannot hold float16, and refuse it by name. */
const HalfArray: DTypeInfo["Array"] = globalThis.Float16Array ?? class {
  constructor() {
    refuseHalf("hold float16");
  }
};

function refuseHalf(operation: string): never {
  throw new TypeError(
    `Cannot ${operation} as Float16Array must be there: current engine has none; use Node 24`,
  );
}

/** Table of the dtypes. */
export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: {
    bytes: 4,
    kind: "float",
    floating: true,
    Array: Float32Array,
    limits: [-Infinity, Infinity],
    round: Math.fround,
    within: ["float64"],
    sums: "float32",
    computed: "float32",
    wgsl: "f32",
  },
  float64: {
    bytes: 8,
    kind: "float",
    floating: true,
    Array: Float64Array,
    limits: [-Infinity, Infinity],
    round: (value: number) => value,
    within: [],
    sums: "float64",
    computed: "float64",
    wgsl: "f32",
  },
  float16: {
    bytes: 2,
    kind: "float",
    floating: true,
    Array: HalfArray,
    limits: [-Infinity, Infinity],
    round: (value: number) => Math.f16round(value),
    within: ["float32", "float64"],
    sums: "float16",
    computed: "float32",
    wgsl: "f32",
  },
  int32: {
    bytes: 4,
    kind: "whole",
    floating: false,
    Array: Int32Array,
    limits: [-(2 ** 31), 2 ** 31 - 1],
    round: (value: number) => value | 0,
    within: ["float16", "float32", "float64"],
    sums: "int32",
    computed: "int32",
    wgsl: "i32",
  },
  uint32: {
    bytes: 4,
    kind: "whole",
    floating: false,
    Array: Uint32Array,
    limits: [0, 2 ** 32 - 1],
    round: (value: number) => value >>> 0,
    within: ["float16", "float32", "float64"],
    sums: "uint32",
    computed: "uint32",
    wgsl: "u32",
  },
  int8: {
    bytes: 1,
    kind: "whole",
    floating: false,
    Array: Int8Array,
    limits: [-128, 127],
    round: (value: number) => value << 24 >> 24,
    within: ["int32", "float16", "float32", "float64"],
    sums: "int32",
    computed: "int32",
    wgsl: "i32",
  },
  uint8: {
    bytes: 1,
    kind: "whole",
    floating: false,
    Array: Uint8Array,
    limits: [0, 255],
    round: (value: number) => value & 255,
    within: ["uint32", "int32", "float16", "float32", "float64"],
    sums: "uint32",
    computed: "uint32",
    wgsl: "u32",
  },
  bool: {
    bytes: 4,
    kind: "bool",
    floating: false,
    Array: Uint8Array,
    limits: [0, 1],
    wgsl: "bool",
    round: (value: number) => Number(value !== 0),
    within: ["uint8", "int8", "uint32", "int32", "float16", "float32", "float64"],
    sums: "int32",
    computed: "bool",
  },
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
  const { kind, limits: [least, largest], round } = DTYPES[dtype];
  if (typeof value !== "number") return false;
  if (kind === "whole") return Number.isInteger(value) && value >= least && value <= largest;
  return kind === "bool" || !Number.isFinite(value) || Number.isFinite(round(value));
}

/**
 * Checks that a name is that of a dtype.
 *
 * @param operation What is refused otherwise, for the error.
 * @param dtype The name.
 * @throws {RangeError} If there is no such dtype, naming those that there are.
 * @throws {TypeError} For float16, in an engine without `Float16Array`.
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
  if (dtype === "float16" && !globalThis.Float16Array) refuseHalf(operation);
  if (Object.hasOwn(DTYPES, dtype)) return;
  throw new RangeError(
    `Cannot ${operation} as dtype must be one of ${Object.keys(DTYPES).join(", ")}: current dtype is ${dtype}`,
  );
}
