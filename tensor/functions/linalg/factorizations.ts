/** @file Factorizations of batches of matrices. */
import { requireOptions, shown } from "../../errors.ts";
import { add, mul } from "../../primitives/arithmetic.ts";
import { argsort } from "../../primitives/argsort.ts";
import { takeAlongAxis } from "../../primitives/gather.ts";
import { reshape } from "../../primitives/layout.ts";
import { choleskyFactor } from "../../primitives/linalg/cholesky.ts";
import { eigenOf } from "../../primitives/linalg/eigh.ts";
import { lowerPart, matricesOf, matrixSizes, squaresOf, times, transposed } from "../../primitives/linalg/matrices.ts";
import { qrFactors } from "../../primitives/linalg/qr.ts";
import { singularParts } from "../../primitives/linalg/svd.ts";
import { broadcastTo, sum } from "../../primitives/sum.ts";
import { cast } from "../../primitives/cast.ts";
import { constant } from "../../primitives/constant.ts";
import { greater } from "../../primitives/comparison.ts";
import { max } from "../../primitives/extremum.ts";
import type { Tensor } from "../../tensor.ts";
import { concat } from "../axes.ts";
import { columns, completed } from "./completion.ts";

/** The mean of a matrix and its transpose. */
function symmetric(x: Tensor): Tensor {
  return mul(add(x, transposed(x)), 0.5);
}

/**
 * Cholesky's factor: the lower triangular L with `x = L Lᵀ`.
 *
 * @param x Symmetric positive definite matrices `[..., n, n]`; the mean of each with its transpose is taken.
 * @returns `[..., n, n]`, zero above the diagonal; NaN where a matrix is not positive definite.
 * @throws {ShapeError} If they are not square.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await linalg.cholesky(tensor([[4, 2], [2, 5]])).data(), new Float32Array([2, 0, 1, 2]));
 * ```
 */
export function cholesky(x: Tensor): Tensor {
  return lowerPart(choleskyFactor(symmetric(squaresOf("cholesky", x))));
}

/** An orthonormal and an upper triangular factor. */
export interface Qr {
  /** `[..., m, k]`, whose columns are orthonormal. */
  readonly q: Tensor;
  /** `[..., k, n]`, zero below the diagonal. */
  readonly r: Tensor;
}

/** Options of `qr`. */
export interface QrOptions {
  /** How many columns of q: the smaller of m and n (`reduced`, the default), or m (`complete`). */
  readonly mode?: "reduced" | "complete";
}

/**
 * The QR factorization `x = q r`, by Householder's reflections.
 *
 * @param x Matrices `[..., m, n]`.
 * @param options Whether q is square.
 * @returns `q [..., m, k]` with orthonormal columns and upper triangular `r [..., k, n]`, k being the smaller of m and n, or m
 * if complete. The diagonal of `r` may be negative, as NumPy's. The derivative of the columns that complete q is the least that
 * keeps them at right angles.
 * @throws {ShapeError} If there are no matrices.
 * @throws {RangeError} If there is no such mode.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, ones } from "@tessera/tessera/tensor";
 *
 * const { q, r } = linalg.qr(ones([4, 2]));
 * deepStrictEqual([q.shape, r.shape], [[4, 2], [2, 2]]);
 * deepStrictEqual(linalg.qr(ones([4, 2]), { mode: "complete" }).q.shape, [4, 4]);
 * ```
 */
export function qr(x: Tensor, options: QrOptions = {}): Qr {
  requireOptions("qr", options, { mode: true });
  const matrices = matricesOf("qr", x);
  const { mode = "reduced" } = options;
  if (mode !== "reduced" && mode !== "complete") {
    throw new RangeError(`Cannot qr as mode must be reduced or complete: current mode is ${shown(mode)}`);
  }
  const [m, n] = matrixSizes("qr", matrices);
  if (m >= n) {
    const factors = qrFactors(matrices);
    return mode === "reduced" || m === n ? factors : {
      q: completed(factors.q, matrices),
      r: concat([factors.r, constant(x.shape.with(-2, m - n), 0, matrices.dtype)], { axis: -2 }),
    };
  }
  const { q, r } = qrFactors(columns(matrices, 0, m));
  return { q, r: concat([r, times(transposed(q), columns(matrices, m, n))], { axis: -1 }) };
}

