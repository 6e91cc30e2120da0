/** @file Convolutions of lines, images and volumes as users call them, and their transposes. */
import { requireOptions, ShapeError } from "../errors.ts";
import { conv, convTranspose, requireImages } from "../primitives/convolution.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { CONV_OPTIONS, type ConvOptions, convParams, onEach } from "./conv_options.ts";

/** Refuses operands that are no images and weights of so many axes, and options that are none. */
function requireOperands(
  operation: string,
  rank: number,
  [x, w]: readonly [Tensor, Tensor],
  options: ConvOptions,
): void {
  requireOptions(operation, options, CONV_OPTIONS);
  requireTensor(operation, "x", x);
  requireTensor(operation, "w", w);
  requireImages(operation, rank, x, w);
}

function convolve(rank: number, x: Tensor, w: Tensor, options: ConvOptions): Tensor {
  const operation = `conv${rank}d`;
  requireOperands(operation, rank, [x, w], options);
  return conv(x, w, convParams(operation, rank, options, { size: x.shape.slice(1, -1), kernel: w.shape }));
}

function transposed(rank: number, x: Tensor, w: Tensor, options: ConvOptions): Tensor {
  const operation = `convTranspose${rank}d`;
  requireOperands(operation, rank, [x, w], options);
  if (x.shape.at(-1) !== w.shape.at(-1)) {
    throw new ShapeError(operation, "images must have as many channels as the last size of the weights", [
      x.shape,
      w.shape,
    ]);
  }
  const given = x.shape.slice(1, -1);
  const stretched = (stride: readonly number[]) => given.map((n, axis) => n * stride[axis]!);
  if (options.padding === "SAME") {
    const size = stretched(onEach(operation, "stride", options.stride ?? 1, rank));
    return convTranspose(x, w, convParams(operation, rank, options, { size, kernel: w.shape }), size);
  }
  const params = convParams(operation, rank, options);
  const { stride, padding, dilation } = params;
  const size = given.map((n, axis) =>
    (n - 1) * stride[axis]! - padding[axis]![0] - padding[axis]![1] + dilation[axis]! * (w.shape[axis]! - 1) + 1
  );
  return convTranspose(x, w, params, size);
}

/**
 * Convolves lines, such as sound (cross-correlation, as every deep-learning library).
 *
 * @param x Lines `[B, L, Cin]`.
 * @param w Weights `[k, Cin / groups, Cout]`.
 * @param options Stride, padding, dilation, groups.
 * @returns `[B, Lo, Cout]` with `Lo = floor((L + before + after - dilation (k - 1) - 1) / stride) + 1`.
 * @throws {ShapeError} If channels do not fit, or the window is larger than the padded line.
 * @throws {RangeError} If a setting is not whole or too small.
 * @throws {TypeError} If operands are not of one floating dtype.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv1d, tensor } from "@tessera/tessera/tensor";
 *
 * const difference = conv1d(tensor([[[1], [4], [9]]]), tensor([[[-1]], [[1]]]));
 * deepStrictEqual(await difference.data(), new Float32Array([3, 5]));
 * ```
 */
export function conv1d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return convolve(1, x, w, options);
}

/**
 * Convolves images (cross-correlation, as every deep-learning library).
 *
 * @param x Images `[B, H, W, Cin]`.
 * @param w Weights `[kh, kw, Cin / groups, Cout]`.
 * @param options Stride, padding, dilation, groups.
 * @returns `[B, Ho, Wo, Cout]` with `Ho = floor((H + top + bottom - dilation (kh - 1) - 1) / stride) + 1`.
 * @throws {ShapeError} If channels do not fit, or the window is larger than the padded image.
 * @throws {RangeError} If a setting is not whole or too small.
 * @throws {TypeError} If operands are not of one floating dtype.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv2d, ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(conv2d(ones([1, 8, 8, 3]), ones([3, 3, 3, 16]), { stride: 2, padding: 1 }).shape, [1, 4, 4, 16]);
 * ```
 */
export function conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return convolve(2, x, w, options);
}

