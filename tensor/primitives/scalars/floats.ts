/** @file What floats are made of, bits turned around, and functions of pairs made of others. */
import { literal, op, type Scalar } from "../../compiler/scalar.ts";
import type { Primitive } from "../../primitive.ts";
import { requireTensor } from "../../require_tensor.ts";
import { DTYPES } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { abs, add, maximum, mul, neg, sign, square, sub } from "../arithmetic.ts";
import { wrap } from "../cast.ts";
import { equal, less } from "../comparison.ts";
import { constant } from "../constant.ts";
import { div } from "../division.ts";
import { logicalNot } from "../logic.ts";
import { alignOperands, requireOperand, type TensorLike } from "../operands.ts";
import { applyFloats, binary } from "../records.ts";
import { round } from "../rounding.ts";
import { exp } from "../transcendental.ts";
import { sin } from "../trigonometric.ts";
import { where } from "../where.ts";
import { log1p } from "./logarithms.ts";

/** Whether a float has its sign bit set: -0 too. Float64 is on the reference alone, which does not come here. */
function isNegative(x: Scalar): Scalar {
  const bits: Scalar = { kind: "op", op: "bitcast", args: [x], dtype: "int32" };
  return op("lt", bits, literal(0, "int32"));
}

function signOf(x: number): number {
  return x < 0 || Object.is(x, -0) ? -1 : 1;
}

const COPYSIGN = /* @__PURE__ */ binary(
  "copysign",
  "mul",
  (x, y) => Math.abs(x) * signOf(y),
  (ct, x, _, out) => [where(equal(x, out), ct, neg(ct)), null],
  "float",
  {
    lowering: {
      kind: "expression",
      expression: ([x, y]) => op("select", isNegative(y!), op("neg", op("abs", x!)), op("abs", x!)),
    },
  },
);

const BITWISE_NOT: Primitive = {
  name: "bitwiseNot",
  shapeRule: ([x]) => {
    if (!DTYPES[x!.dtype].floating) return { shape: x!.shape, dtype: x!.dtype };
    throw new TypeError(`Cannot bitwiseNot as operands must be integers or bool: current dtype is ${x!.dtype}`);
  },
  reference: ([x], _, { dtype }) => x!.data.map((value) => dtype === "bool" ? 1 - value : wrap(~value, dtype)),
  vjpRule: () => [null],
  lowering: { kind: "expression", expression: ([x]) => op("not", x!) },
};

/**
 * The size of `x` with the sign of `y`.
 *
 * @param x Tensor or number; integers and bools are taken as float32.
 * @param y Tensor or number that broadcasts with `x`; -0 has a sign.
 * @returns Floating tensor of the broadcast shape. No cotangent flows to `y`.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { copysign, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await copysign(tensor([1, -2]), tensor([-0, 3])).data(), new Float32Array([-1, 2]));
 * ```
 */
export function copysign(x: TensorLike, y: TensorLike): Tensor {
  return applyFloats(COPYSIGN, x, y);
}

/**
 * Turns every bit around; of bool it is logical not.
 *
 * @param x Integer or bool tensor.
 * @returns Tensor of the shape and dtype of `x`.
 * @throws {TypeError} If it is floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { bitwiseNot, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await bitwiseNot(tensor([0, 5], { dtype: "int32" })).data(), new Int32Array([-1, -6]));
 * ```
 */
export function bitwiseNot(x: Tensor): Tensor {
  requireTensor("bitwiseNot", "x", x);
  return bind(BITWISE_NOT, [x], {});
}

/**
 * Tells which elements are infinite.
 *
 * @param x Any tensor.
 * @returns Bool tensor of the shape of `x`; false of integers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { isInf, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await isInf(tensor([1, -Infinity, NaN])).data(), new Uint8Array([0, 1, 0]));
 * ```
 */
export function isInf(x: Tensor): Tensor {
  requireTensor("isInf", "x", x);
  return DTYPES[x.dtype].floating ? equal(abs(x), Infinity) : constant(x.shape, 0, "bool");
}

/**
 * Tells which elements are numbers: neither infinite nor NaN.
 *
 * @param x Any tensor.
 * @returns Bool tensor of the shape of `x`; true of integers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { isFinite, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await isFinite(tensor([1, -Infinity, NaN])).data(), new Uint8Array([1, 0, 0]));
 * ```
 */
export function isFinite(x: Tensor): Tensor {
  requireTensor("isFinite", "x", x);
  return DTYPES[x.dtype].floating ? less(abs(x), Infinity) : constant(x.shape, 1, "bool");
}

/**
 * One over each element.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; ±Infinity at ±0.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { reciprocal, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await reciprocal(tensor([2, -4])).data(), new Float32Array([0.5, -0.25]));
 * ```
 */
export function reciprocal(x: TensorLike): Tensor {
  requireOperand("reciprocal", "x", x);
  return div(1, x);
}

/**
 * `ln(e^x + e^y)`, without overflow on the way.
 *
 * @param x Tensor or number; integers and bools are taken as float32.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Floating tensor of the broadcast shape; -Infinity where both are.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { logaddexp } from "@tessera/tessera/tensor";
 *
 * equal(await logaddexp(1000, -1000).item(), 1000);
 * ```
 */
export function logaddexp(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = alignOperands("logaddexp", [div(x, 1), div(y, 1)]) as readonly [Tensor, Tensor];
  // Equal infinities have no distance, and are their own sum.
  const same = logicalNot(less(abs(sub(a, b)), Infinity));
  const zero = constant([], 0, a.dtype);
  const [one, other] = [where(same, zero, a), where(same, zero, b)];
  // By the sign of the distance, not by the maximum, whose gradient is split where both are equal.
  const distance = sub(one, other);
  const isLess = less(distance, 0);
  const sum = add(where(isLess, other, one), log1p(exp(where(isLess, distance, neg(distance)))));
  return where(same, maximum(a, b), sum);
}

/** Below, sinc is its series, which is exact there and has all its derivatives. */
const NEAR = 0.05;

/**
 * `sin(πx) / (πx)`, and 1 at 0.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; 0 at other whole numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sinc, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sinc(tensor([0, 1])).data(), new Float32Array([1, 0]));
 * ```
 */
export function sinc(x: TensorLike): Tensor {
  const y = div(x, 1);
  const near = less(abs(y), NEAR);
  const u = square(mul(where(near, y, 0), Math.PI));
  const coefficients = [1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1];
  const series = coefficients.slice(1).reduce<Tensor>(
    (sum, c) => add(mul(sum, u), c),
    constant(y.shape, coefficients[0]!, y.dtype),
  );
  const far = where(near, 1, y);
  // The distance from the nearest even number is exact: sin(πx) is 0 where x is whole.
  const turn = sub(far, mul(round(mul(far, 0.5)), 2));
  const short = where(less(0.5, abs(turn)), sub(sign(turn), turn), turn);
  const wave = sin(mul(short, Math.PI));
  return where(near, series, div(wave, mul(far, Math.PI)));
}
