import { type Shape, sizeOf, type TypedArray } from "./spec.ts";

/** Row-major values as nested arrays. */
export function nestedValues(shape: Shape, values: TypedArray, axis = 0, offset = 0): unknown {
  if (axis === shape.length) return values[offset];
  const stride = sizeOf(shape.slice(axis + 1));
  return Array.from({ length: shape[axis]! }, (_, i) => nestedValues(shape, values, axis + 1, offset + i * stride));
}
