/** @file Columns that complete an orthonormal basis: what `qr` and `svd` leave out unless they are asked. */
import { add, mul, sub } from "../../primitives/arithmetic.ts";
import { constant } from "../../primitives/constant.ts";
import { stopGradient } from "../../primitives/identity.ts";
import { times, transposed } from "../../primitives/linalg/matrices.ts";
import { qrFactors } from "../../primitives/linalg/qr.ts";
import { slice } from "../../primitives/window.ts";
import type { Tensor } from "../../tensor.ts";
import { concat } from "../axes.ts";

/** Columns `from` up to and without `to`. */
export function columns(x: Tensor, from: number, to: number): Tensor {
  return slice(x, {
    start: x.shape.map((_, i) => i === x.shape.length - 1 ? from : 0),
    size: x.shape.with(-1, to - from),
  });
}

/**
 * A basis with the columns that it lacks, by the reflections that make it: NumPy's.
 *
 * The derivative of what is added is the least that keeps it at right angles, `dR = -Q dQᵀ R`; any other differs by a turn
 * within the plane of R. R is `P R₀ (1 + R₀ᵀ Q Qᵀ R₀ / 2)` with R₀ held and `P = 1 - Q Qᵀ`: orthonormal to the third order.
 *
 * @param basis Orthonormal columns `[..., m, n]`, n at most m.
 * @param spanning Columns of the same span, from which the reflections are made: `basis`, or what it was made from.
 * @returns `[..., m, m]`, whose first n columns are the basis.
 */
export function completed(basis: Tensor, spanning: Tensor): Tensor {
  const [m, n] = basis.shape.slice(-2) as [number, number];
  if (m === n) return basis;
  const wide = concat([stopGradient(spanning), constant(basis.shape.with(-1, m - n), 0, basis.dtype)], { axis: -1 });
  const held = stopGradient(columns(qrFactors(wide).q, n, m));
  const shadow = times(transposed(basis), held); // zero, but for its derivative
  const rest = sub(held, times(basis, shadow));
  return concat([basis, add(rest, mul(times(rest, times(transposed(shadow), shadow)), 0.5))], { axis: -1 });
}
