/** @file From dense to sparse and back. The two are adjoints; neither scatters. */
import {
  add,
  arange,
  greaterEqual,
  mul,
  reshape,
  type Shape,
  ShapeError,
  sizeOf,
  type Tensor,
  where,
} from "../tensor/core.ts";
import { requireTensor, sameShape, stridesOf } from "../tensor/parts.ts";
import { derived } from "./derived.ts";
import { lookupTable } from "./lookup.ts";
import { axesOf, columnOf, nseOf, requirePattern, type SparsePattern } from "./pattern.ts";
import { takeRows } from "./rows.ts";
import { requireSparse, shapeOf, type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/**
 * Where the lines of blocks lie among those of images. A line is what is contiguous in both: the pixels of a block along
 * the last axis. Images of two axes `[B, gh · h, gw · w, C]` are lines `[B, gh, h, gw] × [w, C]`, blocks `[P, h] × [w, C]`.
 */
interface LineTables {
  /** int32 `[P, ...block but the last axis]`: line of the images. */
  readonly ofBlocks: Tensor;
  /** int32, of the lines of the images, such as `[B, gh, h, gw]`: line of the blocks, or -1. */
  readonly ofImages: Tensor;
}

/** Batch, and grid and block of each axis by turns: `[B, gh, h, gw, w]`, or without the last block `[B, gh, h, gw]`. */
function byTurns({ gridShape: [batch, ...grid] }: SparsePattern, blocks: readonly number[]): readonly number[] {
  return [batch, ...grid.flatMap((cells, axis) => axis < blocks.length ? [cells, blocks[axis]!] : [cells])];
}

/** `inner`: pixels of a block on all axes but the last. */
function lineTables(pattern: SparsePattern, inner: readonly number[]): LineTables {
  return derived(pattern, pattern, ["lines", inner], () => {
    const lines = byTurns(pattern, inner);
    const strides = stridesOf(lines);
    const offsets = (axes: number, place: (axis: number) => number, stride: (axis: number) => number) =>
      inner.map((pixels, axis) => {
        const shape = Array.from({ length: axes }, (_, k) => k === place(axis) ? pixels : 1);
        return mul(reshape(arange(pixels), shape), stride(axis));
      });
    const ofRow = (x: Tensor) => reshape(x, [-1, ...inner.map(() => 1)]);
    const first = pattern.gridShape
      .map((_, axis) => mul(ofRow(columnOf(pattern, axis)), strides[axis === 0 ? 0 : 2 * axis - 1]!))
      .reduce((sum, term) => add(sum, term));
    const ofBlocks = offsets(1 + inner.length, (axis) => 1 + axis, (axis) => strides[2 * axis + 2]!)
      .reduce((sum, term) => add(sum, term), first);
    const block = reshape(lookupTable(pattern), byTurns(pattern, inner.map(() => 1)));
    const blockStrides = stridesOf(inner);
    const inBlocks = offsets(lines.length, (axis) => 2 * axis + 2, (axis) => blockStrides[axis]!)
      .reduce((sum, term) => add(sum, term), mul(block, sizeOf(inner)));
    return { ofBlocks, ofImages: where(greaterEqual(block, 0), inBlocks, -1) };
  });
}

/** The nearest multiples of the grid, for errors. */
function nearest(size: number, cells: number): string {
  const below = Math.floor(size / cells) * cells;
  return below > 0 ? `${below} or ${below + cells}` : `${cells}`;
}

function blockOf(images: Shape, pattern: SparsePattern): readonly number[] {
  const [batch, ...grid] = pattern.gridShape;
  const sizes = images.slice(1, -1);
  if (images.length !== axesOf(pattern) + 2 || images[0] !== batch) {
    const wanted = ["[B, W, C]", "[B, H, W, C]", "[B, D, H, W, C]"][grid.length - 1];
    throw new ShapeError("gather", `images must be ${wanted} with B = ${batch} as of the pattern`, [images]);
  }
  const block = sizes.map((size, axis) => size / grid[axis]!);
  if (block.every((pixels) => Number.isInteger(pixels) && pixels > 0)) return block;
  const near = sizes.map((size, axis) => nearest(size, grid[axis]!)).join(", by ");
  throw new ShapeError(
    "gather",
    `sizes must divide by the ${grid.join(" by ")} cells of the grid: the nearest sizes are ${near}`,
    [images],
  );
}

/**
 * Takes the active blocks out of images (`fromDense`). Nothing else of the images is read, so what inactive cells hold
 * does not matter, NaN included.
 *
 * @param images `[B, ...size, C]`, such as `[B, H, W, C]`.
 * @param pattern Active cells on a grid of B images, of as many axes.
 * @returns A sparse tensor with blocks of `size / grid` pixels, such as `H / gh` by `W / gw`. Its gradient is `toDense` of the cotangent.
 * @throws {ShapeError} If a size does not divide by the grid; the nearest sizes that do are named.
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
  requireTensor("gather", "images", images);
  requirePattern("gather", "pattern", pattern);
  const block = blockOf(images.shape, pattern);
  const [inner, line, channels] = [block.slice(0, -1), block.at(-1)!, images.shape.at(-1)!];
  const { ofBlocks, ofImages } = lineTables(pattern, inner);
  const lines = reshape(images, [sizeOf(byTurns(pattern, inner)), line, channels]);
  return sparseTensor(pattern, block, takeRows(lines, ofBlocks, ofImages)); // values [P, ...block, C]
}

/**
 * Puts the blocks back to their places.
 *
 * @param x Any sparse tensor.
 * @param fill What inactive sites hold: a number, 0 by default; or a token, one number per channel `[C]`, or per site and
 * channel `[...size, C]`.
 * @returns `[B, ...size, C]`: values where active, the fill elsewhere. Its gradient is `gather` of the cotangent; that of a
 * token the sum over inactive sites.
 * @throws {ShapeError} If the token has another shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { patternFromIndices, sparseTensor, toDense } from "@tessera/tessera/sparse";
 * import { ones, tensor } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0, 1]], [1, 1, 2]), [1, 1], ones([1, 1, 1, 1]));
 * deepStrictEqual(await toDense(x).data(), new Float32Array([0, 1]));
 * deepStrictEqual(await toDense(x, tensor([7])).data(), new Float32Array([7, 1]));
 * ```
 */
export function toDense(x: SparseTensor, fill: number | Tensor = 0): Tensor {
  requireSparse("toDense", "x", x);
  if (typeof fill === "number") return reshape(toCells(x, fill), shapeOf(x));
  requireTensor("toDense", "fill", fill);
  const shape = shapeOf(x);
  const isMap = sameShape(fill.shape, shape.slice(1));
  if (!isMap && !sameShape(fill.shape, shape.slice(-1))) {
    throw new ShapeError("toDense", "the token must have one number per channel, or per site and channel", [
      fill.shape,
      shape,
    ]);
  }
  const ones = x.blockShape.map(() => 1);
  const active = reshape(greaterEqual(lookupTable(x.pattern), 0), [...byTurns(x.pattern, ones), 1]);
  const token = isMap ? reshape(fill, [1, ...byTurns(x.pattern, x.blockShape).slice(1), shape.at(-1)!]) : fill;
  return reshape(where(active, toCells(x, 0), token), shape);
}

/** The dense form with blocks on axes of their own: `[B, gh, h, gw, w, C]`. */
function toCells({ pattern, blockShape, values }: SparseTensor, fill: number): Tensor {
  const inner = blockShape.slice(0, -1);
  const { ofBlocks, ofImages } = lineTables(pattern, inner);
  const lines = reshape(values, [nseOf(pattern) * sizeOf(inner), blockShape.at(-1)!, values.shape.at(-1)!]);
  return takeRows(lines, ofImages, ofBlocks, fill);
}
