/** @file Cube roots, lengths, signs and sums of exponentials of pairs. */
import { CBRT_OP, HYPOT_OP } from "../../compiler/expansions/composed.ts";
import { op } from "../../compiler/scalar.ts";
import type { Tensor } from "../../tensor.ts";
import { mul, square } from "../arithmetic.ts";
import { div } from "../division.ts";
import type { TensorLike } from "../operands.ts";
import { applyFloat, applyFloats, binary, unary } from "../records.ts";
import { where } from "../where.ts";
import { equal } from "../comparison.ts";

const CBRT = /* @__PURE__ */ unary(
  "cbrt",
  (x) => op(CBRT_OP, x),
  Math.cbrt,
  (ct, _, out) => div(ct, mul(square(out), 3)),
);
const HYPOT = /* @__PURE__ */ binary("hypot", HYPOT_OP, Math.hypot, (ct, x, y, out) => {
  const none = equal(out, 0);
  const share = (side: Tensor) => mul(ct, where(none, 0, div(side, where(none, 1, out))));
  return [share(x), share(y)];
}, "float");

/**
 * The cube root, of negative numbers too.
 *
 * @param x Tensor of any shape, or a number; integers and bools are taken as float32.
 * @returns Floating tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cbrt, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await cbrt(tensor([8, -27])).data(), new Float32Array([2, -3]));
 * ```
 */
export function cbrt(x: TensorLike): Tensor {
  return applyFloat(CBRT, x);
}

/**
 * The length `√(x² + y²)`, without overflow on the way.
 *
 * @param x Tensor or number; integers and bools are taken as float32.
 * @param y Tensor or number that broadcasts with `x`.
 * @returns Floating tensor of the broadcast shape; Infinity if either is infinite. Its gradient at the origin is 0.
 * @throws {ShapeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { hypot, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await hypot(tensor([3]), 4).data(), new Float32Array([5]));
 * ```
 */
export function hypot(x: TensorLike, y: TensorLike): Tensor {
  return applyFloats(HYPOT, x, y);
}
