/** @file Matrices by their positions: identity, triangles, one-hot rows. */
import { requireKind, requireOptions, ShapeError } from "../errors.ts";
import { requireSizes } from "../host_values.ts";
import { sub } from "../primitives/arithmetic.ts";
import { cast } from "../primitives/cast.ts";
import { equal, lessEqual } from "../primitives/comparison.ts";
import { iota } from "../primitives/constant.ts";
import { reshape } from "../primitives/layout.ts";
import { where } from "../primitives/where.ts";
import { type DType, DTYPES } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { zerosLike } from "./filled_like.ts";
import { requireTensor } from "../require_tensor.ts";

/** Options of `eye`. */
export interface EyeOptions {
  /** Columns; as many as rows by default. */
  readonly columns?: number;
  /** Which diagonal is one: above the main one if positive, below if negative. 0 by default. */
  readonly diagonal?: number;
  /** float32 by default. */
  readonly dtype?: DType;
}

/**
 * Ones on a diagonal, zeros elsewhere.
 *
 * @param rows How many rows.
 * @param options Columns, diagonal, dtype.
 * @returns Matrix `[rows, columns]`, a lazy constant.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { eye } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await eye(2).data(), new Float32Array([1, 0, 0, 1]));
 * ```
 */
export function eye(rows: number, options: EyeOptions = {}): Tensor {
  requireOptions("eye", options, { columns: true, diagonal: true, dtype: true });
  const { columns = rows, diagonal = 0, dtype = "float32" } = options;
  if (![rows, columns].every((n) => Number.isInteger(n) && n >= 0) || !Number.isInteger(diagonal)) {
    throw new ShapeError("eye", `sizes must be whole and not negative, and the diagonal whole: it is ${diagonal}`, [
      [rows, columns],
    ]);
  }
  const shape = [rows, columns];
  return cast(equal(sub(iota(shape, 1), iota(shape, 0)), diagonal), dtype);
}

/** True on and below a diagonal of the last two axes, moved by an offset. */
function lower(operation: string, x: Tensor, diagonal: number, offset = 0): Tensor {
  const rank = x.shape.length;
  if (rank < 2) throw new ShapeError(operation, "there must be at least two axes", [x.shape]);
  requireKind(operation, "diagonal", diagonal, Number.isInteger(diagonal), "a whole number");
  return lessEqual(sub(iota(x.shape, rank - 1), iota(x.shape, rank - 2)), diagonal + offset);
}

/**
 * The lower triangle of matrices, zeros above it.
 *
 * @param x Matrices `[..., m, n]`.
 * @param options `diagonal`: the last that is kept, 0 by default.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor, tril } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await tril(tensor([[1, 2], [3, 4]])).data(), new Float32Array([1, 0, 3, 4]));
 * ```
 */
export function tril(x: Tensor, options: { readonly diagonal?: number } = {}): Tensor {
  requireOptions("tril", options, { diagonal: true });
  requireTensor("tril", "x", x);
  const { diagonal = 0 } = options;
  return where(lower("tril", x, diagonal), x, zerosLike(x));
}

/**
 * The upper triangle of matrices, zeros below it.
 *
 * @param x Matrices `[..., m, n]`.
 * @param options `diagonal`: the first that is kept, 0 by default.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor, triu } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await triu(tensor([[1, 2], [3, 4]])).data(), new Float32Array([1, 2, 0, 4]));
 * ```
 */
export function triu(x: Tensor, options: { readonly diagonal?: number } = {}): Tensor {
  requireOptions("triu", options, { diagonal: true });
  requireTensor("triu", "x", x);
  const { diagonal = 0 } = options;
  return where(lower("triu", x, diagonal, -1), zerosLike(x), x);
}

/**
 * Rows that are one at an index and zero elsewhere.
 *
 * @param indices Classes, int32 or uint32 of any shape; those outside `[0, classes)` give zeros.
 * @param classes How many.
 * @param options `dtype`, float32 by default.
 * @returns `[...indices.shape, classes]`.
 * @throws {TypeError} If the indices are no integers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { oneHot, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await oneHot(tensor([1], { dtype: "int32" }), 3).data(), new Float32Array([0, 1, 0]));
 * ```
 */
export function oneHot(
  indices: Tensor,
  classes: number,
  options: { readonly dtype?: DType } = {},
): Tensor {
  requireOptions("oneHot", options, { dtype: true });
  requireTensor("oneHot", "indices", indices);
  const { dtype = "float32" } = options;
  if (DTYPES[indices.dtype].floating || indices.dtype === "bool") {
    throw new TypeError(`Cannot make one-hot rows as indices must be integers: current dtype is ${indices.dtype}`);
  }
  requireSizes("make one-hot rows", [classes]);
  const column = reshape(cast(indices, "int32"), [...indices.shape, 1]);
  return cast(equal(column, iota([...indices.shape, classes], indices.shape.length)), dtype);
}
