/** @file Systems of equations, determinants, inverses and powers of batches of matrices. */
import { requireOptions } from "../../errors.ts";
import { abs, add, mul, sign, sub } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { iota } from "../../primitives/constant.ts";
import { bitwiseAnd } from "../../primitives/logic.ts";
import { reshape } from "../../primitives/layout.ts";
import { identityLike, squaresOf, withSides } from "../../primitives/linalg/matrices.ts";
import { luFactors, orderRows } from "../../primitives/linalg/lu.ts";
import { solveTriangular } from "../../primitives/linalg/triangular_solve.ts";
import { broadcastShapes } from "../../primitives/operands.ts";
import { log } from "../../primitives/transcendental.ts";
import { broadcastTo, sum } from "../../primitives/sum.ts";
import { matmul } from "../../primitives/matmul.ts";
import { less } from "../../primitives/comparison.ts";
import type { Tensor } from "../../tensor.ts";
import { diagonal } from "../diagonals.ts";
import { prod } from "../reductions.ts";
import { constant } from "../../primitives/constant.ts";
import { slice } from "../../primitives/window.ts";

/** Options of `triangularSolve`. */
export interface TriangularSolveOptions {
  /** True if the matrix is lower triangular; upper by default. What lies on the other side is not read. */
  readonly lower?: boolean;
  /** True to solve with the transposed matrix. */
  readonly transpose?: boolean;
  /** True to take the diagonal for ones. */
  readonly unitDiagonal?: boolean;
}

/** Matrix and right sides of one dtype and batch, and what puts the solution into the shape of the right sides. */
function aligned(operation: string, a: Tensor, b: Tensor): readonly [Tensor, Tensor, (x: Tensor) => Tensor] {
  const [matrices, sides, shaped] = withSides(operation, squaresOf(operation, a, "a"), b);
  const batch = broadcastShapes(operation, [a.shape.slice(0, -2), sides.shape.slice(0, -2)]);
  const many = (x: Tensor) => broadcastTo(x, [...batch, ...x.shape.slice(-2)]);
  return [many(matrices), many(sides), shaped];
}

/**
 * Solves `a x = b` for triangular matrices.
 *
 * @param a Triangular matrices `[..., n, n]`, upper by default.
 * @param b Right sides `[..., n, m]`, or a vector `[n]`; batches broadcast.
 * @param options `lower`, `transpose`, `unitDiagonal`.
 * @returns x, of the shape of the right sides; infinite or NaN where a diagonal element is 0.
 * @throws {ShapeError} If sizes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * const a = tensor([[2, 0], [1, 4]]);
 * deepStrictEqual(await linalg.triangularSolve(a, tensor([2, 9]), { lower: true }).data(), new Float32Array([1, 2]));
 * ```
 */
export function triangularSolve(a: Tensor, b: Tensor, options: TriangularSolveOptions = {}): Tensor {
  requireOptions("triangularSolve", options, { lower: true, transpose: true, unitDiagonal: true });
  const { lower = false, transpose = false, unitDiagonal: unit = false } = options;
  const [matrix, sides, shaped] = aligned("triangularSolve", a, b);
  return shaped(solveTriangular(matrix, sides, { lower, transpose, unit }));
}

/**
 * Solves `a x = b`, by LU factorization with pivots.
 *
 * @param a Matrices `[..., n, n]`.
 * @param b Right sides `[..., n, m]`, or a vector `[n]`; batches broadcast.
 * @returns x, of the shape of the right sides; infinite or NaN where a matrix is singular.
 * @throws {ShapeError} If sizes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await linalg.solve(tensor([[0, 2], [4, 0]]), tensor([2, 8])).data(), new Float32Array([2, 1]));
 * ```
 */
export function solve(a: Tensor, b: Tensor): Tensor {
  const [matrix, sides, shaped] = aligned("solve", a, b);
  const { factors, order } = luFactors(matrix);
  const params = { transpose: false, unit: false };
  const middle = solveTriangular(factors, orderRows(sides, order), { ...params, lower: true, unit: true });
  return shaped(solveTriangular(factors, middle, { ...params, lower: false }));
}

/**
 * Inverts matrices.
 *
 * @param x Matrices `[..., n, n]`.
 * @returns Their inverses; infinite or NaN where a matrix is singular. To solve a system `solve` is better.
 * @throws {ShapeError} If they are not square.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await linalg.inv(tensor([[2, 0], [0, 4]])).data(), new Float32Array([0.5, 0, 0, 0.25]));
 * ```
 */
