/** @file From dense to sparse and back. The two are adjoints; neither scatters. */
import {
  add,
  arange,
  greaterEqual,
  mul,
  reshape,
  type Shape,
  ShapeError,
  type Tensor,
  truncDivide,
  where,
} from "../tensor/mod.ts";
import { derived } from "./derived.ts";
import { lookupTable } from "./lookup.ts";
import { cellsOf, nseOf, type SparsePattern } from "./pattern.ts";
import { takeRows } from "./rows.ts";
import { shapeOf, type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** Where the pixel rows of blocks lie among those of images cut at the columns of the grid, and the other way round. */
interface RowTables {
  /** int32 `[P, h]`: image row of each row of each block. */
  readonly ofBlocks: Tensor;
  /** int32 `[B, gh, h, gw]`: block row of each image row, or -1. */
  readonly ofImages: Tensor;
}

/** Images `[B, gh · h, gw · w, C]` are rows `[B · gh · h · gw, w, C]`, blocks rows `[P · h, w, C]`. */
function rowTables(pattern: SparsePattern, h: number): RowTables {
  return derived(pattern, pattern, ["rows", h], () => {
    const [batch, rows, columns] = pattern.gridShape;
    const cell = reshape(cellsOf(pattern), [nseOf(pattern), 1]); // line · gw + column, where line = b · gh + row
    const first = add(cell, mul(truncDivide(cell, columns), columns * (h - 1))); // line · h · gw + column
    const block = reshape(lookupTable(pattern), [batch, rows, 1, columns]);
    const ofImages = where(greaterEqual(block, 0), add(mul(block, h), reshape(arange(h), [h, 1])), -1);
    return { ofBlocks: add(first, mul(reshape(arange(h), [1, h]), columns)), ofImages };
  });
}

/** The nearest multiples of the grid, for errors. */
function nearest(size: number, cells: number): string {
  const below = Math.floor(size / cells) * cells;
  return below > 0 ? `${below} or ${below + cells}` : `${cells}`;
}

function blockOf(images: Shape, [batch, rows, columns]: SparsePattern["gridShape"]): readonly [number, number] {
  const [count, height, width] = images;
  if (images.length !== 4 || count !== batch) {
    throw new ShapeError("gather", `images must be [B, H, W, C] with B = ${batch} as of the pattern`, [images]);
  }
  const [h, w] = [height! / rows, width! / columns];
  if (Number.isInteger(h) && Number.isInteger(w) && h > 0 && w > 0) return [h, w];
  throw new ShapeError(
    "gather",
    `height and width must divide by the ${rows} by ${columns} cells of the grid: the nearest heights are ` +
      `${nearest(height!, rows)}, the nearest widths ${nearest(width!, columns)}`,
    [images],
  );
}

/**
 * Takes the active blocks out of images (`fromDense`). Nothing else of the images is read, so what inactive cells hold
 * does not matter, NaN included.
 *
 * @param images `[B, H, W, C]`.
 * @param pattern Active cells on a grid of B images.
 * @returns A sparse tensor with blocks of `H / gh` by `W / gw` pixels. Its gradient is `toDense` of the cotangent.
 * @throws {ShapeError} If height or width does not divide by the grid; the nearest sizes that do are named.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { gather, patternFromIndices } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const images = tensor([[[[1], [2], [3], [4]]]]); // [1, 1, 4, 1]
 * const x = gather(images, patternFromIndices([[0, 0, 1]], [1, 1, 2]));
 * deepStrictEqual(await x.values.data(), new Float32Array([3, 4]));
 * ```
 */
export function gather(images: Tensor, pattern: SparsePattern): SparseTensor {
  const [h, w] = blockOf(images.shape, pattern.gridShape);
  const channels = images.shape[3]!;
  const [batch, rows, columns] = pattern.gridShape;
  const { ofBlocks, ofImages } = rowTables(pattern, h);
  const lines = reshape(images, [batch * rows * h * columns, w, channels]);
  return sparseTensor(pattern, [h, w], takeRows(lines, ofBlocks, ofImages)); // values [P, h, w, C]
}

/**
 * Puts the blocks back to their places.
 *
 * @param x Any sparse tensor.
 * @param fill What inactive sites hold; 0 by default.
 * @returns `[B, H, W, C]`. Its gradient is `gather` of the cotangent.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { patternFromIndices, sparseTensor, toDense } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0, 1]], [1, 1, 2]), [1, 1], ones([1, 1, 1, 1]));
 * deepStrictEqual(await toDense(x).data(), new Float32Array([0, 1]));
 * ```
 */
export function toDense(x: SparseTensor, fill: number = 0): Tensor {
  return reshape(toCells(x, fill), shapeOf(x));
}

/** The dense form with blocks on axes of their own: `[B, gh, h, gw, w, C]`. */
function toCells({ pattern, blockShape: [h, w], values }: SparseTensor, fill: number): Tensor {
  const { ofBlocks, ofImages } = rowTables(pattern, h);
  const lines = reshape(values, [nseOf(pattern) * h, w, values.shape[3]!]);
  return takeRows(lines, ofImages, ofBlocks, fill);
}

/**
 * Fills inactive sites with a learned token.
 *
 * @param x Any sparse tensor.
 * @param token One number per channel, `[C]`, or per site and channel, `[H, W, C]`.
 * @returns `[B, H, W, C]`: values where active, the token elsewhere. The gradient of the token is the sum over inactive
 * sites.
 * @throws {ShapeError} If the token has another shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { densify, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { tensor, zeros } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0, 1]], [1, 1, 2]), [1, 1], zeros([1, 1, 1, 1]));
 * deepStrictEqual(await densify(x, tensor([7])).data(), new Float32Array([7, 0]));
 * ```
 */
export function densify(x: SparseTensor, token: Tensor): Tensor {
  const shape = shapeOf(x);
  const [, height, width, channels] = shape;
  const isMap = token.shape.length === 3 && token.shape[0] === height && token.shape[1] === width;
  if (!(isMap || token.shape.length === 1) || token.shape.at(-1) !== channels) {
    throw new ShapeError("densify", "the token must have one number per channel, or per site and channel", [
      token.shape,
      shape,
    ]);
  }
  const [batch, rows, columns] = x.pattern.gridShape;
  const [h, w] = x.blockShape;
  const active = reshape(greaterEqual(lookupTable(x.pattern), 0), [batch, rows, 1, columns, 1, 1]);
  const fill = isMap ? reshape(token, [1, rows, h, columns, w, channels!]) : token;
  return reshape(where(active, toCells(x, 0), fill), shape);
}
