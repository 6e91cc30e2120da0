/** @file Comparisons, logic and choice: what has no derivative of its own but decides where others flow. */
import { op, type ScalarOp } from "../compiler/scalar.ts";
import { ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { sameShape } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { cast, wrap } from "./cast.ts";
import { constant } from "./constant.ts";
import { alignOperands, sameSpec, type TensorLike } from "./operands.ts";

type Comparison = "eq" | "ne" | "lt" | "le";

function comparison(name: string, scalar: Comparison, compare: (x: number, y: number) => boolean): Primitive {
  return {
    name,
    shapeRule: (inputs) => ({ ...sameSpec(name)(inputs), dtype: "bool" }),
    reference: ([x, y]) => x!.data.map((value, i) => Number(compare(value, y!.data[i]!))),
    vjpRule: () => [null, null],
    lowering: { kind: "expression", expression: ([x, y]) => op(scalar, x!, y!) },
  };
}

const EQUAL = comparison("equal", "eq", (x, y) => x === y);
const NOT_EQUAL = comparison("notEqual", "ne", (x, y) => x !== y);
const LESS = comparison("less", "lt", (x, y) => x < y);
const LESS_EQUAL = comparison("lessEqual", "le", (x, y) => x <= y);

function compare(primitive: Primitive, x: TensorLike, y: TensorLike): Tensor {
  return bind(primitive, alignOperands(primitive.name, [x, y]), {});
}

/**
 * Where elements are equal. NaN equals nothing.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { equal, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await equal(tensor([1, 2]), 2).data(), new Uint8Array([0, 1]));
 * ```
 */
export function equal(x: TensorLike, y: TensorLike): Tensor {
  return compare(EQUAL, x, y);
}

/** Where elements differ; as `equal` otherwise. NaN differs from all. */
export function notEqual(x: TensorLike, y: TensorLike): Tensor {
  return compare(NOT_EQUAL, x, y);
}

/** Where `x < y`; as `equal` otherwise. */
export function less(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS, x, y);
}

/** Where `x <= y`; as `equal` otherwise. */
export function lessEqual(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS_EQUAL, x, y);
}

/** Where `x > y`; as `equal` otherwise. */
export function greater(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS, y, x);
}

/** Where `x >= y`; as `equal` otherwise. */
export function greaterEqual(x: TensorLike, y: TensorLike): Tensor {
  return compare(LESS_EQUAL, y, x);
}

function bitwise(name: string, scalar: ScalarOp, combine: (x: number, y: number) => number): Primitive {
  return {
    name,
    shapeRule: (inputs) => {
      const spec = sameSpec(name)(inputs);
      if (!spec.dtype.startsWith("float")) return spec;
      throw new TypeError(`Cannot ${name} as operands must be integers or bool: current dtype is ${spec.dtype}`);
    },
    reference: ([x, y], _, { dtype }) => x!.data.map((value, i) => wrap(combine(value, y!.data[i]!), dtype)),
    vjpRule: () => [null, null],
    lowering: { kind: "expression", expression: ([x, y]) => op(scalar, x!, y!) },
  };
}

const AND = bitwise("bitwiseAnd", "and", (x, y) => x & y);
const OR = bitwise("bitwiseOr", "or", (x, y) => x | y);
const XOR = bitwise("bitwiseXor", "xor", (x, y) => x ^ y);
const SHIFT_LEFT = bitwise("shiftLeft", "shiftLeft", (x, y) => x << y);
const SHIFT_RIGHT: Primitive = {
  ...bitwise("shiftRight", "shiftRight", () => 0),
  reference: ([x, y], _, { dtype }) =>
    x!.data.map((value, i) => dtype === "uint32" ? (value >>> 0) >>> y!.data[i]! : value >> y!.data[i]!),
};