export function inv(x: Tensor): Tensor {
  const matrices = squaresOf("inv", x);
  return solve(matrices, identityLike(matrices));
}

/** 1 where the order of rows takes an even number of exchanges, else -1: by its inversions. */
function parity(order: Tensor, like: Tensor): Tensor {
  const n = order.shape.at(-1)!;
  const batch = order.shape.slice(0, -1);
  const shape = [...batch, n, n];
  const [rows, columns] = [reshape(order, [...batch, n, 1]), reshape(order, [...batch, 1, n])];
  const isLater = less(iota(shape, batch.length), iota(shape, batch.length + 1));
  const inversions = sum(cast(bitwiseAnd(isLater, less(columns, rows)), "int32"), { axis: [-2, -1] });
  return cast(sub(1, mul(bitwiseAnd(inversions, 1), 2)), like.dtype);
}

/**
 * Determinants.
 *
 * @param x Matrices `[..., n, n]`.
 * @returns `[...]`. Up to size 3 by their definition; larger ones by LU factorization, whose gradient is NaN where a matrix is
 * singular.
 * @throws {ShapeError} If they are not square.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await linalg.det(tensor([[1, 2], [3, 4]])).item(), -2);
 * ```
 */
export function det(x: Tensor): Tensor {
  const matrices = squaresOf("det", x);
  const n = x.shape.at(-1)!;
  if (n <= 3) return smallDeterminant(matrices, n);
  const { factors, order } = luFactors(matrices);
  return mul(prod(diagonal(factors), { axis: -1 }), parity(order, matrices));
}

function smallDeterminant(x: Tensor, n: number): Tensor {
  const batch = x.shape.slice(0, -2);
  if (n === 0) return constant(batch, 1, x.dtype);
  const at = (i: number, j: number) =>
    reshape(slice(x, { start: [...batch.map(() => 0), i, j % n], size: [...batch, 1, 1] }), batch);
  if (n === 1) return at(0, 0);
  if (n === 2) return sub(mul(at(0, 0), at(1, 1)), mul(at(0, 1), at(1, 0)));
  const minor = (j: number) => sub(mul(at(1, j + 1), at(2, j + 2)), mul(at(1, j + 2), at(2, j + 1)));
  return [0, 1, 2].map((j) => mul(at(0, j), minor(j))).reduce(add);
}

/**
 * Signs and logarithms of determinants, which may be too large or small for their dtype.
 *
 * @param x Matrices `[..., n, n]`.
 * @returns `sign [...]`, 0 of a singular matrix, and `logDet [...]`, the logarithm of the size, -Infinity of a singular one.
 * @throws {ShapeError} If they are not square.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * const { sign, logDet } = linalg.slogdet(tensor([[0, 1], [1, 0]]));
 * equal(await sign.item(), -1);
 * equal(await logDet.item(), 0);
 * ```
 */
export function slogdet(x: Tensor): { readonly sign: Tensor; readonly logDet: Tensor } {
  const matrices = squaresOf("slogdet", x);
  const { factors, order } = luFactors(matrices);
  const pivots = diagonal(factors);
  return {
    sign: mul(prod(sign(pivots), { axis: -1 }), parity(order, matrices)),
    logDet: sum(log(abs(pivots)), { axis: -1 }),
  };
}

/**
 * Powers of matrices, by squaring.
 *
 * @param x Matrices `[..., n, n]`.
 * @param power A whole number; the inverse is taken for negative ones.
 * @returns Matrices of the shape of `x`; powers of integers that are not negative stay integers.
 * @throws {RangeError} If the power is not whole.
 * @throws {ShapeError} If they are not square.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { linalg, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await linalg.matrixPower(tensor([[1, 1], [0, 1]]), 5).data(), new Float32Array([1, 5, 0, 1]));
 * ```
 */
export function matrixPower(x: Tensor, power: number): Tensor {
  squaresOf("matrixPower", x);
  if (!Number.isSafeInteger(power)) {
    throw new RangeError(`Cannot matrixPower as the power must be whole: current power is ${power}`);
  }
  let square = power < 0 ? inv(x) : x;
  let product: Tensor | null = null;
  for (let rest = Math.abs(power); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) product = product ? matmul(product, square) : square;
    if (rest > 1) square = matmul(square, square);
  }
  return product ?? identityLike(x);
}
