/** @file Functions of calculus, for floating tensors. */
import { EXP_OP, LOG_OP, POW_OP, SIGMOID_OP, TANH_OP } from "../compiler/expansions/composed.ts";
import { op } from "../compiler/scalar.ts";
import { DTYPES } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { mul, sub } from "./arithmetic.ts";
import { wrap } from "./cast.ts";
import { div } from "./division.ts";
import { equal, greater } from "./comparison.ts";
import type { TensorLike } from "./operands.ts";
import { applyBinary, applyFloat, binary, unary } from "./records.ts";
import { where } from "./where.ts";

const EXP = /* @__PURE__ */ unary("exp", (x) => op(EXP_OP, x), Math.exp, (ct, _, out) => mul(ct, out)); // d(e^x) = e^x dx
const LOG = /* @__PURE__ */ unary("log", (x) => op(LOG_OP, x), Math.log, (ct, x) => div(ct, x));
const SQRT = /* @__PURE__ */ unary("sqrt", (x) => op("sqrt", x), Math.sqrt, (ct, _, out) => div(mul(ct, 0.5), out));
const RSQRT = /* @__PURE__ */ unary(
  "rsqrt",
  (x) => op("rsqrt", x),
  (x) => 1 / Math.sqrt(x),
  (ct, x, out) => mul(mul(ct, -0.5), div(out, x)),
);
const TANH = /* @__PURE__ */ unary(
  "tanh",
  (x) => op(TANH_OP, x),
  Math.tanh,
  (ct, _, out) => mul(ct, sub(1, mul(out, out))),
);
const SIGMOID = /* @__PURE__ */ unary(
  "sigmoid",
  (x) => op(SIGMOID_OP, x),
  (x) => 1 / (1 + Math.exp(-x)),
  (ct, _, out) => mul(ct, mul(out, sub(1, out))),
);

/** As C and NumPy have it: a power of 1 is 1, also of NaN, and so is -1 to infinity. */
function powerOf(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}

/** Modulo 2^32; of negative exponents what truncation leaves of 1 / x^-y, and 0 of 1 / 0. */
function integerPowerOf(x: number, y: number): number {
  if (y < 0) return x === 1 ? 1 : x === -1 ? 1 - 2 * Math.abs(y % 2) : 0;
  let [product, square] = [1, x];
  for (let rest = y; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) product = Math.imul(product, square);
    square = Math.imul(square, square);
  }
  return product;
}

const POW = /* @__PURE__ */ binary(
  "pow",
  POW_OP,
  powerOf,
  (ct, x, y, out) => [
    mul(ct, where(equal(y, 0), 0, mul(y, pow(x, sub(y, 1))))),
    mul(ct, where(greater(x, 0), mul(out, log(where(greater(x, 0), x, 1))), 0)),
  ],
  "number",
  {
    reference: ([x, y], _, { dtype }) => {
      const power = DTYPES[dtype].floating ? powerOf : integerPowerOf;
      return x!.data.map((value, i) => wrap(power(value, y!.data[i]!), dtype));
    },
  },
);

/**
 * Raises e to each element.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; Infinity above about 88.7 in float32.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { exp, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await exp(tensor([0])).data(), new Float32Array([1]));
 * ```
 */
export function exp(x: TensorLike): Tensor {
  return applyFloat(EXP, x);
}

/**
 * The natural logarithm.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; -Infinity at 0, NaN below.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { log, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await log(tensor([1, 0])).data(), new Float32Array([0, -Infinity]));
 * ```
 */
export function log(x: TensorLike): Tensor {
  return applyFloat(LOG, x);
}

/**
 * The square root.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; NaN below 0.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sqrt, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sqrt(tensor([4, 9])).data(), new Float32Array([2, 3]));
 * ```
 */
export function sqrt(x: TensorLike): Tensor {
  return applyFloat(SQRT, x);
}

/**
 * One over the square root.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; Infinity at 0, NaN below.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { rsqrt, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await rsqrt(tensor([1, 4])).data(), new Float32Array([1, 0.5]));
 * ```
 */
export function rsqrt(x: TensorLike): Tensor {
  return applyFloat(RSQRT, x);
}

/**
 * The hyperbolic tangent.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`, in [-1, 1].
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tanh, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await tanh(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function tanh(x: TensorLike): Tensor {
  return applyFloat(TANH, x);
}

/**
 * The logistic function `1 / (1 + e^-x)`.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`, in [0, 1].
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sigmoid, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sigmoid(tensor([0])).data(), new Float32Array([0.5]));
 * ```
 */
export function sigmoid(x: TensorLike): Tensor {
  return applyFloat(SIGMOID, x);
}

/**
 * Raises `x` to the power `y`.
 *
 * @param x Tensor or number.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Tensor of the broadcast shape and promoted dtype. Of floats 1 for `y = 0` and for `x = 1`, whatever the other is,
 * and NaN for negative `x` unless `y` is whole. Of integers the product modulo 2^32; a negative `y` gives what truncation
 * leaves of `1 / x^-y`, which is 0 unless `x` is 1 or -1.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { pow, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await pow(tensor([2, 3]), 2).data(), new Float32Array([4, 9]));
 * ```
 */
export function pow(x: TensorLike, y: TensorLike): Tensor {
  return applyBinary(POW, x, y);
}
