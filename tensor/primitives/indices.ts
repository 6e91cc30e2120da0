import { shown } from "../errors.ts";
import { hostValues, type Nested } from "../host_values.ts";
import { DTYPES, type TypedArray } from "../spec.ts";
import { leaf, leafSource, Tensor } from "../tensor.ts";
import { add, minimum } from "./arithmetic.ts";
import { cast, elementFor } from "./cast.ts";
import { less } from "./comparison.ts";
import { where } from "./where.ts";

/** Positions along an axis: whole numbers, given as they are, in nested arrays, or as a tensor. */
export type Indices = Tensor | Nested;

/** What no axis has: positions beyond it are outside as well. */
const LAST = DTYPES.int32.limits[1];

/** What a tensor of the host holds. */
function hostOf(x: Tensor): TypedArray | undefined {
  const source = leafSource(x);
  return source && "host" in source ? source.host : undefined;
}

function refuse(operation: string, current: string): never {
  throw new TypeError(`Cannot ${operation} as indices must be whole numbers, or int32: current ${current}`);
}

/** Indices as an int32 tensor, from whatever whole numbers they are. */
function wholeIndices(operation: string, indices: Indices): Tensor {
  if (!(indices instanceof Tensor)) {
    if (typeof indices !== "number" && !Array.isArray(indices)) refuse(operation, `indices are ${shown(indices)}`);
    const { shape, data } = hostValues(indices, { dtype: "int32" });
    return leaf({ shape, dtype: "int32" }, { host: data });
  }
  if (indices.dtype === "int32") return indices;
  if (indices.dtype === "uint32") return cast(minimum(indices, LAST), "int32");
  if (DTYPES[indices.dtype].kind === "whole") return cast(indices, "int32");
  const values = indices.dtype === "bool" ? undefined : hostOf(indices);
  if (!values) refuse(operation, `dtype is ${indices.dtype}; cast them to int32`);
  const fraction = values.findIndex((value) => !Number.isInteger(value));
  if (fraction >= 0) refuse(operation, `index at ${fraction} is ${values[fraction]}`);
  const nearest = Int32Array.from(values, (value) => elementFor(value, "int32"));
  return leaf({ shape: indices.shape, dtype: "int32" }, { host: nearest });
}

/** Counts negative indices from the end. Those of the host are counted here, so that they cost nothing later. */
function fromEnd(indices: Tensor, size: number): Tensor {
  const values = hostOf(indices);
  if (!values) return where(less(indices, 0), add(indices, size), indices);
  if (values.every((index) => index >= 0)) return indices;
  const counted = Int32Array.from(values, (index) => index < 0 ? index + size : index);
  return leaf({ shape: indices.shape, dtype: "int32" }, { host: counted });
}

/**
 * Makes an int32 tensor of indices.
 *
 * @param operation What is refused otherwise, for the error.
 * @param indices Whole numbers.
 * @param size Size of the axis, from whose end negative indices are counted; `null` to leave them as they are.
 * @returns int32 tensor.
 * @throws {TypeError} If they are no whole numbers.
 */
export function indicesOf(operation: string, indices: Indices, size: number | null): Tensor {
  const whole = wholeIndices(operation, indices);
  return size === null ? whole : fromEnd(whole, size);
}