/**
 * Convolves volumes, such as scans or videos (cross-correlation, as every deep-learning library).
 *
 * @param x Volumes `[B, D, H, W, Cin]`.
 * @param w Weights `[kd, kh, kw, Cin / groups, Cout]`.
 * @param options Stride, padding, dilation, groups.
 * @returns `[B, Do, Ho, Wo, Cout]`, each size as that of `conv2d`.
 * @throws {ShapeError} If channels do not fit, or the window is larger than the padded volume.
 * @throws {RangeError} If a setting is not whole or too small.
 * @throws {TypeError} If operands are not of one floating dtype.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv3d, ones } from "@tessera/tessera/tensor";
 *
 * const features = conv3d(ones([1, 4, 8, 8, 3]), ones([3, 3, 3, 3, 16]), { stride: [1, 2, 2], padding: "SAME" });
 * deepStrictEqual(features.shape, [1, 4, 4, 4, 16]);
 * ```
 */
export function conv3d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return convolve(3, x, w, options);
}

/**
 * Transposed convolution of lines: the input gradient of a convolution with weight `w`.
 *
 * @param x Lines `[B, l, Cin]`.
 * @param w Weights `[k, Cout / groups, Cin]`: those of the convolution whose gradient this is.
 * @param options Stride, padding, dilation, groups of that convolution. `"SAME"` makes the result `l · stride` long.
 * @returns `[B, L, Cout]` with `L = (l - 1) stride - before - after + dilation (k - 1) + 1`.
 * @throws {ShapeError} If channels do not fit.
 * @throws {RangeError} If a setting is not whole or too small.
 * @throws {TypeError} If operands are not of one floating dtype.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { convTranspose1d, tensor } from "@tessera/tessera/tensor";
 *
 * const spread = convTranspose1d(tensor([[[1], [2]]]), tensor([[[1]], [[10]]]), { stride: 2 });
 * deepStrictEqual(await spread.data(), new Float32Array([1, 10, 2, 20]));
 * ```
 */
export function convTranspose1d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return transposed(1, x, w, options);
}

/**
 * Transposed convolution: the input gradient of a convolution with weight `w`.
 *
 * @param x Images `[B, h, w, Cin]`.
 * @param w Weights `[kh, kw, Cout / groups, Cin]`: those of the convolution whose gradient this is.
 * @param options Stride, padding, dilation, groups of that convolution. `"SAME"` makes the result `h · stride` high.
 * @returns `[B, H, W, Cout]` with `H = (h - 1) stride - top - bottom + dilation (kh - 1) + 1`.
 * @throws {ShapeError} If channels do not fit.
 * @throws {RangeError} If a setting is not whole or too small.
 * @throws {TypeError} If operands are not of one floating dtype.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { convTranspose2d, ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(convTranspose2d(ones([1, 7, 7, 8]), ones([4, 4, 6, 8]), { stride: 2, padding: 1 }).shape, [1, 14, 14, 6]);
 * ```
 */
export function convTranspose2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return transposed(2, x, w, options);
}

/**
 * Transposed convolution of volumes: the input gradient of a convolution with weight `w`.
 *
 * @param x Volumes `[B, d, h, w, Cin]`.
 * @param w Weights `[kd, kh, kw, Cout / groups, Cin]`: those of the convolution whose gradient this is.
 * @param options Stride, padding, dilation, groups of that convolution. `"SAME"` makes the result `stride` times as large.
 * @returns `[B, D, H, W, Cout]`, each size as that of `convTranspose2d`.
 * @throws {ShapeError} If channels do not fit.
 * @throws {RangeError} If a setting is not whole or too small.
 * @throws {TypeError} If operands are not of one floating dtype.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { convTranspose3d, ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(convTranspose3d(ones([1, 2, 3, 3, 8]), ones([2, 2, 2, 6, 8]), { stride: 2 }).shape, [1, 4, 6, 6, 6]);
 * ```
 */
export function convTranspose3d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return transposed(3, x, w, options);
}
