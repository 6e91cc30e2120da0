/** @file Bits of integers and logic of bool. */
import type { PlainOp } from "../compiler/operations.ts";
import { literal, op, type Scalar } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { type DType, DTYPES } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { cast, wrap } from "./cast.ts";
import { constant } from "./constant.ts";
import { sameSpec, type TensorLike } from "./operands.ts";
import { applyBinary } from "./records.ts";

function bitwise(
  name: string,
  scalar: PlainOp,
  combine: (x: number, y: number) => number,
  kinds: "integers" | "integers or bool" = "integers or bool",
): Primitive {
  return {
    name,
    shapeRule: (inputs) => {
      const spec = sameSpec(name)(inputs);
      const isBool = spec.dtype === "bool";
      if (isBool ? kinds !== "integers" : !DTYPES[spec.dtype].floating) return spec;
      throw new TypeError(`Cannot ${name} as operands must be ${kinds}: current dtype is ${spec.dtype}`);
    },
    reference: ([x, y], _, { dtype }) => x!.data.map((value, i) => wrap(combine(value, y!.data[i]!), dtype)),
    vjpRule: () => [null, null],
    lowering: { kind: "expression", expression: ([x, y]) => op(scalar, x!, y!) },
  };
}

const AND = /* @__PURE__ */ bitwise("bitwiseAnd", "and", (x, y) => x & y);
const OR = /* @__PURE__ */ bitwise("bitwiseOr", "or", (x, y) => x | y);
const XOR = /* @__PURE__ */ bitwise("bitwiseXor", "xor", (x, y) => x ^ y);
/** Bits of a word: what is moved further, or by a negative number, is gone, as in NumPy; machines count modulo this. */
const WIDTH = 32;
const isWithin = (places: number): boolean => places >= 0 && places < WIDTH;

/** The record of a shift: by places within a word, and by all others. */
function shift(
  name: "shiftLeft" | "shiftRight",
  combine: (x: number, y: number, dtype: DType) => number,
  beyond: (x: Scalar) => Scalar,
): Primitive {
  return {
    ...bitwise(name, name, () => 0, "integers"),
    reference: ([x, y], _, { dtype }) => x!.data.map((value, i) => wrap(combine(value, y!.data[i]!, dtype), dtype)),
    lowering: {
      kind: "expression",
      expression: ([x, y]) => {
        if (y!.kind === "const") return isWithin(y!.value) ? op(name, x!, y!) : beyond(x!);
        const [none, width] = [literal(0, y!.dtype), literal(WIDTH, y!.dtype)];
        const within = op("and", op("le", none, y!), op("lt", y!, width));
        return op("select", within, op(name, x!, y!), beyond(x!));
      },
    },
  };
}

const SHIFT_LEFT = /* @__PURE__ */ shift(
  "shiftLeft",
  (x, y) => isWithin(y) ? x << y : 0,
  (x) => literal(0, x.dtype),
);
/** Only the sign is left of what has one. */
const SHIFT_RIGHT = /* @__PURE__ */ shift(
  "shiftRight",
  (x, y, dtype) => {
    if (DTYPES[dtype].limits[0] === 0) return isWithin(y) ? (x >>> 0) >>> y : 0;
    return x >> (isWithin(y) ? y : WIDTH - 1);
  },
  (x) => DTYPES[x.dtype].limits[0] === 0 ? literal(0, x.dtype) : op("shiftRight", x, literal(WIDTH - 1, x.dtype)),
);

/**
 * The bits of both.
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
 * deepStrictEqual(await bitwiseAnd(tensor([6], { dtype: "int32" }), 3).data(), new Int32Array([2]));
 * ```
 */
export function bitwiseAnd(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(AND, x, y);
}

/**
 * The bits of either.
 *
 * @param x Integer or bool tensor, or a whole number.
 * @param y The same; it broadcasts with `x`.
 * @returns Tensor of the promoted dtype.
 * @throws {TypeError} If an operand is floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { bitwiseOr, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await bitwiseOr(tensor([6], { dtype: "int32" }), 3).data(), new Int32Array([7]));
 * ```
 */
export function bitwiseOr(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(OR, x, y);
}

/**
 * The bits of exactly one.
 *
 * @param x Integer or bool tensor, or a whole number.
 * @param y The same; it broadcasts with `x`.
 * @returns Tensor of the promoted dtype.
 * @throws {TypeError} If an operand is floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { bitwiseXor, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await bitwiseXor(tensor([6], { dtype: "int32" }), 3).data(), new Int32Array([5]));
 * ```
 */
export function bitwiseXor(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(XOR, x, y);
}

/**
 * Moves bits up.
 *
 * @param x Integer tensor, or a whole number.
 * @param y Places; it broadcasts with `x`. Beyond 31, or negative, all bits leave, as in NumPy.
 * @returns Tensor of the promoted dtype. Bits that leave at the top are lost.
 * @throws {TypeError} If an operand is floating or bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { shiftLeft, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await shiftLeft(tensor([3], { dtype: "int32" }), 2).data(), new Int32Array([12]));
 * ```
 */
export function shiftLeft(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(SHIFT_LEFT, x, y);
}

/**
 * Moves bits down.
 *
 * @param x Integer tensor, or a whole number.
 * @param y Places; it broadcasts with `x`. Beyond 31, or negative, all bits leave, as in NumPy.
 * @returns Tensor of the promoted dtype. Of int32 the sign is kept, of uint32 zeros enter.
 * @throws {TypeError} If an operand is floating or bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { shiftRight, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await shiftRight(tensor([-8], { dtype: "int32" }), 2).data(), new Int32Array([-2]));
 * ```
 */
export function shiftRight(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(SHIFT_RIGHT, x, y);
}

/**
 * Where both are true.
 *
 * @param x Tensor; numbers count as true where they are not 0.
 * @param y The same; it broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { logicalAnd, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await logicalAnd(tensor([true, false]), tensor([true, true])).data(), new Uint8Array([1, 0]));
 * ```
 */
export function logicalAnd(x: Tensor, y: Tensor): Tensor {
  requireTensor("logicalAnd", "x", x);
  requireTensor("logicalAnd", "y", y);
  return bitwiseAnd(cast(x, "bool"), cast(y, "bool"));
}

/**
 * Where either is true.
 *
 * @param x Tensor; numbers count as true where they are not 0.
 * @param y The same; it broadcasts with `x`.
 * @returns Bool tensor of the broadcast shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { logicalOr, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await logicalOr(tensor([true, false]), tensor([true, true])).data(), new Uint8Array([1, 1]));
 * ```
 */
export function logicalOr(x: Tensor, y: Tensor): Tensor {
  requireTensor("logicalOr", "x", x);
  requireTensor("logicalOr", "y", y);
  return bitwiseOr(cast(x, "bool"), cast(y, "bool"));
}

/**
 * Where nothing is true.
 *
 * @param x Tensor; numbers count as true where they are not 0.
 * @returns Bool tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { logicalNot, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await logicalNot(tensor([true, false])).data(), new Uint8Array([0, 1]));
 * ```
 */
export function logicalNot(x: Tensor): Tensor {
  requireTensor("logicalNot", "x", x);
  return bitwiseXor(cast(x, "bool"), constant(x.shape, 1, "bool"));
}