/**
 * Combines the bits of integers, or bools, by and.
 *
 * @param x Integer or bool tensor, or a whole number.
 * @param y The same; it broadcasts with `x`.
 * @returns Tensor of the promoted dtype.
 * @throws {TypeError} If an operand is floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { bitwiseAnd, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await bitwiseAnd(tensor([6], "int32"), 3).data(), new Int32Array([2]));
 * ```
 */
export function bitwiseAnd(x: TensorLike, y: TensorLike): Tensor {
  return compare(AND, x, y);
}

/** Bits of either; as `bitwiseAnd` otherwise. */
export function bitwiseOr(x: TensorLike, y: TensorLike): Tensor {
  return compare(OR, x, y);
}

/** Bits of exactly one; as `bitwiseAnd` otherwise. */
export function bitwiseXor(x: TensorLike, y: TensorLike): Tensor {
  return compare(XOR, x, y);
}

/** Bits moved up by `y` places, 0 to 31; as `bitwiseAnd` otherwise. */
export function shiftLeft(x: TensorLike, y: TensorLike): Tensor {
  return compare(SHIFT_LEFT, x, y);
}

/** Bits moved down by `y` places, 0 to 31, the sign kept for int32; as `bitwiseAnd` otherwise. */
export function shiftRight(x: TensorLike, y: TensorLike): Tensor {
  return compare(SHIFT_RIGHT, x, y);
}

/** Where both are true. Numbers count as true where they are not 0. */
export function logicalAnd(x: Tensor, y: Tensor): Tensor {
  return bitwiseAnd(cast(x, "bool"), cast(y, "bool"));
}

/** Where either is true. Numbers count as true where they are not 0. */
export function logicalOr(x: Tensor, y: Tensor): Tensor {
  return bitwiseOr(cast(x, "bool"), cast(y, "bool"));
}

/** Where `x` is false, or 0. */
export function logicalNot(x: Tensor): Tensor {
  return bitwiseXor(cast(x, "bool"), constant(x.shape, 1, "bool"));
}

const WHERE: Primitive = {
  name: "where",
  shapeRule: ([condition, x, y]) => {
    const spec = sameSpec("where")([x!, y!]);
    if (condition!.dtype !== "bool") {
      throw new TypeError(`Cannot where as the condition must be bool: current dtype is ${condition!.dtype}`);
    }
    if (sameShape(condition!.shape, spec.shape)) return spec;
    throw new ShapeError("where", "operands must have one shape", [condition!.shape, x!.shape, y!.shape]);
  },
  reference: ([condition, x, y]) => condition!.data.map((chosen, i) => chosen ? x!.data[i]! : y!.data[i]!),
  vjpRule: (cotangent, { inputs: [condition] }) => {
    const none = constant(cotangent.shape, 0, cotangent.dtype);
    return [null, bind(WHERE, [condition!, cotangent, none], {}), bind(WHERE, [condition!, none, cotangent], {})];
  },
  lowering: { kind: "expression", expression: ([condition, x, y]) => op("select", condition!, x!, y!) },
};

/**
 * Chooses between two tensors, element by element.
 *
 * @param condition Bool tensor.
 * @param x Taken where the condition holds; tensor or number.
 * @param y Taken elsewhere; tensor or number.
 * @returns Tensor of the broadcast shape. No cotangent flows to what is not taken, not even of NaN.
 * @throws {TypeError} If the condition is not bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { greater, tensor, where } from "@tessera/tessera/tensor";
 *
 * const x = tensor([-1, 2]);
 * deepStrictEqual(await where(greater(x, 0), x, 0).data(), new Float32Array([0, 2]));
 * ```
 */
export function where(condition: Tensor, x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = alignOperands("where", [x, y]);
  const [mask] = alignOperands("where", [condition, constant(a!.shape, 0, "bool")], condition.dtype);
  const [left, right] = alignOperands("where", [a!, b!, constant(mask!.shape, 0, a!.dtype)]);
  return bind(WHERE, [mask!, left!, right!], {});
}
