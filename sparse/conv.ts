import { add, type ConvOptions, matmul, reshape, ShapeError, sizeOf, slice, type Tensor } from "../tensor/core.ts";
import { kernelMapConv, type OptionNames, requireOptions, requireTensor, sameShape } from "../tensor/parts.ts";
import { type ConvWindow, convWindow } from "./conv_window.ts";
import { imageSize, mapOfWindow } from "./kernel_map.ts";
import { type OutputPattern, outputPatternOf } from "./output_pattern.ts";
import { axesOf, nseOf, samePattern, type SparsePattern } from "./pattern.ts";
import { requireAxes, requireSparse, type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** Settings of a sparse convolution: those of the dense one, and what only a sparse one has. */
export interface SparseConvOptions extends ConvOptions {
  /** `[Cout]`, added at active sites. */
  readonly bias?: Tensor;
  /** Where to compute; see `conv`. */
  readonly outputPattern?: OutputPattern;
}

/** Names of SparseConvOptions. */
export const SPARSE_CONV_OPTIONS: OptionNames<SparseConvOptions> = {
  bias: true,
  outputPattern: true,
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
};

/**
 * Convolves a sparse tensor on 1, 2 or 3 axes; the result is the dense convolution of `toDense(x)`, bias included, at the
 * sites of the output pattern, and nothing elsewhere.
 *
 * Without `outputPattern` the output stays on the pattern of `x`: a submanifold convolution at stride 1; at larger
 * strides the blocks shrink, as SparK's masks do. Single pixels whose stride does not divide them move to the sites
 * `floor(c / stride)`. A pattern computes the sites it names, `"complete"` all that read an active site.
 *
 * @param x Sparse tensor with Cin channels.
 * @param w Weights `[...kernel, Cin / groups, Cout]`, one size of the kernel for each axis of the grid.
 * @param options Stride, padding, dilation, groups, bias, output pattern.
 * @returns Sparse tensor with Cout channels.
 * @throws {ShapeError} If channels do not fit, the stride does not divide the blocks, or the dense output is not as
 * large as the output pattern's grid: the padding is then not what was meant.
 * @throws {TypeError} If output sites depend on coordinates that are not on the host, or an option is unknown.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const pattern = patternFromIndices([[0, 0, 0, 0], [0, 1, 1, 1]], [1, 3, 3, 3]); // two voxels
 * const x = sparseTensor(pattern, [1, 1, 1], ones([2, 1, 1, 1, 1]));
 * const y = conv(x, ones([3, 3, 3, 1, 8]), { padding: 1 });
 * deepStrictEqual((await y.values.data())[0], 2); // each sees the other
 * ```
 */
export function conv(x: SparseTensor, w: Tensor, options: SparseConvOptions = {}): SparseTensor {
  requireOptions("conv", options, SPARSE_CONV_OPTIONS);
  requireSparse("conv", "x", x);
  return convolve("conv", x, w, options);
}

/**
 * Convolves a sparse tensor on two axes: `conv` of images.
 *
 * @param x Sparse tensor with Cin channels.
 * @param w Weights `[kh, kw, Cin / groups, Cout]`.
 * @param options As of `conv`.
 * @returns Sparse tensor with Cout channels.
 * @throws {ShapeError} As `conv`, or if `x` has not two axes.
 * @throws {TypeError} As `conv`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv2d, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const pattern = patternFromIndices([[0, 0, 0], [0, 1, 1]], [1, 3, 3]);
 * const x = sparseTensor(pattern, [1, 1], ones([2, 1, 1, 1]));
 * deepStrictEqual(conv2d(x, ones([3, 3, 1, 8]), { padding: 1 }).values.shape, [2, 1, 1, 8]);
 * ```
 */
export function conv2d(x: SparseTensor, w: Tensor, options: SparseConvOptions = {}): SparseTensor {
  requireOptions("conv2d", options, SPARSE_CONV_OPTIONS);
  requireSparse("conv2d", "x", x);
  requireAxes("conv2d", x, 2);
  return convolve("conv2d", x, w, options);
}

function convolve(operation: string, x: SparseTensor, w: Tensor, options: SparseConvOptions): SparseTensor {
  requireTensor(operation, "w", w);
  const { groups = 1, bias, outputPattern, ...settings } = options;
  checkChannels(operation, x, w, groups, bias);
  const window = convWindow(operation, w.shape.slice(0, -2), settings, imageSize(x.pattern, x.blockShape));
  const output = outputPatternOf(operation, x.pattern, x.blockShape, window, outputPattern);
  const y = isPointwise(window, groups) && samePattern(output, x.pattern) &&
      x.blockShape.every((size, axis) => size % window.stride[axis]! === 0)
    ? pointwise(x, w, window.stride)
    : byMap(operation, x, w, { window, output, groups });
  return bias ? { ...y, values: add(y.values, bias) } : y;
}

function checkChannels(operation: string, x: SparseTensor, w: Tensor, groups: number, bias: Tensor | undefined): void {
  const channels = x.values.shape.at(-1)!;
  const [share, count] = w.shape.slice(-2);
  const fits = w.shape.length === axesOf(x.pattern) + 2 && Number.isInteger(groups) && groups >= 1 &&
    share! * groups === channels && count! % groups === 0;
  if (!fits) {
    const kernel = ["k", "kh, kw", "kd, kh, kw"][axesOf(x.pattern) - 1];
    const wanted = `[${kernel}, ${channels} / groups, Cout]`;
    throw new ShapeError(operation, `weights must be ${wanted} for groups = ${groups}`, [x.values.shape, w.shape]);
  }
  if (bias && !sameShape(bias.shape, [count!])) {
    throw new ShapeError(operation, "the bias must have one number per output channel", [bias.shape, w.shape]);
  }
}

function isPointwise({ kernel, padding }: ConvWindow, groups: number): boolean {
  return groups === 1 && kernel.every((taps) => taps === 1) && padding.flat().every((zeros) => zeros === 0);
}

/** A convolution with one tap is a matrix product of the pixels it reads. */
function pointwise(x: SparseTensor, w: Tensor, stride: readonly number[]): SparseTensor {
  const [cin, cout] = w.shape.slice(-2) as [number, number];
  const read = sizeOf(stride) === 1
    ? x.values
    : slice(x.values, { start: x.values.shape.map(() => 0), step: [1, ...stride, 1] });
  const sites = read.shape.slice(0, -1); // [P, ...block]
  const product = matmul(reshape(read, [sizeOf(sites), cin]), reshape(w, [cin, cout]));
  return sparseTensor(x.pattern, sites.slice(1), reshape(product, [...sites, cout]));
}

function byMap(
  operation: string,
  x: SparseTensor,
  w: Tensor,
  { window, output, groups }: { readonly window: ConvWindow; readonly output: SparsePattern; readonly groups: number },
): SparseTensor {
  const maps = mapOfWindow(operation, x.pattern, output, x.blockShape, window);
  const [cinPerGroup, cout] = w.shape.slice(-2) as [number, number];
  const pixels = reshape(x.values, [sizeOf(x.values.shape.slice(0, -1)), x.values.shape.at(-1)!]);
  const y = kernelMapConv(pixels, reshape(w, [sizeOf(window.kernel), cinPerGroup, cout]), maps, { groups });
  return sparseTensor(output, maps.outBlockShape, reshape(y, [nseOf(output), ...maps.outBlockShape, cout]));
}
