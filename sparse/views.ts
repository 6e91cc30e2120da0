/** @file The same sites as single pixels or as blocks: permutations of rows. */
import { add, arange, argsort, fmod, mul, reshape, ShapeError, take, type Tensor, truncDivide } from "../tensor/mod.ts";
import { requireHostCells } from "./concrete.ts";
import type { Pair } from "./conv_window.ts";
import { derived } from "./derived.ts";
import { hostValues } from "./host_values.ts";
import { lookupTable } from "./lookup.ts";
import {
  cellsOf,
  type GridShape,
  nseOf,
  patternFromCells,
  patternFromCellTensor,
  type SparsePattern,
} from "./pattern.ts";
import { takeRows } from "./rows.ts";
import { type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** A pattern of pixels, and which pixel of the blocks each of its rows is. */
interface PixelView {
  readonly pattern: SparsePattern;
  /** int32: pixel of the blocks (block after block) for each pixel row. */
  readonly order: Tensor;
  /** int32: pixel row for each pixel of the blocks. */
  readonly ranks: Tensor;
}

function pixelGrid([batch, rows, columns]: GridShape, [h, w]: Pair): GridShape {
  return [batch, rows * h, columns * w];
}

/** Image position of each pixel of the blocks, int32 `[P · h · w]`, block after block. */
function pixelCells(pattern: SparsePattern, [h, w]: Pair): Tensor {
  const [, , columns] = pattern.gridShape;
  const cell = reshape(cellsOf(pattern), [nseOf(pattern), 1, 1]);
  const line = add(mul(truncDivide(cell, columns), h), reshape(arange(h), [1, h, 1])); // [P, h, 1]
  const column = add(mul(fmod(cell, columns), w), reshape(arange(w), [1, 1, w])); // [P, 1, w]
  return reshape(add(mul(line, columns * w), column), [nseOf(pattern) * h * w]);
}

function pixelView(pattern: SparsePattern, blockShape: Pair): PixelView {
  return derived(pattern, pattern, ["pixels", blockShape], () => {
    const grid = pixelGrid(pattern.gridShape, blockShape);
    const cells = pixelCells(pattern, blockShape);
    const order = argsort(cells);
    const view = hostValues(pattern.indices)
      ? patternFromCells(hostPixelCells(pattern, blockShape), grid)
      : patternFromCellTensor(take(cells, order, { wrapNegativeIndices: false }), grid);
    return { pattern: view, order, ranks: argsort(order) };
  });
}

function hostPixelCells(pattern: SparsePattern, [h, w]: Pair): readonly number[] {
  const [, , columns] = pattern.gridShape;
  return requireHostCells("toVoxels", pattern).flatMap((cell) =>
    Array.from({ length: h * w }, (_, pixel) => {
      const line = Math.floor(cell / columns) * h + Math.floor(pixel / w);
      return line * columns * w + (cell % columns) * w + pixel % w;
    })
  );
}

/**
 * Shows a sparse tensor as voxel COO: every pixel of its blocks a row of its own.
 *
 * @param x Any sparse tensor.
 * @returns The same tensor with `blockShape` `[1, 1]` on a grid of pixels, rows in its sorted order.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { patternFromIndices, sparseTensor, toVoxels } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0, 1]], [1, 1, 2]), [2, 2], ones([1, 2, 2, 3]));
 * deepStrictEqual(toVoxels(x).pattern.gridShape, [1, 2, 4]);
 * ```
 */
export function toVoxels(x: SparseTensor): SparseTensor {
  if (x.blockShape[0] === 1 && x.blockShape[1] === 1) return x;
  const { pattern, order, ranks } = pixelView(x.pattern, x.blockShape);
  const channels = x.values.shape[3]!;
  const rows = takeRows(reshape(x.values, [nseOf(pattern), channels]), order, ranks);
  return sparseTensor(pattern, [1, 1], reshape(rows, [nseOf(pattern), 1, 1, channels]));
}

/**
 * Shows voxel COO as blocks.
 *
 * @param x A sparse tensor with `blockShape` `[1, 1]` whose active pixels fill whole blocks.
 * @param blockShape Pixels of one cell, `[h, w]`.
 * @returns The same tensor on a grid of blocks.
 * @throws {ShapeError} If the blocks of `x` are not single pixels, or its grid does not divide by the new ones.
 * @throws {RangeError} If a block is active in part.
 * @throws {TypeError} If the coordinates are not on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullPattern, sparseTensor, toBlocks } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(fullPattern([1, 4, 4]), [1, 1], ones([16, 1, 1, 3]));
 * deepStrictEqual(toBlocks(x, [2, 2]).values.shape, [4, 2, 2, 3]);
 * ```
 */
export function toBlocks(x: SparseTensor, blockShape: Pair): SparseTensor {
  const pattern = blockPattern(x, blockShape);
  const [h, w] = blockShape;
  const cells = pixelCells(pattern, blockShape); // [P · h · w]
  const order = take(reshape(lookupTable(x.pattern), [-1]), cells, { wrapNegativeIndices: false });
  const channels = x.values.shape[3]!;
  const rows = takeRows(reshape(x.values, [nseOf(x.pattern), channels]), order, argsort(order));
  return sparseTensor(pattern, [h, w], reshape(rows, [nseOf(pattern), h, w, channels]));
}

function blockPattern({ pattern, blockShape }: SparseTensor, [h, w]: Pair): SparsePattern {
  const [, rows, columns] = pattern.gridShape;
  if (blockShape[0] !== 1 || blockShape[1] !== 1 || rows % h !== 0 || columns % w !== 0) {
    throw new ShapeError("toBlocks", `single pixels on a grid that divides by [${h}, ${w}] are needed`, [
      blockShape,
      pattern.gridShape,
    ]);
  }
  return derived(pattern, pattern, ["blocks", h, w], () => wholeBlocks(pattern, [h, w]));
}

function wholeBlocks(pattern: SparsePattern, [h, w]: Pair): SparsePattern {
  const [batch, rows, columns] = pattern.gridShape;
  const counts = new Map<number, number>();
  for (const cell of requireHostCells("toBlocks", pattern)) {
    const line = Math.floor(cell / columns); // b · rows + row; rows divide by h
    const block = Math.floor(line / h) * (columns / w) + Math.floor((cell % columns) / w);
    counts.set(block, (counts.get(block) ?? 0) + 1);
  }
  const partial = [...counts].find(([, count]) => count !== h * w);
  if (!partial) return patternFromCells(counts.keys(), [batch, rows / h, columns / w]);
  throw new RangeError(
    `Cannot show pixels as blocks as all ${h * w} pixels of a block must be active: current number is ${partial[1]}`,
  );
}
