/** @file Quotients and remainders. `trunc` and `fmod` are C's, towards zero; `floor` and `remainder` are NumPy's. */
import { MOD_OP } from "../compiler/expansions/composed.ts";
import { literal, op, type Scalar } from "../compiler/scalar.ts";
import type { Primitive } from "../primitive.ts";
import { DTYPES } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { mul, neg } from "./arithmetic.ts";
import { cast } from "./cast.ts";
import type { TensorLike } from "./operands.ts";
import { applyBinary, binary, type BinaryVjp } from "./records.ts";

/** Whether a divisor is a zero that is known. Drivers of GPUs were seen to drop what divides by one. */
function isZero(y: Scalar): y is Scalar & { readonly kind: "const" } {
  return y.kind === "const" && y.value === 0;
}

/** The quotient: of floats as IEEE 754 has it, of integers towards zero. */
function quotientOf(x: Scalar, y: Scalar): Scalar {
  if (!isZero(y)) return op("div", x, y);
  return DTYPES[x.dtype].floating ? op("mul", x, literal(1 / y.value, x.dtype)) : literal(0, x.dtype);
}

/** The remainder towards zero. */
function restOf(x: Scalar, y: Scalar): Scalar {
  if (!isZero(y)) return op(MOD_OP, x, y);
  return literal(DTYPES[x.dtype].floating ? NaN : 0, x.dtype);
}

/** The record of an operation whose scalar expression is made of others. */
function quotient(
  name: string,
  combine: (x: number, y: number) => number,
  expression: (x: Scalar, y: Scalar) => Scalar,
  vjp?: BinaryVjp,
  kind?: "float",
): Primitive {
  return {
    ...binary(name, "div", combine, vjp, kind),
    lowering: { kind: "expression", expression: ([x, y]) => expression(x!, y!) },
  };
}

const DIV = /* @__PURE__ */ quotient(
  "div",
  (x, y) => x / y,
  quotientOf,
  (ct, _, y, out) => [div(ct, y), neg(div(mul(ct, out), y))],
  "float",
);

const zero = (x: Scalar) => literal(0, x.dtype);

/** Whether a remainder towards zero has the other sign than the divisor: then that towards minus infinity is one more. */
function isShort(remainder: Scalar, y: Scalar): Scalar {
  const under = op("and", op("lt", remainder, zero(y)), op("lt", zero(y), y));
  return op("or", under, op("and", op("lt", zero(y), remainder), op("lt", y, zero(y))));
}

const TRUNC_DIVIDE = /* @__PURE__ */ quotient(
  "truncDivide",
  (x, y) => Math.trunc(x / y),
  (x, y) => DTYPES[x.dtype].floating ? op("trunc", quotientOf(x, y)) : quotientOf(x, y),
);

const FMOD = /* @__PURE__ */ quotient(
  "fmod",
  (x, y) => x % y,
  restOf,
  (ct, x, y) => [ct, neg(mul(ct, truncDivide(x, y)))],
);

/** NumPy's: by the remainder, so that 1 over 0.1 is 9, as ten times the float32 0.1 is more than 1. */
function floorQuotient(x: number, y: number): number {
  if (y === 0) return x / y;
  const rest = x % y;
  return Math.round((x - rest) / y) - (rest !== 0 && (rest < 0) !== (y < 0) ? 1 : 0);
}

function floorOf(x: Scalar, y: Scalar): Scalar {
  const rest = restOf(x, y);
  const { floating } = DTYPES[x.dtype];
  const whole = floating ? op("round", quotientOf(op("sub", x, rest), y)) : quotientOf(x, y);
  const floor = op("select", isShort(rest, y), op("sub", whole, literal(1, x.dtype)), whole);
  return floating ? op("select", op("eq", y, zero(y)), quotientOf(x, y), floor) : floor;
}

const FLOOR_DIVIDE = /* @__PURE__ */ quotient("floorDivide", floorQuotient, floorOf);

function floorRemainder(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && (rest < 0) !== (y < 0) ? rest + y : rest;
}

function remainderOf(x: Scalar, y: Scalar): Scalar {
  const rest = restOf(x, y);
  return op("select", isShort(rest, y), op("add", rest, y), rest);
}

const REMAINDER = /* @__PURE__ */ quotient(
  "remainder",
  floorRemainder,
  remainderOf,
  (ct, x, y) => [ct, neg(mul(ct, floorDivide(x, y)))],
);

/**
 * Divides element by element.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape. Integers and bools become float32 first, each for itself, as in NumPy's
 * `true_divide`; for whole quotients there are `floorDivide` and `truncDivide`.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { arange, div } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await div(arange(4), 4).data(), new Float32Array([0, 0.25, 0.5, 0.75]));
 * ```
 */
export function div(x: TensorLike, y: TensorLike): Tensor {
  const real = (z: TensorLike) => z instanceof Tensor && !DTYPES[z.dtype].floating ? cast(z, "float32") : z;
  return applyBinary(DIV, real(x), real(y));
}

/**
 * Divides towards zero, as C does.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype; an integer divided by 0 is 0. A constant to gradients.
 * @throws {ShapeError} If the shapes do not broadcast.
 * @throws {TypeError} If both are bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor, truncDivide } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await truncDivide(tensor([7, -7], { dtype: "int32" }), 2).data(), new Int32Array([3, -3]));
 * ```
 */
export function truncDivide(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(TRUNC_DIVIDE, x, y);
}

/**
 * What `truncDivide` leaves: of the sign of `x`, as C's and NumPy's `fmod`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype; of an integer over 0 it is 0.
 * @throws {ShapeError} If the shapes do not broadcast.
 * @throws {TypeError} If both are bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fmod, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await fmod(tensor([5, -5]), 3).data(), new Float32Array([2, -2]));
 * ```
 */
export function fmod(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(FMOD, x, y);
}

/**
 * Divides towards minus infinity, as NumPy's `floor_divide` and Python's `//`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype; an integer divided by 0 is 0. A constant to gradients.
 * @throws {ShapeError} If the shapes do not broadcast.
 * @throws {TypeError} If both are bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { floorDivide, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await floorDivide(tensor([7, -7], { dtype: "int32" }), 2).data(), new Int32Array([3, -4]));
 * ```
 */
export function floorDivide(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(FLOOR_DIVIDE, x, y);
}

/**
 * What `floorDivide` leaves: of the sign of `y`, as NumPy's `remainder` and Python's `%`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype; of an integer over 0 it is 0.
 * @throws {ShapeError} If the shapes do not broadcast.
 * @throws {TypeError} If both are bool.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { remainder, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await remainder(tensor([5, -1], { dtype: "int32" }), 5).data(), new Int32Array([0, 4]));
 * ```
 */
export function remainder(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(REMAINDER, x, y);
}
