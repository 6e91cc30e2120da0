/** @file Values that need no input: one literal everywhere, and positions. */
import { literal } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { type DType, type Shape, sizeOf } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { wrap } from "./cast.ts";

const FULL: Primitive<{ readonly shape: Shape; readonly dtype: DType; readonly value: number }> = {
  name: "full",
  shapeRule: (_, { shape, dtype }) => ({ shape, dtype }),
  reference: (_, { shape, value }) => new Float64Array(sizeOf(shape)).fill(value),
  vjpRule: () => [],
  lowering: { kind: "expression", expression: (_, { value, dtype }) => literal(value, dtype) },
};

const IOTA: Primitive<{ readonly shape: Shape; readonly axis: number }> = {
  name: "iota",
  shapeRule: (_, { shape }) => ({ shape, dtype: "int32" }),
  reference: (_, { shape, axis }) => {
    const inner = sizeOf(shape.slice(axis + 1));
    return new Float64Array(sizeOf(shape)).map((_, i) => Math.floor(i / inner) % shape[axis]!);
  },
  vjpRule: () => [],
  lowering: { kind: "iota", axis: ({ axis }) => axis },
};

/** The literal `value` in every element, made to fit the dtype: who lets numbers in checks that it holds them. */
export function constant(shape: Shape, value: number, dtype: DType): Tensor {
  return bind(FULL, [], { shape: [...shape], dtype, value: wrap(value, dtype) });
}

/** The position of each element along `axis`, int32. */
export function iota(shape: Shape, axis: number): Tensor {
  return bind(IOTA, [], { shape: [...shape], axis });
}
