/** @file Least squares, pseudo-inverses and norms of batches of matrices. */
import { type OptionNames, requireOptions } from "../../errors.ts";
import { abs, add, neg, square, sub } from "../../primitives/arithmetic.ts";
import { greater } from "../../primitives/comparison.ts";
import { div } from "../../primitives/division.ts";
import { max, min } from "../../primitives/extremum.ts";
import { asRow, identityLike, matricesOf, times, transposed, withSides } from "../../primitives/linalg/matrices.ts";
import { matmul } from "../../primitives/matmul.ts";
import { sum } from "../../primitives/sum.ts";
import { where } from "../../primitives/where.ts";
import { mul } from "../../primitives/arithmetic.ts";
import type { Tensor } from "../../tensor.ts";
import { customVjp } from "../../transform/custom_vjp.ts";
import { norm } from "../reductions.ts";
import { cutoffOf, matrixRank, svd } from "./factorizations.ts";

/** Options of `pinv` and `lstsq`. */
export interface RankOptions {
  /**
   * Singular values up to this share of the largest count as zero; the precision of the dtype times the larger size by
   * default.
   */
  readonly tolerance?: number;
}

const RANK_OPTIONS: OptionNames<RankOptions> = { tolerance: true };

function invertSingular(x: Tensor, tolerance: number | undefined): Tensor {
  const { u, s, vt } = svd(x);
  const isKept = greater(s, cutoffOf(x, s, tolerance));
  const inverse = where(isKept, div(1, where(isKept, s, 1)), 0);
  return times(mul(transposed(vt), asRow(inverse)), transposed(u));
}

/**
 * The pseudo-inverse of Moore and Penrose.
 *
 * @param x Matrices `[..., m, n]`.
 * @param options `tolerance` of the rank.
 * @returns `[..., n, m]`. Its gradient is that of matrices of one rank (Golub and Pereyra, 1973), right for equal singular
 * values too.
 * @throws {ShapeError} If there are no matrices.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await linalg.pinv(tensor([[2, 0], [0, 0]])).data(), new Float32Array([0.5, 0, 0, 0]));
 * ```
 */
export function pinv(x: Tensor, options: RankOptions = {}): Tensor {
  requireOptions("pinv", options, RANK_OPTIONS);
  const matrices = matricesOf("pinv", x);
  const { tolerance } = options;
  const inverse: (x: Tensor) => Tensor = customVjp(
    (a: Tensor) => invertSingular(a, tolerance),
    ([a], _, ct) => {
      const p = inverse(a); // with this pullback itself, for higher orders
      const [pt, ctT] = [transposed(p), transposed(ct)];
      const rowsLeft = sub(identityLike(times(a, p)), times(a, p));
      const columnsLeft = sub(identityLike(times(p, a)), times(p, a));
      const direct = neg(times(times(pt, ct), pt));
      const first = times(times(rowsLeft, ctT), times(p, pt));
      const second = times(times(times(pt, p), ctT), columnsLeft);
      return [add(direct, add(first, second))];
    },
  );
  return inverse(matrices);
}

/** What `lstsq` finds. */
export interface LeastSquares {
  /** `[..., n, k]` or `[n]`: of all that come closest the shortest. */
  readonly x: Tensor;
  /** Sums of squares of what is left, `[..., k]` or `[]`. */
  readonly residuals: Tensor;
  /** int32 `[...]`. */
  readonly rank: Tensor;
  /** Singular values, the largest first. */
  readonly s: Tensor;
}

/**
 * Solves `a x = b` as nearly as may be, in the sum of squares.
 *
 * @param a Matrices `[..., m, n]`.
 * @param b Right sides `[..., m, k]`, or a vector `[m]`.
 * @param options `tolerance` of the rank.
 * @returns The shortest solution, what is left, rank and singular values. Of a matrix of full rank NumPy's residuals are the
 * same; of others NumPy gives none.
 * @throws {ShapeError} If sizes do not fit.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * const { x } = linalg.lstsq(tensor([[1, 0], [1, 1], [1, 2]]), tensor([1, 3, 5])); // a line through points
 * const [start, slope] = await x.data();
 * ok(Math.abs(start! - 1) < 1e-5 && Math.abs(slope! - 2) < 1e-5);
 * ```
 */
export function lstsq(a: Tensor, b: Tensor, options: RankOptions = {}): LeastSquares {
  requireOptions("lstsq", options, RANK_OPTIONS);
  const [matrices, sides, shaped] = withSides("lstsq", matricesOf("lstsq", a, "a"), b);
  const x = matmul(pinv(matrices, options), sides);
  const left = shaped(sub(matmul(matrices, x), sides));
  return {
    x: shaped(x),
    residuals: sum(square(left), { axis: b.shape.length === 1 ? -1 : -2 }),
    rank: matrixRank(matrices, options),
    s: svd(matrices).s,
  };
}

/** Which norm of matrices: of elements, of singular values, or the largest (or smallest) sum of a column or row. */
export type MatrixOrder = "fro" | "nuc" | 1 | -1 | 2 | -2 | number;

/**
 * Norms of matrices: Frobenius', nuclear, spectral (2, and -2 for the smallest singular value), largest sums of columns (1)
 * and of rows (Infinity), smallest ones with -1 and -Infinity.
 *
 * @param x Matrices `[..., m, n]`.
 * @param options `order`, `"fro"` by default.
 * @returns `[...]`. Norms of vectors are `norm`.
 * @throws {RangeError} If the order is none of these.
 * @throws {ShapeError} If there are no matrices.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await linalg.matrixNorm(tensor([[3, 0], [0, 4]])).item(), 5);
 * equal(await linalg.matrixNorm(tensor([[3, 1], [0, 4]]), { order: 1 }).item(), 5);
 * ```
 */
export function matrixNorm(x: Tensor, options: { readonly order?: MatrixOrder } = {}): Tensor {
  requireOptions("matrixNorm", options, { order: true });
  const matrices = matricesOf("matrixNorm", x);
  const { order = "fro" } = options;
  const sums = (axis: number) => sum(abs(matrices), { axis });
  switch (order) {
    case "fro":
      return norm(matrices, { axis: [-2, -1] });
    case "nuc":
      return sum(svd(matrices).s, { axis: -1 });
    case 2:
      return max(svd(matrices).s, { axis: -1 });
    case -2:
      return min(svd(matrices).s, { axis: -1 });
    case 1:
    case -1:
      return (order === 1 ? max : min)(sums(-2), { axis: -1 });
    case Infinity:
    case -Infinity:
      return (order === Infinity ? max : min)(sums(-1), { axis: -1 });
    default:
      throw new RangeError(
        `Cannot matrixNorm as order must be "fro", "nuc", ±1, ±2 or ±Infinity: current order is ${order}`,
      );
  }
}
