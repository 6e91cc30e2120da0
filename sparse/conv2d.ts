import { add, kernelMapConv, matmul, reshape, ShapeError, slice, type Tensor } from "../tensor/mod.ts";
import { checkOptions, type ConvWindow, convWindow, type Pair } from "./conv_window.ts";
import { mapOfWindow } from "./kernel_map.ts";
import { type OutputPattern, outputPatternOf } from "./output_pattern.ts";
import { nseOf, samePattern, type SparsePattern } from "./pattern.ts";
import { type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** Settings of a sparse convolution. */
export interface SparseConv2dOptions {
  /** Pixels between neighbouring windows, one number or `[y, x]`; 1 by default. */
  readonly stride?: number | Pair;
  /** Zeros around the image, one number or `[[top, bottom], [left, right]]`; 0 by default. */
  readonly padding?: number | readonly [Pair, Pair];
  /** Pixels between neighbouring taps, one number or `[y, x]`; 1 by default. */
  readonly dilation?: number | Pair;
  /** Number of groups; as many as channels makes the convolution depthwise. 1 by default. */
  readonly groups?: number;
  /** `[Cout]`, added at active sites. */
  readonly bias?: Tensor;
  /** Where to compute; see `conv2d`. */
  readonly outputPattern?: OutputPattern;
}

/**
 * Convolves a sparse tensor; the result is the dense convolution of `toDense(x)`, bias included, at the sites of the
 * output pattern, and nothing elsewhere.
 *
 * Without `outputPattern` the output stays on the pattern of `x`: a submanifold convolution at stride 1; at larger
 * strides the blocks shrink, as SparK's masks do. Single pixels whose stride does not divide them move to the sites
 * `floor(c / stride)`. A pattern computes the sites it names, `"complete"` all that read an active site.
 *
 * @param x Sparse tensor with Cin channels.
 * @param w Weights `[kh, kw, Cin / groups, Cout]`.
 * @param options Stride, padding, dilation, groups, bias, output pattern.
 * @returns Sparse tensor with Cout channels.
 * @throws {ShapeError} If channels do not fit, the stride does not divide the blocks, or the dense output is not as
 * large as the output pattern's grid: the padding is then not what was meant.
 * @throws {TypeError} If output sites depend on coordinates that are not on the host, or an option is unknown.
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
export function conv2d(x: SparseTensor, w: Tensor, options: SparseConv2dOptions = {}): SparseTensor {
  checkOptions("conv2d", options, ["stride", "padding", "dilation", "groups", "bias", "outputPattern"]);
  const { groups = 1, bias } = options;
  checkChannels(x, w, groups, bias);
  const window = convWindow("conv2d", [w.shape[0]!, w.shape[1]!], options);
  const output = outputPatternOf("conv2d", x.pattern, x.blockShape, window, options.outputPattern);
  const y = isPointwise(window, groups) && samePattern(output, x.pattern) &&
      x.blockShape.every((size, axis) => size % window.stride[axis]! === 0)
    ? pointwise(x, w, window.stride)
    : byMap(x, w, { window, output, groups });
  return bias ? { ...y, values: add(y.values, bias) } : y;
}

function checkChannels(x: SparseTensor, w: Tensor, groups: number, bias: Tensor | undefined): void {
  const channels = x.values.shape[3]!;
  const fits = w.shape.length === 4 && Number.isInteger(groups) && groups >= 1 && w.shape[2]! * groups === channels &&
    w.shape[3]! % groups === 0;
  if (!fits) {
    throw new ShapeError("conv2d", `weights must be [kh, kw, ${channels} / groups, Cout] for groups = ${groups}`, [
      x.values.shape,
      w.shape,
    ]);
  }
  if (bias && bias.shape.join() !== `${w.shape[3]}`) {
    throw new ShapeError("conv2d", "the bias must have one number per output channel", [bias.shape, w.shape]);
  }
}

function isPointwise({ kernel, padding }: ConvWindow, groups: number): boolean {
  return groups === 1 && [...kernel, ...padding.flat().map((n) => n + 1)].every((n) => n === 1);
}

/** A 1 × 1 convolution is a matrix product of the pixels it reads. */
function pointwise(x: SparseTensor, w: Tensor, stride: Pair): SparseTensor {
  const [cin, cout] = w.shape.slice(2) as [number, number];
  const read = stride[0] * stride[1] === 1
    ? x.values
    : slice(x.values, { start: [0, 0, 0, 0], step: [1, stride[0], stride[1], 1] });
  const [rows, h, width] = read.shape as [number, number, number];
  const product = matmul(reshape(read, [rows * h * width, cin]), reshape(w, [cin, cout]));
  return sparseTensor(x.pattern, [h, width], reshape(product, [rows, h, width, cout]));
}

function byMap(
  x: SparseTensor,
  w: Tensor,
  { window, output, groups }: { readonly window: ConvWindow; readonly output: SparsePattern; readonly groups: number },
): SparseTensor {
  const maps = mapOfWindow("conv2d", x.pattern, output, x.blockShape, window);
  const [kh, kw, cinPerGroup, cout] = w.shape as [number, number, number, number];
  const [rows, h, width, cin] = x.values.shape as [number, number, number, number];
  const pixels = reshape(x.values, [rows * h * width, cin]);
  const y = kernelMapConv(pixels, reshape(w, [kh * kw, cinPerGroup, cout]), maps, { groups });
  return sparseTensor(output, maps.outBlockShape, reshape(y, [nseOf(output), ...maps.outBlockShape, cout]));
}
