/** @file How records of element by element operations are made. */
import type { ComposedOp } from "../compiler/expansions/words.ts";
import type { PlainOp } from "../compiler/operations.ts";
import { op, type Scalar } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { DTYPES, type TensorSpec } from "../spec.ts";
import { bind, Tensor } from "../tensor.ts";
import { asFloating, wrap } from "./cast.ts";
import { constant } from "./constant.ts";
import { alignOperands, requireOperand, sameSpec, type TensorLike } from "./operands.ts";

/** From the cotangent, the operands and the output to the cotangents of the operands. */
export type BinaryVjp = (
  cotangent: Tensor,
  x: Tensor,
  y: Tensor,
  output: Tensor,
) => readonly [Tensor | null, Tensor | null];

/** Refuses what an operation does not take: bool, or all that is not floating. */
function requireKind(name: string, kind: "number" | "float", spec: TensorSpec): TensorSpec {
  const { floating } = DTYPES[spec.dtype];
  if (floating || (kind === "number" && spec.dtype !== "bool")) return spec;
  const [wanted, cast] = kind === "float" ? ["floating", "float32"] : ["numbers", "int32"];
  throw new TypeError(`Cannot ${name} as operands must be ${wanted}: current dtype is ${spec.dtype}; cast to ${cast}`);
}

/**
 * The record of an operation on two tensors of one shape and dtype: numbers, or floating ones only; `own` is what it has
 * of its own.
 */
export function binary(
  name: string,
  scalar: PlainOp | ComposedOp,
  combine: (x: number, y: number) => number,
  vjp: BinaryVjp = () => [null, null],
  kind: "number" | "float" = "number",
  own: Partial<Primitive> = {},
): Primitive {
  return {
    name,
    shapeRule: (inputs) => requireKind(name, kind, sameSpec(name)(inputs)),
    reference: ([x, y], _, { dtype }) => x!.data.map((value, i) => wrap(combine(value, y!.data[i]!), dtype)),
    vjpRule: (cotangent, output) => vjp(cotangent, output.inputs[0]!, output.inputs[1]!, output),
    lowering: { kind: "expression", expression: ([x, y]) => op(scalar, x!, y!) },
    ...own,
  };
}

/** Applies a binary record after promotion and broadcasting. */
export function applyBinary(primitive: Primitive, x: TensorLike, y: TensorLike): Tensor {
  return bind(primitive, alignOperands(primitive.name, [x, y]), {});
}

/** Numbers as floats: integers and bools become float32, as they are no operands of functions of floats. */
function floating(x: TensorLike): TensorLike {
  return x instanceof Tensor ? asFloating(x) : x;
}

/** Applies a binary record of floats; integers and bools are taken as float32. */
export function applyFloats(primitive: Primitive, x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(primitive, floating(x), floating(y));
}

/** From the cotangent, the operand and the output to the cotangent of the operand. */
export type UnaryVjp = (cotangent: Tensor, x: Tensor, output: Tensor) => Tensor | null;

/**
 * The record of a function of one tensor; of floating ones only unless `integers`.
 */
export function unary(
  name: string,
  scalar: (x: Scalar) => Scalar,
  f: (x: number) => number,
  vjp: UnaryVjp,
  integers = false,
): Primitive {
  return {
    name,
    shapeRule: ([x]) => requireKind(name, integers ? "number" : "float", { shape: x!.shape, dtype: x!.dtype }),
    reference: ([x], _, { dtype }) => x!.data.map((value) => wrap(f(value), dtype)),
    vjpRule: (cotangent, output) => [vjp(cotangent, output.inputs[0]!, output)],
    lowering: { kind: "expression", expression: ([x]) => scalar(x!) },
  };
}

/** Applies a unary record; a number becomes a float32 scalar. */
export function applyUnary(primitive: Primitive, x: TensorLike): Tensor {
  requireOperand(primitive.name, "x", x);
  return bind(primitive, [x instanceof Tensor ? x : constant([], x, "float32")], {});
}

/** Applies a function of floats; integers and bools are taken as float32. */
export function applyFloat(primitive: Primitive, x: TensorLike): Tensor {
  return applyUnary(primitive, floating(x));
}
