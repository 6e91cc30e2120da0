/** @file Logarithms to other bases, powers of two, and both next to one. */
import { EXP2_OP, EXPM1_OP, LOG10_OP, LOG1P_OP, LOG2_OP } from "../../compiler/expansions/composed.ts";
import { op } from "../../compiler/scalar.ts";
import type { Tensor } from "../../tensor.ts";
import { add, mul } from "../arithmetic.ts";
import { div } from "../division.ts";
import type { TensorLike } from "../operands.ts";
import { applyFloat, unary } from "../records.ts";
import { exp } from "../transcendental.ts";

const LOG1P = /* @__PURE__ */ unary("log1p", (x) => op(LOG1P_OP, x), Math.log1p, (ct, x) => div(ct, add(x, 1)));
const EXPM1 = /* @__PURE__ */ unary("expm1", (x) => op(EXPM1_OP, x), Math.expm1, (ct, x) => mul(ct, exp(x)));
const LOG2 = /* @__PURE__ */ unary("log2", (x) => op(LOG2_OP, x), Math.log2, (ct, x) => div(ct, mul(x, Math.LN2)));
const LOG10 = /* @__PURE__ */ unary("log10", (x) => op(LOG10_OP, x), Math.log10, (ct, x) => div(ct, mul(x, Math.LN10)));
const EXP2 = /* @__PURE__ */ unary(
  "exp2",
  (x) => op(EXP2_OP, x),
  (x) => 2 ** x,
  (ct, _, out) => mul(ct, mul(out, Math.LN2)),
);

/**
 * The natural logarithm of `1 + x`, exact near zero.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; -Infinity at -1, NaN below.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { log1p, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await log1p(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function log1p(x: TensorLike): Tensor {
  return applyFloat(LOG1P, x);
}

/**
 * `e^x - 1`, exact near zero.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { expm1, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await expm1(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function expm1(x: TensorLike): Tensor {
  return applyFloat(EXPM1, x);
}

/**
 * The logarithm to base 2.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; whole for powers of two, -Infinity at 0, NaN below.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { log2, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await log2(tensor([8, 0.5])).data(), new Float32Array([3, -1]));
 * ```
 */
export function log2(x: TensorLike): Tensor {
  return applyFloat(LOG2, x);
}

/**
 * The logarithm to base 10.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; -Infinity at 0, NaN below.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { log10, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await log10(tensor([1, 0])).data(), new Float32Array([0, -Infinity]));
 * ```
 */
export function log10(x: TensorLike): Tensor {
  return applyFloat(LOG10, x);
}

/**
 * Raises 2 to each element.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; exact for whole `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { exp2, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await exp2(tensor([3, -1])).data(), new Float32Array([8, 0.5]));
 * ```
 */
export function exp2(x: TensorLike): Tensor {
  return applyFloat(EXP2, x);
}
