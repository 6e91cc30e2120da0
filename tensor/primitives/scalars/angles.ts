/** @file The tangent and angles, in radians. */
import { ACOS_OP, ASIN_OP, ATAN2_OP, ATAN_OP, TAN_OP } from "../../compiler/expansions/composed.ts";
import { op } from "../../compiler/scalar.ts";
import type { Tensor } from "../../tensor.ts";
import { add, mul, neg, square, sub } from "../arithmetic.ts";
import { div } from "../division.ts";
import type { TensorLike } from "../operands.ts";
import { applyFloat, applyFloats, binary, unary } from "../records.ts";
import { rsqrt } from "../transcendental.ts";

const TAN = /* @__PURE__ */ unary("tan", (x) => op(TAN_OP, x), Math.tan, (ct, _, out) => mul(ct, add(square(out), 1)));
const ASIN = /* @__PURE__ */ unary(
  "asin",
  (x) => op(ASIN_OP, x),
  Math.asin,
  (ct, x) => mul(ct, rsqrt(mul(sub(1, x), add(1, x)))),
);
const ACOS = /* @__PURE__ */ unary(
  "acos",
  (x) => op(ACOS_OP, x),
  Math.acos,
  (ct, x) => neg(mul(ct, rsqrt(mul(sub(1, x), add(1, x))))),
);
const ATAN = /* @__PURE__ */ unary("atan", (x) => op(ATAN_OP, x), Math.atan, (ct, x) => div(ct, add(square(x), 1)));
const ATAN2 = /* @__PURE__ */ binary("atan2", ATAN2_OP, Math.atan2, (ct, y, x) => {
  const scaled = div(ct, add(square(x), square(y)));
  return [mul(scaled, x), neg(mul(scaled, y))];
}, "float");

/**
 * The tangent of radians.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tan, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await tan(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function tan(x: TensorLike): Tensor {
  return applyFloat(TAN, x);
}

/**
 * The angle in [-π / 2, π / 2] whose sine is given.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; NaN beyond ±1.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { asin, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await asin(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function asin(x: TensorLike): Tensor {
  return applyFloat(ASIN, x);
}

/**
 * The angle in [0, π] whose cosine is given.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`; NaN beyond ±1.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { acos, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await acos(tensor([1])).data(), new Float32Array([0]));
 * ```
 */
export function acos(x: TensorLike): Tensor {
  return applyFloat(ACOS, x);
}

/**
 * The angle in [-π / 2, π / 2] whose tangent is given.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { atan, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await atan(tensor([0])).data(), new Float32Array([0]));
 * ```
 */
export function atan(x: TensorLike): Tensor {
  return applyFloat(ATAN, x);
}

/**
 * The angle of the point `(y, x)` from the first axis: the first operand is the height.
 *
 * @param y Height: tensor or number; integers and bools are taken as float32.
 * @param x Width: tensor or number that broadcasts with `y`.
 * @returns Floating tensor of the broadcast shape, in [-π, π]; of zeros and infinities as C and NumPy have it.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { atan2, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await atan2(0, tensor([1])).data(), new Float32Array([0]));
 * ```
 */
export function atan2(y: TensorLike, x: TensorLike): Tensor {
  return applyFloats(ATAN2, y, x);
}
