/** @file Hyperbolic functions and their inverses. */
import { ACOSH_OP, ASINH_OP, ATANH_OP, COSH_OP, SINH_OP } from "../../compiler/expansions/composed.ts";
import { op } from "../../compiler/scalar.ts";
import type { Tensor } from "../../tensor.ts";
import { add, mul, square, sub } from "../arithmetic.ts";
import { div } from "../division.ts";
import type { TensorLike } from "../operands.ts";
import { applyFloat, unary } from "../records.ts";
import { rsqrt, sqrt } from "../transcendental.ts";

const SINH = /* @__PURE__ */ unary("sinh", (x) => op(SINH_OP, x), Math.sinh, (ct, x) => mul(ct, cosh(x)));
const COSH = /* @__PURE__ */ unary("cosh", (x) => op(COSH_OP, x), Math.cosh, (ct, x) => mul(ct, sinh(x)));
const ASINH = /* @__PURE__ */ unary(
  "asinh",
  (x) => op(ASINH_OP, x),
  Math.asinh,
  (ct, x) => mul(ct, rsqrt(add(square(x), 1))),
);
const ACOSH = /* @__PURE__ */ unary(
  "acosh",
  (x) => op(ACOSH_OP, x),
  Math.acosh,
  (ct, x) => div(ct, mul(sqrt(sub(x, 1)), sqrt(add(x, 1)))),
);
const ATANH = /* @__PURE__ */ unary(
  "atanh",
  (x) => op(ATANH_OP, x),
  Math.atanh,
  (ct, x) => div(ct, mul(sub(1, x), add(1, x))),
);

/**
 * The hyperbolic sine.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sinh, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sinh(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function sinh(x: TensorLike): Tensor {
  return applyFloat(SINH, x);
}

/**
 * The hyperbolic cosine.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`, at least 1.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cosh, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await cosh(tensor([0])).data(), new Float32Array([1]));
 * ```
 */
export function cosh(x: TensorLike): Tensor {
  return applyFloat(COSH, x);
}

/**
 * The inverse of the hyperbolic sine.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { asinh, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await asinh(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function asinh(x: TensorLike): Tensor {
  return applyFloat(ASINH, x);
}

/**
 * The inverse of the hyperbolic cosine.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; NaN below 1.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { acosh, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await acosh(tensor([1])).data(), new Float32Array([0]));
 * ```
 */
export function acosh(x: TensorLike): Tensor {
  return applyFloat(ACOSH, x);
}

/**
 * The inverse of the hyperbolic tangent.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; ±Infinity at ±1, NaN beyond.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { atanh, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await atanh(tensor([0, 1])).data(), new Float32Array([0, Infinity]));
 * ```
 */
export function atanh(x: TensorLike): Tensor {
  return applyFloat(ATANH, x);
}
