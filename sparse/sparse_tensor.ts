import { type Shape, ShapeError, type Tensor } from "../tensor/core.ts";
import { requireFunction, requireKind, requireList, requireTensor, sameShape } from "../tensor/parts.ts";
import { axesOf, nseOf, requirePattern, samePattern, type SparsePattern } from "./pattern.ts";

/**
 * A hybrid COO tensor of logical shape `[B, ...size, C]`, each size being that of the grid times that of the block: sparse
 * over cells, dense within each cell's block of pixels. A `blockShape` of ones, such as `[1, 1]`, is ordinary voxel COO. A plain record, so a tree; only its values are differentiable.
 */
export interface SparseTensor {
  /** Which cells are active. */
  readonly pattern: SparsePattern;
  /** Pixels of one cell on each axis of the grid, such as `[h, w]`. */
  readonly blockShape: readonly number[];
  /** `[P, ...block, C]`: the block of each active cell, in the order of the pattern. */
  readonly values: Tensor;
}

/**
 * Makes a sparse tensor.
 *
 * @param pattern Active cells.
 * @param blockShape Pixels of one cell on each axis, such as `[h, w]`.
 * @param values `[P, ...block, C]`, rows in the order of the pattern.
 * @returns The sparse tensor.
 * @throws {ShapeError} If the values do not fit the pattern and the blocks.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullPattern, shapeOf, sparseTensor } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(fullPattern([1, 2, 2]), [4, 4], ones([4, 4, 4, 3]));
 * deepStrictEqual(shapeOf(x), [1, 8, 8, 3]);
 * ```
 */
export function sparseTensor(pattern: SparsePattern, blockShape: readonly number[], values: Tensor): SparseTensor {
  requirePattern("make a sparse tensor", "pattern", pattern);
  requireList("make a sparse tensor", "blockShape", blockShape);
  requireTensor("make a sparse tensor", "values", values);
  const rows = nseOf(pattern);
  const { shape } = values;
  const fits = blockShape.length === axesOf(pattern) && shape.length === blockShape.length + 2 &&
    sameShape(shape.slice(0, -1), [rows, ...blockShape]);
  if (fits) return { pattern, blockShape: [...blockShape], values };
  const axes = axesOf(pattern) === blockShape.length ? "" : `, with a block of ${axesOf(pattern)} axes as the grid has`;
  throw new ShapeError(
    "make a sparse tensor",
    `values must be [P = ${rows}, ${blockShape.join(", ")}, C]${axes}`,
    [shape],
  );
}

/**
 * The shape of the dense form.
 *
 * @param x Any sparse tensor.
 * @returns `[B, ...size, C]`, such as `[B, H, W, C]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullPattern, shapeOf, sparseTensor } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(shapeOf(sparseTensor(fullPattern([2, 1, 1]), [4, 2], ones([2, 4, 2, 3]))), [2, 4, 2, 3]);
 * ```
 */
export function shapeOf({ pattern: { gridShape }, blockShape, values }: SparseTensor): Shape {
  return [gridShape[0], ...blockShape.map((pixels, axis) => gridShape[axis + 1]! * pixels), values.shape.at(-1)!];
}

/**
 * Applies a function to the values of active sites. The only way to apply one with `f(0) ≠ 0`: inactive sites stay
 * inactive.
 *
 * @param x Any sparse tensor.
 * @param f From values `[P, ...block, C]` to `[P, ...block, D]`.
 * @returns A sparse tensor on the same pattern.
 * @throws {ShapeError} If `f` changes more than the channels.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullPattern, mapValues, sparseTensor } from "@tessera/tessera/sparse";
 * import { exp, zeros } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(fullPattern([1, 1, 1]), [1, 1], zeros([1, 1, 1, 2]));
 * deepStrictEqual(await mapValues(x, exp).values.data(), new Float32Array([1, 1]));
 * ```
 */
export function mapValues(x: SparseTensor, f: (values: Tensor) => Tensor): SparseTensor {
  requireSparse("mapValues", "x", x);
  requireFunction("mapValues", "f", f);
  return sparseTensor(x.pattern, x.blockShape, f(x.values));
}

/** Refuses what is no sparse tensor of blocks. */
export function requireSparse(operation: string, argument: string, x: unknown): asserts x is SparseTensor {
  const given = x as Partial<SparseTensor> | null | undefined;
  requireKind(
    operation,
    argument,
    x,
    typeof given === "object" && given !== null && "pattern" in given,
    "a sparse tensor",
  );
  requirePattern(operation, `${argument}.pattern`, given!.pattern);
  requireList(operation, `${argument}.blockShape`, given!.blockShape);
  requireTensor(operation, `${argument}.values`, given!.values);
}

/** Refuses a tensor whose grid has another number of axes. */
export function requireAxes(operation: string, { pattern }: SparseTensor, axes: number): void {
  if (axesOf(pattern) === axes) return;
  throw new ShapeError(operation, `the grid must have ${axes} axes besides the batch`, [pattern.gridShape]);
}

/** Refuses operands whose dense forms differ in shape. */
export function requireSameShape(operation: string, x: SparseTensor, y: SparseTensor): void {
  const same = shapeOf(x).join() === shapeOf(y).join() && x.blockShape.join() === y.blockShape.join();
  if (same) return;
  throw new ShapeError(operation, "operands must have one shape and one block shape", [shapeOf(x), shapeOf(y)]);
}

/** True if rows may be combined one by one. */
export function sameRows(x: SparseTensor, y: SparseTensor): boolean {
  return samePattern(x.pattern, y.pattern);
}
