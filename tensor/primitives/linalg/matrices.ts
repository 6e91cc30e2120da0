/** @file What operations on batches of matrices have in common. */
import { ShapeError } from "../../errors.ts";
import type { Batch, Primitive } from "../../primitive.ts";
import { type DenseArray, type Shape, sizeOf, type TensorSpec } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { spread } from "../batching/spread.ts";
import { requireTensor } from "../../require_tensor.ts";
import { sub } from "../arithmetic.ts";
import { asFloating, cast } from "../cast.ts";
import { lessEqual } from "../comparison.ts";
import { constant, iota } from "../constant.ts";
import { reshape, transpose } from "../layout.ts";
import { matmul } from "../matmul.ts";
import { promoteTypes, requireFloating } from "../operands.ts";
import { where } from "../where.ts";
import { slice } from "../window.ts";

/** Sizes of the last two axes; throws for `operation` unless they are there and floating. */
export function matrixSizes(operation: string, x: TensorSpec): readonly [rows: number, columns: number] {
  if (x.shape.length < 2) throw new ShapeError(operation, "there must be matrices in the last two axes", [x.shape]);
  requireFloating(operation, [x]);
  return [x.shape.at(-2)!, x.shape.at(-1)!];
}

/** Size of square matrices; throws for `operation` if they are none. */
export function squareSize(operation: string, x: TensorSpec): number {
  const [rows, columns] = matrixSizes(operation, x);
  if (rows !== columns) throw new ShapeError(operation, "matrices must be square", [x.shape]);
  return rows;
}

/** An argument as matrices of floats: integers and bools are taken as float32. Throws for `operation` if it is none. */
export function matricesOf(operation: string, x: Tensor, argument = "x"): Tensor {
  requireTensor(operation, argument, x);
  const matrices = asFloating(x);
  matrixSizes(operation, matrices);
  return matrices;
}

/** `matricesOf`, of square ones. */
export function squaresOf(operation: string, x: Tensor, argument = "x"): Tensor {
  const matrices = matricesOf(operation, x, argument);
  squareSize(operation, matrices);
  return matrices;
}

/**
 * Matrices and the right sides of their equations in one floating dtype, vectors as columns, and what puts a solution into the
 * shape of the right sides.
 */
export function withSides(
  operation: string,
  a: Tensor,
  b: Tensor,
): readonly [a: Tensor, sides: Tensor, shaped: (x: Tensor) => Tensor] {
  requireTensor(operation, "b", b);
  const isVector = b.shape.length === 1;
  const sides = isVector ? reshape(b, [b.shape[0]!, 1]) : b;
  if (b.shape.length === 0 || sides.shape.at(-2) !== a.shape.at(-2)) {
    throw new ShapeError(operation, "there must be a row of b for each of a", [a.shape, b.shape]);
  }
  const dtype = promoteTypes(a.dtype, asFloating(b).dtype, operation);
  return [cast(a, dtype), cast(sides, dtype), (x) => isVector ? reshape(x, x.shape.slice(0, -1)) : x];
}

/** The axes before the last two. */
export function batchOf(x: TensorSpec): Shape {
  return x.shape.slice(0, -2);
}

/** Swaps the last two axes. */
export function transposed(x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}

/** `a b`, of matrices whose batches agree. */
export function times(a: Tensor, b: Tensor): Tensor {
  return matmul(a, b);
}

/** Elements on and below a diagonal, zero above. */
export function lowerPart(x: Tensor, diagonal = 0): Tensor {
  const rank = x.shape.length;
  const isLower = lessEqual(sub(iota(x.shape, rank - 1), iota(x.shape, rank - 2)), diagonal);
  return where(isLower, x, constant(x.shape, 0, x.dtype));
}

/** Elements on and above a diagonal, zero below. */
export function upperPart(x: Tensor, diagonal = 0): Tensor {
  return sub(x, lowerPart(x, diagonal - 1));
}

/** Ones on the main diagonal, of the shape of `x`. */
export function identityLike(x: Tensor): Tensor {
  const rank = x.shape.length;
  const distance = sub(iota(x.shape, rank - 1), iota(x.shape, rank - 2));
  const one = (value: number) => constant(x.shape, value, x.dtype);
  return where(lessEqual(distance, 0), where(lessEqual(distance, -1), one(0), one(1)), one(0));
}

/** Rows `from` up to and without `to`. */
export function rowsBetween(x: Tensor, from: number, to: number): Tensor {
  const rank = x.shape.length;
  return slice(x, { start: x.shape.map((_, i) => i === rank - 2 ? from : 0), size: x.shape.with(-2, to - from) });
}

/** A vector of each matrix as a row: `[..., n]` as `[..., 1, n]`. */
export function asRow(x: Tensor): Tensor {
  return reshape(x, [...x.shape.slice(0, -1), 1, x.shape.at(-1)!]);
}

/** How examples of a batch become more matrices: for kernels all of whose operands are batches of matrices. */
export function moreMatrices<P extends object>(part: () => Primitive<P>): (batch: Batch, params: P) => Tensor {
  return (batch, params) => bind(part(), spread(batch), params);
}

/** Computes each matrix by itself, in float64. */
export function eachMatrix(
  inputs: readonly DenseArray[],
  output: TensorSpec,
  f: (matrices: readonly Float64Array[], result: Float64Array) => void,
): Float64Array {
  const size = sizeOf(output.shape.slice(-2));
  const all = new Float64Array(sizeOf(output.shape));
  for (let i = 0; i * size < all.length; i++) {
    const matrices = inputs.map(({ shape, data }) => {
      const each = sizeOf(shape.slice(-2));
      return data.subarray(i * each, (i + 1) * each);
    });
    f(matrices, all.subarray(i * size, (i + 1) * size));
  }
  return all;
}
