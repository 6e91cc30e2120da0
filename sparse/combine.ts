/** @file Sums and products of sparse tensors. Rows meet by their coordinates, never by their position alone. */
import { add as addDense, mul as mulDense, type Tensor, tensor } from "../tensor/core.ts";
import { requireHostCells } from "./concrete.ts";
import { derived } from "./derived.ts";
import { patternFromCells, type SparsePattern } from "./pattern.ts";
import { takeRows } from "./rows.ts";
import { requireSameShape, requireSparse, sameRows, type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** Rows of one pattern in another and back. */
interface Embedding {
  /** int32, a row of the small pattern for each row of the large one, or -1. */
  readonly map: Tensor;
  /** The other way round. */
  readonly inverse: Tensor;
}

/** A pattern made of two, and where the rows of both lie in it. */
interface Joint {
  readonly pattern: SparsePattern;
  readonly first: Embedding;
  readonly second: Embedding;
}

function embed(part: readonly number[], whole: readonly number[]): Embedding {
  const rowIn = (cells: readonly number[]) => new Map(cells.map((cell, row) => [cell, row]));
  const rows = (cells: readonly number[], among: readonly number[]) => {
    const known = rowIn(among);
    return tensor(Int32Array.from(cells, (cell) => known.get(cell) ?? -1));
  };
  return { map: rows(whole, part), inverse: rows(part, whole) };
}

function join(operation: "add" | "mul", x: SparsePattern, y: SparsePattern): Joint {
  return derived(x, y, operation, () => {
    const [first, second] = [requireHostCells(operation, x), requireHostCells(operation, y)];
    const inSecond = new Set(second);
    const cells = operation === "add"
      ? [...new Set([...first, ...second])].sort((a, b) => a - b)
      : first.filter((cell) => inSecond.has(cell));
    return {
      pattern: patternFromCells(cells, x.gridShape),
      first: embed(first, cells),
      second: embed(second, cells),
    };
  });
}

function combine(
  operation: "add" | "mul",
  x: SparseTensor,
  y: SparseTensor,
  f: (a: Tensor, b: Tensor) => Tensor,
): SparseTensor {
  requireSparse(operation, "x", x);
  requireSparse(operation, "y", y);
  requireSameShape(operation, x, y);
  if (sameRows(x, y)) return sparseTensor(x.pattern, x.blockShape, f(x.values, y.values));
  const { pattern, first, second } = join(operation, x.pattern, y.pattern);
  const a = takeRows(x.values, first.map, first.inverse);
  const b = takeRows(y.values, second.map, second.inverse);
  return sparseTensor(pattern, x.blockShape, f(a, b));
}

/**
 * Adds sparse tensors.
 *
 * @param x Any sparse tensor.
 * @param y A sparse tensor of the same shape and blocks.
 * @returns On the same pattern if the operands share theirs, else on the union of the two.
 * @throws {ShapeError} If shapes or blocks differ.
 * @throws {TypeError} If the patterns differ and their coordinates are not on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { add, patternFromIndices, sparseTensor, toDense } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const at = (column: number) =>
 *   sparseTensor(patternFromIndices([[0, 0, column]], [1, 1, 3]), [1, 1], ones([1, 1, 1, 1]));
 * deepStrictEqual(await toDense(add(at(0), at(2))).data(), new Float32Array([1, 0, 1]));
 * ```
 */
export function add(x: SparseTensor, y: SparseTensor): SparseTensor {
  return combine("add", x, y, addDense);
}

/**
 * Multiplies sparse tensors.
 *
 * @param x Any sparse tensor.
 * @param y A sparse tensor of the same shape and blocks.
 * @returns On the same pattern if the operands share theirs, else on the intersection of the two.
 * @throws {ShapeError} If shapes or blocks differ.
 * @throws {TypeError} If the patterns differ and their coordinates are not on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullPattern, mul, patternFromIndices, sparseTensor, toDense } from "@tessera/tessera/sparse";
 * import { full } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(fullPattern([1, 1, 2]), [1, 1], full([2, 1, 1, 1], 2));
 * const y = sparseTensor(patternFromIndices([[0, 0, 1]], [1, 1, 2]), [1, 1], full([1, 1, 1, 1], 3));
 * deepStrictEqual(await toDense(mul(x, y)).data(), new Float32Array([0, 6]));
 * ```
 */
export function mul(x: SparseTensor, y: SparseTensor): SparseTensor {
  return combine("mul", x, y, mulDense);
}
