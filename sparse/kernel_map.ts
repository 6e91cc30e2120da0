/** @file Kernel maps, also called rulebooks: which input row each output row reads through each tap. */
import {
  add,
  arange,
  broadcastTo,
  equal,
  greaterEqual,
  maximum,
  mul,
  reshape,
  scatterAdd,
  type Shape,
  ShapeError,
  sizeOf,
  sub,
  type Tensor,
  tensor,
  where,
} from "../tensor/core.ts";
import { requireOptions, sameShape } from "../tensor/parts.ts";
import { type ConvWindow, convWindow, denseOutputSize, type WindowOptions } from "./conv_window.ts";
import { derived } from "./derived.ts";
import { cellTable, OUTSIDE } from "./lookup.ts";
import { nseOf, type SparsePattern } from "./pattern.ts";
import { takeOr } from "./rows.ts";
import { readByGeometry, readGeometry, type WindowGeometry } from "./window_geometry.ts";

/** What a kernel map depends on besides the patterns. Padding and dilation are part of it, as of the cache's key. */
export interface KernelMapOptions extends WindowOptions {
  /** Pixels of one cell of the input on each axis; single pixels by default. */
  readonly blockShape?: readonly number[];
  /** Taps: one number, or one for each axis. */
  readonly kernel: number | readonly number[];
}

/** A kernel map between `N` input and `M` output rows (pixels of active blocks, block after block) with `T` taps. */
export interface KernelMap {
  /** int32 `[M, T]`: the input row that output m reads through tap t, or -1. Taps in raster order. */
  readonly map: Tensor;
  /** int32 `[N, T]`: the output row that reads input n through tap t, or -1. */
  readonly inverse: Tensor;
  /** bool `[M, T]`: true where the tap lies outside the image, so that it is not merely inactive. */
  readonly outside: Tensor;
  /** Pixels of one cell of the output, on each axis. */
  readonly outBlockShape: readonly number[];
}

/** Block of the output and how many input cells an output cell spans, on each axis. */
export interface OutputBlocks {
  readonly outBlockShape: readonly number[];
  readonly step: readonly number[];
}

/** Blocks shrink by the stride where it divides them; single pixels move apart instead. Throws for all else. */
export function outputBlocks(
  operation: string,
  blockShape: readonly number[],
  stride: readonly number[],
): OutputBlocks {
  if (blockShape.some((pixels, axis) => pixels % stride[axis]! !== 0 && pixels !== 1)) {
    throw new ShapeError(operation, `the blocks must divide by the stride [${stride}], or be single pixels`, [
      blockShape,
    ]);
  }
  const divides = blockShape.map((pixels, axis) => pixels % stride[axis]! === 0);
  return {
    outBlockShape: blockShape.map((pixels, axis) => divides[axis] ? pixels / stride[axis]! : 1),
    step: stride.map((step, axis) => divides[axis] ? 1 : step),
  };
}

/**
 * Computes the kernel map of a convolution or pooling from one pattern to another: output pixel u reads input pixel
 * `stride · u - padding + dilation · tap` where that is active.
 *
 * @param input Pattern of the input.
 * @param output Pattern of the output: the same for convolutions that keep the pattern.
 * @param options Block of the input, kernel, stride, padding, dilation.
 * @returns The map. It is computed once for two patterns and equal options.
 * @throws {ShapeError} If the stride does not divide the blocks, or the output of the dense operation is not as large as
 * the output pattern's grid: then a pattern would not tell its coordinates.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { kernelMap, patternFromIndices } from "@tessera/tessera/sparse";
 *
 * const pattern = patternFromIndices([[0, 0, 0], [0, 0, 1]], [1, 1, 3]);
 * const { map } = kernelMap(pattern, pattern, { kernel: [1, 3], padding: [[0, 0], [1, 1]] });
 * deepStrictEqual(await map.data(), new Int32Array([-1, 0, 1, 0, 1, -1]));
 * ```
 */
export function kernelMap(input: SparsePattern, output: SparsePattern, options: KernelMapOptions): KernelMap {
  requireOptions("kernelMap", options, { blockShape: true, kernel: true, stride: true, padding: true, dilation: true });
  const { kernel, blockShape = input.gridShape.slice(1).fill(1), ...settings } = options;
  const window = convWindow("make a kernel map", kernel, settings, imageSize(input, blockShape));
  return mapOfWindow("make a kernel map", input, output, blockShape, window);
}

