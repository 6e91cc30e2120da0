/** @file Whole numbers near floats. */
import { op } from "../compiler/scalar.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorLike } from "./operands.ts";
import { applyUnary, unary } from "./records.ts";

const FLOOR = unary("floor", (x) => op("floor", x), Math.floor, () => null);

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
