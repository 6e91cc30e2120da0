/** @file Convolution of images and its two gradients. They are closed under differentiation, so they share a file. */
import type { ConvInputGradientParams, ConvParams, ConvWeightGradientParams } from "../contraction/conv_params.ts";
import { conv2dWat } from "../devices/cpu/contraction/conv2d.ts";
import { conv2dInputGradientWat } from "../devices/cpu/contraction/conv2d_input_gradient.ts";
import { conv2dWeightGradientWat } from "../devices/cpu/contraction/conv2d_weight_gradient.ts";
import { ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { type Shape, sizeOf, type TensorSpec } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { conv2dWgsl } from "../devices/webgpu/contraction/conv2d.ts";
import { conv2dInputGradientWgsl } from "../devices/webgpu/contraction/conv2d_input_gradient.ts";
import { conv2dWeightGradientWgsl } from "../devices/webgpu/contraction/conv2d_weight_gradient.ts";
import { requireFloating } from "./operands.ts";

/** Output size of one axis. */
function outputSize(
  input: number,
  kernel: number,
  stride: number,
  padding: readonly [number, number],
  dilation: number,
): number {
  return Math.floor((input + padding[0] + padding[1] - dilation * (kernel - 1) - 1) / stride) + 1;
}

function outputSizes(
  input: readonly number[],
  kernel: readonly number[],
  { stride, padding, dilation }: ConvParams,
): [number, number] {
  const at = (axis: 0 | 1) => outputSize(input[axis]!, kernel[axis]!, stride[axis], padding[axis], dilation[axis]);
  return [at(0), at(1)];
}

/**
 * Calls `visit` for every multiplication of a convolution: flat positions in x, w and y. The definition, from which
 * the three references follow.
 */
function eachProduct(
  x: Shape,
  w: Shape,
  y: Shape,
  params: ConvParams,
  visit: (x: number, w: number, y: number) => void,
): void {
  const [, H, W, C] = x as [number, number, number, number];
  const [kh, kw, cinPerGroup, cout] = w as [number, number, number, number];
  const [B, Ho, Wo] = y as [number, number, number, number];
  const { stride, padding, dilation, groups } = params;
  for (let b = 0; b < B; b++) {
    for (let oy = 0; oy < Ho; oy++) {
      for (let ox = 0; ox < Wo; ox++) {
        for (let ky = 0; ky < kh; ky++) {
          const iy = oy * stride[0] - padding[0][0] + ky * dilation[0];
          if (iy < 0 || iy >= H) continue;
          for (let kx = 0; kx < kw; kx++) {
            const ix = ox * stride[1] - padding[1][0] + kx * dilation[1];
            if (ix < 0 || ix >= W) continue;
            for (let ci = 0; ci < cinPerGroup; ci++) {
              for (let co = 0; co < cout; co++) {
                const group = Math.floor(co / (cout / groups));
                visit(
                  ((b * H + iy) * W + ix) * C + group * cinPerGroup + ci,
                  ((ky * kw + kx) * cinPerGroup + ci) * cout + co,
                  ((b * Ho + oy) * Wo + ox) * cout + co,
                );
              }
            }
          }
        }
      }
    }
  }
}

/** True for kernels of one tap. */
function isPixel([kh, kw]: readonly number[]): boolean {
  return kh === 1 && kw === 1;
}

/** Operations of a convolution and of both its gradients, padding included: a multiply-add for each tap of each output. */
function convFlops(w: Shape, y: Shape): number {
  return 2 * sizeOf(w.slice(0, 3)) * sizeOf(y);
}

function requireGroups(x: TensorSpec, w: TensorSpec, groups: number, channels: number): void {
  const [, , cinPerGroup, cout] = w.shape;
  if (channels === cinPerGroup! * groups && cout! % groups === 0) return;
  throw new ShapeError(
    "conv2d",
    `channels must be groups (${groups}) times the weight's third size, and groups must divide the fourth`,
    [
      x.shape,
      w.shape,
    ],
  );
}

function requireImages(operation: string, ...specs: readonly TensorSpec[]): void {
  requireFloating(operation, specs);
  if (specs.every(({ shape }) => shape.length === 4)) return;
  throw new ShapeError(
    operation,
    "images must be [B, H, W, C] and weights [kh, kw, Cin / groups, Cout]",
    specs.map(({ shape }) => shape),
  );
}

const CONV2D: Primitive<ConvParams> = {
  name: "conv2d",
  shapeRule: ([x, w], params) => {
    requireImages("conv2d", x!, w!);
    requireGroups(x!, w!, params.groups, x!.shape[3]!);
    const size = outputSizes(x!.shape.slice(1, 3), w!.shape, params);
    if (size.some((n) => n < 1)) {
      throw new ShapeError("conv2d", "the window must fit into the padded image", [x!.shape, w!.shape]);
    }
    return { shape: [x!.shape[0]!, ...size, w!.shape[3]!], dtype: x!.dtype };
  },
  reference: ([x, w], params, { shape }) => {
    const y = new Float64Array(sizeOf(shape));
    eachProduct(x!.shape, w!.shape, shape, params, (i, j, k) => y[k]! += x!.data[i]! * w!.data[j]!);
    return y;
  },
  vjpRule: (ct, { inputs: [x, w] }, params) => [
    bind(CONV2D_INPUT_GRADIENT, [ct, w!], { ...params, inputSize: [x!.shape[1]!, x!.shape[2]!] }),
    bind(CONV2D_WEIGHT_GRADIENT, [x!, ct], { ...params, kernelSize: [w!.shape[0]!, w!.shape[1]!] }),
  ],
  lowering: {
    kind: "kernel",
    finishes: true,
    computes: ({ groups }, [, w]) => groups === 1 && isPixel(w!.shape) ? [0] : [],
    flops: ([, w], y) => convFlops(w!.shape, y.shape),
    wat: conv2dWat,
    wgsl: conv2dWgsl,
  },
};

const CONV2D_INPUT_GRADIENT: Primitive<ConvInputGradientParams> = {
  name: "conv2dInputGradient",
  shapeRule: ([dy, w], params) => {
    requireImages("conv2dInputGradient", dy!, w!);
    const size = outputSizes(params.inputSize, w!.shape, params);
    if (dy!.shape[3] !== w!.shape[3] || size[0] !== dy!.shape[1] || size[1] !== dy!.shape[2]) {
      throw new ShapeError(
        "conv2dInputGradient",
        `the cotangent must be [B, ${size}, Cout] for inputs of ${params.inputSize}`,
        [dy!.shape, w!.shape],
      );
    }
    return { shape: [dy!.shape[0]!, ...params.inputSize, w!.shape[2]! * params.groups], dtype: dy!.dtype };
  },
  reference: ([dy, w], params, { shape }) => {
    const dx = new Float64Array(sizeOf(shape));
    eachProduct(shape, w!.shape, dy!.shape, params, (i, j, k) => dx[i]! += dy!.data[k]! * w!.data[j]!);
    return dx;
  },
  vjpRule: (ct, { inputs: [dy, w] }, { inputSize: _, ...params }) => [
    bind(CONV2D, [ct, w!], params),
    bind(CONV2D_WEIGHT_GRADIENT, [ct, dy!], { ...params, kernelSize: [w!.shape[0]!, w!.shape[1]!] }),
  ],
  lowering: {
    kind: "kernel",
    finishes: true,
    computes: ({ groups }, [, w]) => groups === 1 && isPixel(w!.shape) ? [0] : [],
    flops: ([dy, w]) => convFlops(w!.shape, dy!.shape),
    wat: conv2dInputGradientWat,
    wgsl: conv2dInputGradientWgsl,
  },
};

const CONV2D_WEIGHT_GRADIENT: Primitive<ConvWeightGradientParams> = {
  name: "conv2dWeightGradient",
  shapeRule: ([x, dy], params) => {
    requireImages("conv2dWeightGradient", x!, dy!);
    const size = outputSizes(x!.shape.slice(1, 3), params.kernelSize, params);
    if (x!.shape[0] !== dy!.shape[0] || size[0] !== dy!.shape[1] || size[1] !== dy!.shape[2]) {
      throw new ShapeError("conv2dWeightGradient", `the cotangent must be [B, ${size}, Cout]`, [x!.shape, dy!.shape]);
    }
    return { shape: [...params.kernelSize, x!.shape[3]! / params.groups, dy!.shape[3]!], dtype: x!.dtype };
  },
  reference: ([x, dy], params, { shape }) => {
    const dw = new Float64Array(sizeOf(shape));
    eachProduct(x!.shape, shape, dy!.shape, params, (i, j, k) => dw[j]! += x!.data[i]! * dy!.data[k]!);
    return dw;
  },
  vjpRule: (ct, { inputs: [x, dy] }, { kernelSize: _, ...params }) => [
    bind(CONV2D_INPUT_GRADIENT, [dy!, ct], { ...params, inputSize: [x!.shape[1]!, x!.shape[2]!] }),
    bind(CONV2D, [x!, ct], params),
  ],
  lowering: {
    kind: "kernel",
    computes: ({ groups, kernelSize }) => groups === 1 && isPixel(kernelSize) ? [0, 1] : [],
    flops: ([, dy], w) => convFlops(w.shape, dy!.shape),
    wat: conv2dWeightGradientWat,
    wgsl: conv2dWeightGradientWgsl,
  },
};

/** Settings of a convolution as callers write them. */
export interface Conv2dOptions {
  /** Pixels between neighbouring windows, one number or `[y, x]`. 1 by default. */
  readonly stride?: number | readonly [number, number];
  /** Zeros around the image: one number, or `[[top, bottom], [left, right]]`. 0 by default. */
  readonly padding?: number | readonly [readonly [number, number], readonly [number, number]];
  /** Pixels between neighbouring taps, one number or `[y, x]`. 1 by default. */
  readonly dilation?: number | readonly [number, number];
  /** Number of groups; as many as channels makes the convolution depthwise. 1 by default. */
  readonly groups?: number;
}

/** Options with every default filled in; throws for values out of range. */
export function convParams(
  operation: string,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv2dOptions,
): ConvParams {
  const pair = (name: string, value: number | readonly [number, number]): readonly [number, number] => {
    const both: readonly [number, number] = typeof value === "number" ? [value, value] : value;
    if (both.every((n) => Number.isInteger(n) && n >= 1)) return both;
    throw new RangeError(`Cannot ${operation} as ${name} must be whole and at least 1: current ${name} is ${value}`);
  };
  const widths = typeof padding === "number" ? [[padding, padding], [padding, padding]] as const : padding;
  if (!widths.flat().every((n) => Number.isInteger(n) && n >= 0)) {
    throw new RangeError(
      `Cannot ${operation} as padding must be whole and not negative: current padding is ${padding}`,
    );
  }
  return {
    stride: pair("stride", stride),
    padding: widths,
    dilation: pair("dilation", dilation),
    groups: pair("groups", groups)[0],
  };
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
export function conv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  return bind(CONV2D, [x, w], convParams("conv2d", options));
}

/**
 * Transposed convolution: the input gradient of a convolution with weight `w`.
 *
 * @param x Images `[B, h, w, Cin]`.
 * @param w Weights `[kh, kw, Cout / groups, Cin]`: those of the convolution whose gradient this is.
 * @param options Stride, padding, dilation, groups of that convolution.
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
export function convTranspose2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  requireImages("convTranspose2d", x, w);
  const params = convParams("convTranspose2d", options);
  const { stride, padding, dilation } = params;
  const size = (axis: 0 | 1) =>
    (x.shape[axis + 1]! - 1) * stride[axis] - padding[axis][0] - padding[axis][1] +
    dilation[axis] * (w.shape[axis]! - 1) + 1;
  return bind(CONV2D_INPUT_GRADIENT, [x, w], { ...params, inputSize: [size(0), size(1)] });
}
