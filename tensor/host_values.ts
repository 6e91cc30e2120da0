/** @file What tensors are made of on the host: nested arrays and typed arrays, checked. */
import { requireList, ShapeError, shown } from "./errors.ts";
import { type DType, DTYPES, holds, requireDType, type Shape, sizeOf, type TypedArray } from "./spec.ts";
import { Tensor } from "./tensor.ts";

/** Numbers or booleans, nested to the depth of the rank. */
export type Nested = number | boolean | readonly Nested[];

/** Values in row-major order with their shape and dtype. */
export interface HostValues {
  /** Sizes of the axes. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
  /** The values, in an array of their own. */
  readonly data: TypedArray;
}

/** The dtype of a typed array that has one; of others it is to be named. */
function ownDType(values: ArrayLike<number>): DType | undefined {
  const isOwn = (name: DType) => name !== "bool" && values instanceof DTYPES[name].Array; // bytes are numbers
  return (Object.keys(DTYPES) as DType[]).find(isOwn);
}

function isTyped(x: unknown): x is ArrayLike<number> {
  return ArrayBuffer.isView(x) && !(x instanceof DataView);
}

function refuse(requirement: string, current: string): never {
  throw new TypeError(`Cannot make a tensor as ${requirement}: current ${current}`);
}

/** The dtype of a typed array: its own, or the one that is named. */
function typedDType(values: ArrayLike<number>, dtype: DType | undefined): DType {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    refuse("values must be numbers", `values are ${shown(values)}; convert them with Array.from(values, Number)`);
  }
  const own = dtype ?? ownDType(values);
  if (own) return own;
  const choices = Object.keys(DTYPES).map((name) => `"${name}"`).join(", ");
  return refuse(
    "no dtype holds this kind of array as it is, so one must be named",
    `values are ${shown(values)}; pass { dtype } of ${choices}`,
  );
}

/** Most axes of a tensor that is made of nested arrays: reading them uses the call stack. */
const MOST_AXES = 1000;

function shapeOf(values: Nested): Shape {
  const shape: number[] = [];
  for (let part: unknown = values; Array.isArray(part); part = part[0]) {
    if (shape.push(part.length) > MOST_AXES) {
      refuse(`arrays must be nested at most ${MOST_AXES} deep`, "depth is more; an array may not contain itself");
    }
  }
  return shape;
}

function refuseValue(part: unknown, path: string): never {
  const hint = part instanceof Tensor
    ? "; join tensors with stack"
    : isTyped(part)
    ? "; pass one typed array and { shape }"
    : "";
  return refuse("values must be numbers or booleans in arrays of arrays", `value${path} is ${shown(part)}${hint}`);
}

/** Nested arrays in row-major order; refuses what is ragged, missing, or no number. */
function flatten(values: Nested): { readonly shape: Shape; readonly flat: readonly (number | boolean)[] } {
  const shape = shapeOf(values);
  const flat: (number | boolean)[] = [];
  const visit = (part: unknown, axis: number, path: string): void => {
    const isArray = Array.isArray(part);
    if (!isArray && typeof part !== "number" && typeof part !== "boolean") refuseValue(part, path);
    if ((isArray ? part.length : undefined) !== shape[axis]) {
      const given = isArray ? `an array of length ${part.length}` : `a ${typeof part}`;
      throw new ShapeError("make a tensor", `nested arrays must have equal lengths, and value${path} is ${given}`, [
        shape,
      ]);
    }
    if (!isArray) return void flat.push(part as number | boolean);
    for (let i = 0; i < part.length; i++) visit(part[i], axis + 1, `${path}[${i}]`); // holes are undefined
  };
  visit(values, 0, "");
  return { shape, flat };
}

/** The dtype of plain values: bool of booleans, float32 of numbers. */
function plainDType(flat: readonly (number | boolean)[], dtype: DType | undefined): DType {
  const booleans = flat.reduce<number>((count, value) => count + Number(typeof value === "boolean"), 0);
  if (booleans === 0) return dtype ?? "float32";
  if (booleans === flat.length) return dtype ?? "bool";
  return refuse("values must be all numbers or all booleans", `values are ${booleans} booleans of ${flat.length}`);
}

/** Copies values; refuses those that the dtype does not hold. */
function copyOf(values: ArrayLike<number | boolean>, dtype: DType): TypedArray {
  const { Array: Kind, round } = DTYPES[dtype];
  const data = new Kind(values.length);
  if (values instanceof Kind && dtype !== "bool") { // each is of the dtype already
    (data as Float32Array).set(values as ArrayLike<number>);
    return data;
  }
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (!holds(dtype, value)) {
      const hint = dtype === "float32" ? '"float64" holds it, on the reference' : "round, clip or name another dtype";
      throw new RangeError(
        `Cannot make a tensor as values must be of ${dtype}: current value at ${i} is ${value}; ${hint}`,
      );
    }
    data[i] = round(value);
  }
  return data;
}

/** Refuses what is no list of sizes. */
export function requireSizes(operation: string, shape: Shape): void {
  requireList(operation, "shape", shape);
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return;
  throw new ShapeError(operation, "sizes must be a list of whole numbers that are not negative", [shape]);
}

/**
 * Reads values for a tensor, copied and checked.
 *
 * @param values A number, a boolean, nested arrays, or a typed array.
 * @param options `dtype` and, for typed arrays, `shape`; those of the values if left out.
 * @returns Shape, dtype and values.
 * @throws {TypeError} If something is neither number nor boolean, or a typed array has no dtype and none is named.
 * @throws {RangeError} If the dtype does not exist or does not hold a value.
 * @throws {ShapeError} If nested arrays are ragged, or the shape does not hold the values.
 */
export function hostValues(
  values: Nested | ArrayLike<number>,
  { dtype, shape: target }: { readonly dtype?: DType | undefined; readonly shape?: Shape | undefined } = {},
): HostValues {
  if (dtype !== undefined) requireDType("make a tensor", dtype);
  if (target !== undefined) requireSizes("make a tensor", target);
  const plain = isTyped(values) ? null : flatten(values as Nested);
  const kind = plain ? plainDType(plain.flat, dtype) : typedDType(values as ArrayLike<number>, dtype);
  const data = copyOf(plain ? plain.flat : values as ArrayLike<number>, kind);
  if (target && sizeOf(target) !== data.length) {
    throw new ShapeError("make a tensor", `the shape must hold ${data.length} values`, [target]);
  }
  return { shape: target ?? plain?.shape ?? [data.length], dtype: kind, data };
}

/** Host array of a dtype from any numbers. */
export function hostArray(values: ArrayLike<number>, dtype: DType): TypedArray {
  const { Array: Kind, round } = DTYPES[dtype];
  const array = new Kind(values.length);
  for (let i = 0; i < values.length; i++) array[i] = round(values[i]!);
  return array;
}