/** `kernelMap` with checked options, for operations that name themselves in errors. */
export function mapOfWindow(
  operation: string,
  input: SparsePattern,
  output: SparsePattern,
  blockShape: readonly number[],
  window: ConvWindow,
): KernelMap {
  const blocks = outputBlocks(operation, blockShape, window.stride);
  checkOutputGrid(operation, imageSize(input, blockShape), output, blocks, window, input.gridShape);
  return derived(input, output, ["map", blockShape, window], () => makeMap(input, output, blockShape, window, blocks));
}

/** Sizes of the image in pixels. */
export function imageSize(
  { gridShape }: Pick<SparsePattern, "gridShape">,
  blockShape: readonly number[],
): readonly number[] {
  return blockShape.map((pixels, axis) => gridShape[axis + 1]! * pixels);
}

function checkOutputGrid(
  operation: string,
  size: readonly number[],
  output: SparsePattern,
  { outBlockShape }: OutputBlocks,
  window: ConvWindow,
  inputGrid: Shape,
): void {
  const dense = denseOutputSize(operation, size, window);
  const kept = imageSize(output, outBlockShape);
  if (sameShape(dense, kept) && output.gridShape.length === inputGrid.length && output.gridShape[0] === inputGrid[0]) {
    return;
  }
  throw new ShapeError(
    operation,
    `the dense output, ${dense.join(" by ")} pixels, must be as large as the output pattern's, ${kept.join(" by ")}, ` +
      "for as many images: choose the padding, or give outputPattern",
    [inputGrid, output.gridShape],
  );
}

function makeMap(
  input: SparsePattern,
  output: SparsePattern,
  blockShape: readonly number[],
  window: ConvWindow,
  { outBlockShape, step }: OutputBlocks,
): KernelMap {
  const taps = sizeOf(window.kernel);
  const read = readGeometry(window, blockShape, outBlockShape);
  const cells = cellTable(input, output, { step, low: read.low, high: read.high });
  const map = rowsOf(cells, read, blockShape, taps);
  const outside = reshape(takeOr(equal(cells, OUTSIDE), tensor(read.slots), { axis: 1 }), map.shape);
  if (step.some((cells) => cells > 1)) {
    return { map, inverse: invert(map, nseOf(input) * sizeOf(blockShape)), outside, outBlockShape };
  }
  const readBy = readByGeometry(window, blockShape, outBlockShape);
  const readers = cellTable(output, input, { step, low: readBy.low, high: readBy.high });
  return { map, inverse: rowsOf(readers, readBy, outBlockShape, taps), outside, outBlockShape };
}

/** Less than any row number can bring back above zero. */
const FAR_BELOW = -(2 ** 30);

/** Rows of pixels from rows of cells `[P, window]`: int32 `[P · pixels, T]`, -1 where there is no cell. */
function rowsOf(cells: Tensor, { slots, pixels }: WindowGeometry, block: readonly number[], taps: number): Tensor {
  // Absence is encoded in the small table, so that the large one is one fused chain.
  const first = where(greaterEqual(cells, 0), mul(cells, sizeOf(block)), FAR_BELOW); // [P, window]
  const row = add(takeOr(first, tensor(slots), { axis: 1, fill: FAR_BELOW }), tensor(pixels)); // [P, pixels · T]
  return reshape(maximum(row, -1), [(cells.shape[0]! * slots.length) / taps, taps]);
}

/** The inverse of any map `[M, T]` whose taps are injective, int32 `[rows, T]`. */
function invert(map: Tensor, rows: number): Tensor {
  const [count, taps] = map.shape as [number, number];
  const places = where(greaterEqual(map, 0), add(mul(map, taps), arange(taps)), -1);
  const outputs = broadcastTo(reshape(add(arange(count), 1), [count, 1]), [count, taps]); // m + 1 in every column
  const sums = scatterAdd(reshape(outputs, [count * taps]), reshape(places, [count * taps]), {
    size: rows * taps,
    wrapNegativeIndices: false,
  });
  return sub(reshape(sums, [rows, taps]), 1);
}
