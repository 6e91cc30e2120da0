/** @file The error function and its inverse. */
import { ERF_OP, ERFINV_OP } from "../compiler/expansions/composed.ts";
import { op } from "../compiler/scalar.ts";
import type { Tensor } from "../tensor.ts";
import { mul, neg } from "./arithmetic.ts";
import { erfinvOf, erfOf } from "./erf_of.ts";
import type { TensorLike } from "./operands.ts";
import { applyFloat, unary } from "./records.ts";
import { exp } from "./transcendental.ts";

const ERF = /* @__PURE__ */ unary(
  "erf",
  (x) => op(ERF_OP, x),
  erfOf,
  (ct, x) => mul(ct, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(x, x))))),
);

const ERFINV = /* @__PURE__ */ unary(
  "erfinv",
  (x) => op(ERFINV_OP, x),
  erfinvOf,
  (ct, _, out) => mul(ct, mul(Math.sqrt(Math.PI) / 2, exp(mul(out, out)))),
);

/**
 * The error function `2/√π ∫₀ˣ e^(-t²) dt`.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`, in [-1, 1].
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { erf, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await erf(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function erf(x: TensorLike): Tensor {
  return applyFloat(ERF, x);
}

/**
 * The inverse of the error function: `erf(erfinv(x))` is `x`.
 *
 * @param x Floating tensor of any shape, or a number; of [-1, 1].
 * @returns Floating tensor of the shape of `x`: ±Infinity at ±1, NaN beyond.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { erfinv, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await erfinv(tensor([0, -1])).data(), new Float32Array([0, -Infinity]));
 * ```
 */
export function erfinv(x: TensorLike): Tensor {
  return applyFloat(ERFINV, x);
}
