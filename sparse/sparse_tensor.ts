import { type Shape, ShapeError, type Tensor } from "../tensor/mod.ts";
import type { Pair } from "./conv_window.ts";
import { nseOf, samePattern, type SparsePattern } from "./pattern.ts";

/**
 * A hybrid COO tensor of logical shape `[B, gh · h, gw · w, C]`: sparse over cells, dense within each cell's block of
 * pixels. `blockShape` `[1, 1]` is ordinary voxel COO. A plain record, so a tree; only its values are differentiable.
 */
export interface SparseTensor {
  /** Which cells are active. */
  readonly pattern: SparsePattern;
  /** Pixels of one cell, `[h, w]`. */
  readonly blockShape: Pair;
  /** `[P, h, w, C]`: the block of each active cell, in the order of the pattern. */
  readonly values: Tensor;
}

/**
 * Makes a sparse tensor.
 *
 * @param pattern Active cells.
 * @param blockShape Pixels of one cell, `[h, w]`.
 * @param values `[P, h, w, C]`, rows in the order of the pattern.
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
export function sparseTensor(pattern: SparsePattern, blockShape: Pair, values: Tensor): SparseTensor {
  const [h, w] = blockShape;
  const fits = values.shape.length === 4 && values.shape[0] === nseOf(pattern) && values.shape[1] === h &&
    values.shape[2] === w;
  if (fits) return { pattern, blockShape: [h, w], values };
  throw new ShapeError("make a sparse tensor", `values must be [P = ${nseOf(pattern)}, ${h}, ${w}, C]`, [values.shape]);
}

/**
 * The shape of the dense form.
 *
 * @param x Any sparse tensor.
 * @returns `[B, H, W, C]`.
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
  return [gridShape[0], gridShape[1] * blockShape[0], gridShape[2] * blockShape[1], values.shape.at(-1)!];
}

/**
 * Applies a function to the values of active sites. The only way to apply one with `f(0) ≠ 0`: inactive sites stay
 * inactive.
 *
 * @param x Any sparse tensor.
 * @param f From values `[P, h, w, C]` to `[P, h, w, D]`.
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
  return sparseTensor(x.pattern, x.blockShape, f(x.values));
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
