/** @file Whole numbers near floats. */
import { op } from "../compiler/scalar.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorLike } from "./operands.ts";
import { applyUnary, unary } from "./records.ts";

/** The nearest whole number, the even one of two. */
function roundEven(x: number): number {
  const rest = Math.abs(x % 2);
  return rest === 0.5 || rest === 1.5 ? x - Math.sign(x) * (rest === 0.5 ? 0.5 : -0.5) : Math.round(x);
}

const FLOOR = /* @__PURE__ */ unary("floor", (x) => op("floor", x), Math.floor, () => null);
const CEIL = /* @__PURE__ */ unary("ceil", (x) => op("neg", op("floor", op("neg", x))), Math.ceil, () => null);
const TRUNC = /* @__PURE__ */ unary("trunc", (x) => op("trunc", x), Math.trunc, () => null);
const ROUND = /* @__PURE__ */ unary("round", (x) => op("round", x), roundEven, () => null);

/**
 * The largest whole number not above.
 *
 * @param x Floating tensor of any shape, or a number.
 * @returns Tensor of the shape of `x`; a constant to gradients.
 * @throws {TypeError} If `x` is not floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { floor, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await floor(tensor([1.5, -1.5])).data(), new Float32Array([1, -2]));
 * ```
 */
export function floor(x: TensorLike): Tensor {
  return applyUnary(FLOOR, x);
}

/**
 * The least whole number not below.
 *
 * @param x Floating tensor of any shape, or a number.
 * @returns Tensor of the shape of `x`; a constant to gradients.
 * @throws {TypeError} If `x` is not floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { ceil, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await ceil(tensor([1.5, -1.25])).data(), new Float32Array([2, -1]));
 * ```
 */
export function ceil(x: TensorLike): Tensor {
  return applyUnary(CEIL, x);
}

/**
 * The whole number next to `x` towards zero.
 *
 * @param x Floating tensor of any shape, or a number.
 * @returns Tensor of the shape of `x`; a constant to gradients.
 * @throws {TypeError} If `x` is not floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { trunc, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await trunc(tensor([1.5, -1.5])).data(), new Float32Array([1, -1]));
 * ```
 */
export function trunc(x: TensorLike): Tensor {
  return applyUnary(TRUNC, x);
}

/**
 * The nearest whole number, the even one of two, as NumPy rounds.
 *
 * @param x Floating tensor of any shape, or a number.
 * @returns Tensor of the shape of `x`; a constant to gradients.
 * @throws {TypeError} If `x` is not floating.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { round, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await round(tensor([1.5, 2.5, -0.75])).data(), new Float32Array([2, 2, -1]));
 * ```
 */
export function round(x: TensorLike): Tensor {
  return applyUnary(ROUND, x);
}
