/** @file Functions of angles. */
import { COS_OP, SIN_OP } from "../compiler/expansions/composed.ts";
import { op } from "../compiler/scalar.ts";
import type { Tensor } from "../tensor.ts";
import { mul, neg } from "./arithmetic.ts";
import type { TensorLike } from "./operands.ts";
import { applyFloat, unary } from "./records.ts";

const SIN = /* @__PURE__ */ unary("sin", (x) => op(SIN_OP, x), Math.sin, (ct, x) => mul(ct, cos(x)));
const COS = /* @__PURE__ */ unary("cos", (x) => op(COS_OP, x), Math.cos, (ct, x) => neg(mul(ct, sin(x))));

/**
 * The sine of radians.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`, in [-1, 1].
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sin, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sin(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function sin(x: TensorLike): Tensor {
  return applyFloat(SIN, x);
}

/**
 * The cosine of radians.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`, in [-1, 1].
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cos, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await cos(tensor([0])).data(), new Float32Array([1]));
 * ```
 */
export function cos(x: TensorLike): Tensor {
  return applyFloat(COS, x);
}