/** Eigenvalues and eigenvectors of symmetric matrices. */
export interface Eigh {
  /** `[..., n]`, ascending. */
  readonly eigenvalues: Tensor;
  /** `[..., n, n]`: column i belongs to eigenvalue i; of length 1, its sign is any. */
  readonly eigenvectors: Tensor;
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices, by Jacobi's rotations.
 *
 * @param x Symmetric matrices `[..., n, n]`; the mean of each with its transpose is taken.
 * @returns `eigenvalues [..., n]`, ascending, and `eigenvectors [..., n, n]` as columns. Vectors of equal eigenvalues are any
 * of their plane; a gradient through them counts their differences as nothing.
 * @throws {ShapeError} If they are not square.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * const { eigenvalues } = linalg.eigh(tensor([[3, 0], [0, 1]]));
 * deepStrictEqual(await eigenvalues.data(), new Float32Array([1, 3]));
 * ```
 */
export function eigh(x: Tensor): Eigh {
  const { values, vectors } = eigenOf(symmetric(squaresOf("eigh", x)));
  const order = argsort(values);
  const rows = broadcastTo(reshape(order, [...order.shape.slice(0, -1), 1, order.shape.at(-1)!]), vectors.shape);
  return {
    eigenvalues: takeAlongAxis(values, order, { wrapNegativeIndices: false }),
    eigenvectors: takeAlongAxis(vectors, rows, { wrapNegativeIndices: false }),
  };
}

/**
 * Eigenvalues of symmetric matrices: those of `eigh`.
 *
 * @param x Symmetric matrices `[..., n, n]`.
 * @returns `[..., n]`, ascending.
 * @throws {ShapeError} If they are not square.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await linalg.eigvalsh(tensor([[3, 0], [0, 1]])).data(), new Float32Array([1, 3]));
 * ```
 */
export function eigvalsh(x: Tensor): Tensor {
  return eigh(x).eigenvalues;
}

/** Singular values and vectors. */
export interface Svd {
  /** `[..., m, k]`, whose columns are orthonormal. */
  readonly u: Tensor;
  /** `[..., k]`: not negative, the largest first. */
  readonly s: Tensor;
  /** `[..., k, n]`, whose rows are orthonormal. */
  readonly vt: Tensor;
}

/** Options of `svd`. */
export interface SvdOptions {
  /** True for square `u` and `vt`. False by default, other than JAX's `full_matrices`. */
  readonly fullMatrices?: boolean;
}

/**
 * The singular value decomposition `x = u diag(s) vt`, by one-sided rotations of Jacobi.
 *
 * @param x Matrices `[..., m, n]`.
 * @param options Whether u and vt are square.
 * @returns `u [..., m, k]`, `s [..., k]`, the largest first, `vt [..., k, n]`, k being the smaller of m and n; `u [..., m, m]`
 * and `vt [..., n, n]` with `fullMatrices`. Signs of vectors are any, those of equal values any of their plane; a gradient
 * through them counts their differences as nothing, and that of what makes them square is as `qr`'s.
 * @throws {ShapeError} If there are no matrices.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * const { s, u } = linalg.svd(tensor([[0, 2], [3, 0], [0, 0]]), { fullMatrices: true });
 * deepStrictEqual([await s.data(), u.shape], [new Float32Array([3, 2]), [3, 3]]);
 * ```
 */
export function svd(x: Tensor, options: SvdOptions = {}): Svd {
  requireOptions("svd", options, { fullMatrices: true });
  const matrices = matricesOf("svd", x);
  const [m, n] = matrixSizes("svd", matrices);
  const { u: tall, s, v } = singularParts(m >= n ? matrices : transposed(matrices));
  const u = options.fullMatrices ? completed(tall, tall) : tall;
  return m >= n ? { u, s, vt: transposed(v) } : { u: v, s, vt: transposed(u) };
}

/**
 * The rank: how many singular values are not close to zero.
 *
 * @param x Matrices `[..., m, n]`.
 * @param options `tolerance`: as a share of the largest; the precision of float32 times the larger size by default.
 * @returns int32 `[...]`.
 * @throws {ShapeError} If there are no matrices.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await linalg.matrixRank(tensor([[1, 2], [2, 4]])).item(), 1);
 * ```
 */
export function matrixRank(x: Tensor, options: { readonly tolerance?: number } = {}): Tensor {
  requireOptions("matrixRank", options, { tolerance: true });
  const matrices = matricesOf("matrixRank", x);
  const { s } = svd(matrices);
  return sum(cast(greater(s, cutoffOf(matrices, s, options.tolerance)), "int32"), { axis: -1 });
}

/** Singular values up to here are counted as zero, `[..., 1]`. */
export function cutoffOf(x: Tensor, s: Tensor, tolerance: number | undefined): Tensor {
  const [m, n] = matrixSizes("find the rank", x);
  if (s.shape.at(-1) === 0) return constant(s.shape.with(-1, 1), 0, s.dtype);
  const share = tolerance ?? Math.max(m, n) * (x.dtype === "float64" ? 2 ** -52 : 2 ** -23);
  return mul(max(s, { axis: -1, keepDims: true }), share);
}
