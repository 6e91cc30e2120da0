/** @file Diagonals of matrices, and matrices of diagonals. */
import { type OptionNames, requireOptions, ShapeError } from "../errors.ts";
import { sub } from "../primitives/arithmetic.ts";
import { equal } from "../primitives/comparison.ts";
import { iota } from "../primitives/constant.ts";
import { reshape, transpose } from "../primitives/layout.ts";
import { broadcastTo, normalizeAxes, sum } from "../primitives/sum.ts";
import { where } from "../primitives/where.ts";
import { pad, slice } from "../primitives/window.ts";
import { requireTensor } from "../require_tensor.ts";
import type { Tensor } from "../tensor.ts";
import { zerosLike } from "./filled_like.ts";

/** Options of `diagonal` and `trace`. */
export interface DiagonalOptions {
  /** Which diagonal: above the main one if positive, below if negative. 0 by default. */
  readonly diagonal?: number;
  /** The axes of the matrices, rows and columns; the last two by default. */
  readonly axes?: readonly [number, number];
}

/** Names of DiagonalOptions. */
export const DIAGONAL_OPTIONS: OptionNames<DiagonalOptions> = { diagonal: true, axes: true };

function requireWholeDiagonal(operation: string, diagonal: number): void {
  if (Number.isInteger(diagonal)) return;
  throw new RangeError(`Cannot ${operation} as the diagonal must be whole: current diagonal is ${diagonal}`);
}

/** The two axes, last. */
function asMatrices(operation: string, x: Tensor, axes: readonly [number, number]): Tensor {
  const rank = x.shape.length;
  if (rank < 2) throw new ShapeError(operation, "there must be at least two axes", [x.shape]);
  normalizeAxes(operation, x, axes);
  const two = axes.map((axis) => axis < 0 ? axis + rank : axis);
  return transpose(x, [...[...x.shape.keys()].filter((axis) => !two.includes(axis)), ...two]);
}

/**
 * Reads a diagonal of matrices.
 *
 * @param x Tensor of at least two axes.
 * @param options `diagonal`, 0 by default; `axes` of rows and columns, the last two by default.
 * @returns The other axes, then one along the diagonal; it is empty where the diagonal lies outside.
 * @throws {ShapeError} If there are fewer than two axes.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { diagonal, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await diagonal(tensor([[1, 2], [3, 4]])).data(), new Float32Array([1, 4]));
 * ```
 */
export function diagonal(x: Tensor, options: DiagonalOptions = {}): Tensor {
  requireOptions("diagonal", options, DIAGONAL_OPTIONS);
  requireTensor("diagonal", "x", x);
  const { diagonal: offset = 0, axes = [-2, -1] } = options;
  requireWholeDiagonal("diagonal", offset);
  const matrices = asMatrices("diagonal", x, axes);
  const batch = matrices.shape.slice(0, -2);
  const [rows, columns] = [matrices.shape.at(-2)!, matrices.shape.at(-1)!];
  const length = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns));
  const flat = reshape(matrices, [...batch, rows * columns]);
  const start = length === 0 ? 0 : offset >= 0 ? offset : -offset * columns;
  const zeros = batch.map(() => 0);
  return slice(flat, {
    start: [...zeros, start],
    size: [...batch, length],
    step: [...batch.map(() => 1), columns + 1],
  });
}

/**
 * Sums a diagonal of matrices.
 *
 * @param x Tensor of at least two axes.
 * @param options `diagonal`, 0 by default; `axes` of rows and columns, the last two by default.
 * @returns The other axes.
 * @throws {ShapeError} If there are fewer than two axes.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tensor, trace } from "@tessera/tessera/tensor";
 *
 * equal(await trace(tensor([[1, 2], [3, 4]])).item(), 5);
 * ```
 */
export function trace(x: Tensor, options: DiagonalOptions = {}): Tensor {
  requireOptions("trace", options, DIAGONAL_OPTIONS);
  requireTensor("trace", "x", x);
  return sum(diagonal(x, options), { axis: -1 });
}

/**
 * A matrix with given values on a diagonal and zeros elsewhere, for each vector of a batch; of a matrix, its diagonal.
 *
 * @param x A vector, or a matrix to read from; with `batched`, vectors `[..., n]`.
 * @param options `diagonal`, 0 by default; `batched`: true to take the last axis as vectors whatever the rank.
 * @returns `[n + |diagonal|, n + |diagonal|]`, for each vector; or the diagonal of a matrix.
 * @throws {ShapeError} If it is neither vector nor matrix, and not `batched`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { diag, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await diag(tensor([1, 2])).data(), new Float32Array([1, 0, 0, 2]));
 * ```
 */
export function diag(
  x: Tensor,
  options: { readonly diagonal?: number; readonly batched?: boolean } = {},
): Tensor {
  requireOptions("diag", options, { diagonal: true, batched: true });
  requireTensor("diag", "x", x);
  const { diagonal: offset = 0, batched = false } = options;
  requireWholeDiagonal("diag", offset);
  if (!batched && x.shape.length === 2) return diagonal(x, { diagonal: offset });
  if (x.shape.length === 0 || (!batched && x.shape.length !== 1)) {
    throw new ShapeError("diag", "there must be a vector or a matrix, or { batched: true }", [x.shape]);
  }
  const [batch, length] = [x.shape.slice(0, -1), x.shape.at(-1)!];
  const size = length + Math.abs(offset);
  const shape = [...batch, size, size];
  // Each value stands in its row above the main diagonal, and in its column below.
  const padded = pad(x, [...batch.map(() => [0, 0] as const), [0, size - length]]);
  const spread = broadcastTo(reshape(padded, offset >= 0 ? [...batch, size, 1] : [...batch, 1, size]), shape);
  const rank = batch.length;
  const here = equal(sub(iota(shape, rank + 1), iota(shape, rank)), offset);
  return where(here, spread, zerosLike(spread));
}
