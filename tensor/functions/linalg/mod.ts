/**
 * Linear algebra on batches of matrices `[..., m, n]`, on every device, inside `jit`, with gradients of any order: a group of
 * a GPU, or a core, computes one matrix, which suits small and medium ones.
 *
 * ```ts
 * import { linalg, matmul, tensor } from "@tessera/tessera/tensor";
 *
 * const a = tensor([[4, 1], [1, 3]]);
 * const x = linalg.solve(a, tensor([1, 2]));
 * const { eigenvalues, eigenvectors } = linalg.eigh(a);
 * ```
 *
 * @module
 */
export {
  cholesky,
  type Eigh,
  eigh,
  eigvalsh,
  matrixRank,
  type Qr,
  qr,
  type QrOptions,
  type Svd,
  svd,
  type SvdOptions,
} from "./factorizations.ts";
export { det, inv, matrixPower, slogdet, solve, triangularSolve, type TriangularSolveOptions } from "./solve.ts";
export { type LeastSquares, lstsq, matrixNorm, type MatrixOrder, pinv, type RankOptions } from "./least_squares.ts";
export { norm } from "../reductions.ts";
