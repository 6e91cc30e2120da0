/** @file The same sites as single pixels or as blocks: permutations of rows. */
import { add, arange, argsort, mul, reshape, ShapeError, sizeOf, type Tensor } from "../tensor/core.ts";
import { requireList, stridesOf } from "../tensor/parts.ts";
import { requireHostCoordinates } from "./concrete.ts";
import { derived } from "./derived.ts";
import { hostValues } from "./host_values.ts";
import { imageSize } from "./kernel_map.ts";
import { lookupTable } from "./lookup.ts";
import {
  axesOf,
  cellNumber,
  columnOf,
  type GridShape,
  nseOf,
  patternFromCells,
  patternFromCellTensor,
  type SparsePattern,
} from "./pattern.ts";
import { takeOr, takeRows } from "./rows.ts";
import { requireSparse, type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** A pattern of pixels, and which pixel of the blocks each of its rows is. */
interface PixelView {
  readonly pattern: SparsePattern;
  /** int32: pixel of the blocks (block after block) for each pixel row. */
  readonly order: Tensor;
  /** int32: pixel row for each pixel of the blocks. */
  readonly ranks: Tensor;
}

function pixelGrid({ gridShape }: SparsePattern, blockShape: readonly number[]): GridShape {
  return [gridShape[0], ...imageSize({ gridShape }, blockShape)];
}

/** Image position of each pixel of the blocks, int32 `[P · pixels]`, block after block. */
function pixelCells(pattern: SparsePattern, blockShape: readonly number[]): Tensor {
  const strides = stridesOf(pixelGrid(pattern, blockShape));
  const onAxis = (x: Tensor, axis: number) => reshape(x, [1, ...blockShape.map((_, k) => k === axis ? -1 : 1)]);
  const ofRow = (x: Tensor) => reshape(x, [-1, ...blockShape.map(() => 1)]);
  const first = mul(ofRow(columnOf(pattern, 0)), strides[0]!);
  const cells = blockShape.reduce((sum, pixels, axis) => {
    const place = add(mul(ofRow(columnOf(pattern, axis + 1)), pixels), onAxis(arange(pixels), axis));
    return add(sum, mul(place, strides[axis + 1]!));
  }, first); // [P, ...block]
  return reshape(cells, [nseOf(pattern) * sizeOf(blockShape)]);
}

function pixelView(pattern: SparsePattern, blockShape: readonly number[]): PixelView {
  return derived(pattern, pattern, ["pixels", blockShape], () => {
    const grid = pixelGrid(pattern, blockShape);
    const cells = pixelCells(pattern, blockShape);
    const order = argsort(cells);
    const view = hostValues(pattern.indices)
      ? patternFromCells(hostPixelCells(pattern, blockShape), grid)
      : patternFromCellTensor(takeOr(cells, order), grid);
    return { pattern: view, order, ranks: argsort(order) };
  });
}

function hostPixelCells(pattern: SparsePattern, blockShape: readonly number[]): readonly number[] {
  const grid = pixelGrid(pattern, blockShape);
  return requireHostCoordinates("toVoxels", pattern).flatMap(([image, ...place]) =>
    place.reduce(
      (outer: readonly number[], at, axis) =>
        outer.flatMap((cell) =>
          Array.from({ length: blockShape[axis]! }, (_, i) => cell * grid[axis + 1]! + at * blockShape[axis]! + i)
        ),
      [image!],
    )
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
  requireSparse("toVoxels", "x", x);
  if (areSingle(x.blockShape)) return x;
  const { pattern, order, ranks } = pixelView(x.pattern, x.blockShape);
  const [channels, single] = [x.values.shape.at(-1)!, x.blockShape.map(() => 1)];
  const rows = takeRows(reshape(x.values, [nseOf(pattern), channels]), order, ranks);
  return sparseTensor(pattern, single, reshape(rows, [nseOf(pattern), ...single, channels]));
}

/**
 * Shows voxel COO as blocks.
 *
 * @param x A sparse tensor of single pixels whose active pixels fill whole blocks.
 * @param blockShape Pixels of one cell on each axis, such as `[h, w]`.
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
export function toBlocks(x: SparseTensor, blockShape: readonly number[]): SparseTensor {
  requireSparse("toBlocks", "x", x);
  requireList("toBlocks", "blockShape", blockShape);
  const pattern = blockPattern(x, blockShape);
  const cells = pixelCells(pattern, blockShape); // [P · pixels]
  const order = takeOr(reshape(lookupTable(x.pattern), [-1]), cells);
  const channels = x.values.shape.at(-1)!;
  const rows = takeRows(reshape(x.values, [nseOf(x.pattern), channels]), order, argsort(order));
  return sparseTensor(pattern, blockShape, reshape(rows, [nseOf(pattern), ...blockShape, channels]));
}

const areSingle = (blockShape: readonly number[]): boolean => blockShape.every((pixels) => pixels === 1);

function blockPattern(x: SparseTensor, blockShape: readonly number[]): SparsePattern {
  const { pattern } = x;
  const divides = blockShape.length === axesOf(pattern) &&
    blockShape.every((pixels, axis) => pattern.gridShape[axis + 1]! % pixels === 0);
  if (areSingle(x.blockShape) && divides) {
    return derived(pattern, pattern, ["blocks", blockShape], () => wholeBlocks(pattern, blockShape));
  }
  throw new ShapeError("toBlocks", `single pixels on a grid that divides by [${blockShape.join(", ")}] are needed`, [
    x.blockShape,
    pattern.gridShape,
  ]);
}

function wholeBlocks(pattern: SparsePattern, blockShape: readonly number[]): SparsePattern {
  const [batch, ...sizes] = pattern.gridShape;
  const grid: GridShape = [batch, ...sizes.map((size, axis) => size / blockShape[axis]!)];
  const counts = new Map<number, number>();
  for (const [image, ...place] of requireHostCoordinates("toBlocks", pattern)) {
    const block = cellNumber([image!, ...place.map((at, axis) => Math.floor(at / blockShape[axis]!))], grid);
    counts.set(block, (counts.get(block) ?? 0) + 1);
  }
  const pixels = sizeOf(blockShape);
  const partial = [...counts].find(([, count]) => count !== pixels);
  if (!partial) return patternFromCells(counts.keys(), grid);
  throw new RangeError(
    `Cannot show pixels as blocks as all ${pixels} pixels of a block must be active: current number is ${partial[1]}`,
  );
}
