import { requireOptions } from "../../errors.ts";
import { abs, add, mul, sub } from "../../primitives/arithmetic.ts";
import { equal, less, lessEqual, notEqual } from "../../primitives/comparison.ts";
import { logicalAnd, logicalOr } from "../../primitives/logic.ts";
import type { TensorLike } from "../../primitives/operands.ts";
import type { Tensor } from "../../tensor.ts";
import { all } from "../reductions.ts";

/** How far apart equal numbers may be, as in NumPy: `|x - y| <= atol + rtol·|y|`. */
export interface AllCloseOptions {
  /** Relative to `y`; 1e-5 by default. */
  readonly rtol?: number;
  /** Absolute; 1e-8 by default. */
  readonly atol?: number;
  /** True for NaN to be as NaN; false by default. */
  readonly equalNaN?: boolean;
}

/**
 * Whether each element of a tensor is about that of another, as NumPy's `allclose`.
 *
 * @param x A tensor or a number.
 * @param y What it is to be; shapes broadcast.
 * @param options Tolerances.
 * @returns bool scalar; infinities are equal to themselves only.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { allClose, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await allClose(tensor([1, 2]), tensor([1, 2.00001])).item(), 1);
 * ```
 */
export function allClose(x: TensorLike, y: TensorLike, options: AllCloseOptions = {}): Tensor {
  requireOptions("allClose", options, { rtol: true, atol: true, equalNaN: true });
  const { rtol = 1e-5, atol = 1e-8, equalNaN = false } = options;
  const bound = add(mul(abs(y), rtol), atol);
  const near = logicalAnd(lessEqual(abs(sub(x, y)), bound), less(bound, Infinity));
  const same = logicalOr(near, equal(x, y));
  return all(equalNaN ? logicalOr(same, logicalAnd(notEqual(x, x), notEqual(y, y))) : same);
}
