/** @file Convolution over any number of axes and its two gradients. They are closed under differentiation, so they share a file. */
import type { ConvolutionPart } from "../contraction/contraction.ts";
import { convolutionOf, convolutionPart, type ConvParams } from "../contraction/convolution.ts";
import { windowCount } from "../contraction/window_axis.ts";
import { ShapeError } from "../errors.ts";
import type { Lowering, Primitive } from "../primitive.ts";
import { type Shape, sizeOf, type TensorSpec } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { channelsRule } from "./batching/channels.ts";
import { requireFloating } from "./operands.ts";

/** Settings of the input gradient of a convolution: the output size alone does not tell the input's. */
interface ConvInputGradientParams extends ConvParams {
  /** Sizes of the convolution's input. */
  readonly inputSize: readonly number[];
}

/** Settings of the weight gradient of a convolution. */
interface ConvWeightGradientParams extends ConvParams {
  /** Sizes of the kernel. */
  readonly kernelSize: readonly number[];
}

/** What users call a convolution over some axes. */
function nameOf({ stride }: ConvParams, part = ""): string {
  return `conv${stride.length}d${part}`;
}

function outputSizes(input: readonly number[], kernel: readonly number[], params: ConvParams): readonly number[] {
  const { stride, padding, dilation } = params;
  return stride.map((stride, i) =>
    windowCount(input[i]!, kernel[i]!, { stride, padding: padding[i]!, dilation: dilation[i]! })
  );
}

/** Sizes of images `[B, ...size, C]`. */
function sizesOf({ shape }: { readonly shape: Shape }): readonly number[] {
  return shape.slice(1, -1);
}

/** Sizes of a kernel `[...kernel, Cin / groups, Cout]`. */
function kernelOf({ shape }: { readonly shape: Shape }): readonly number[] {
  return shape.slice(0, -2);
}

/**
 * Calls `visit` for every position of a window that a tap sees: flat positions in x, w and y, without channels.
 */
function eachTap(x: Shape, w: Shape, y: Shape, params: ConvParams, visit: (x: number, w: number, y: number) => void) {
  const { stride, padding, dilation } = params;
  const walk = (axis: number, i: number, k: number, o: number): void => {
    if (axis === stride.length) return visit(i, k, o);
    const [extent, taps, outputs] = [x[axis + 1]!, w[axis]!, y[axis + 1]!];
    for (let output = 0; output < outputs; output++) {
      for (let tap = 0; tap < taps; tap++) {
        const at = output * stride[axis]! - padding[axis]![0] + tap * dilation[axis]!;
        if (at >= 0 && at < extent) walk(axis + 1, i * extent + at, k * taps + tap, o * outputs + output);
      }
    }
  };
  for (let image = 0; image < y[0]!; image++) walk(0, image, 0, image);
}

/**
 * Calls `visit` for the multiplications of a convolution: flat positions in x, w and y, and how many of w and y follow there
 * that are multiplied with the same x. The definition, from which the three references follow.
 */
function eachProduct(
  x: Shape,
  w: Shape,
  y: Shape,
  params: ConvParams,
  visit: (x: number, w: number, y: number, count: number) => void,
): void {
  const [channels, cinPerGroup, cout] = [x.at(-1)!, w.at(-2)!, w.at(-1)!];
  const count = cout / params.groups;
  eachTap(x, w, y, params, (i, k, o) => {
    for (let ci = 0; ci < cinPerGroup; ci++) {
      for (let group = 0; group < params.groups; group++) {
        const co = group * count;
        visit(i * channels + group * cinPerGroup + ci, (k * cinPerGroup + ci) * cout + co, o * cout + co, count);
      }
    }
  });
}

function requireGroups(x: TensorSpec, w: TensorSpec, params: ConvParams): void {
  const [cinPerGroup, cout] = w.shape.slice(-2);
  const { groups } = params;
  if (x.shape.at(-1) === cinPerGroup! * groups && cout! % groups === 0) return;
  throw new ShapeError(
    nameOf(params),
    `channels must be groups (${groups}) times the last size but one of the weights, and groups must divide the last`,
    [x.shape, w.shape],
  );
}

/** Refuses operands that are not images and weights of a convolution over `rank` axes. */
export function requireImages(operation: string, rank: number, ...specs: readonly TensorSpec[]): void {
  requireFloating(operation, specs);
  if (specs.every(({ shape }) => shape.length === rank + 2)) return;
  const [size, kernel] = rank === 2 ? ["H, W", "kh, kw"] : rank === 1 ? ["L", "k"] : ["D, H, W", "kd, kh, kw"];
  throw new ShapeError(
    operation,
    `images must be [B, ${size}, C] and weights [${kernel}, Cin / groups, Cout]`,
    specs.map(({ shape }) => shape),
  );
}

/** Lowers a part; `shapes` finds the shapes of the images, the weights and the output among those of the operands and the result. */
function lowering<P extends ConvParams>(
  part: ConvolutionPart,
  shapes: (a: Shape, b: Shape, result: Shape) => readonly [x: Shape, w: Shape, y: Shape],
): Lowering<P> {
  return {
    kind: "contraction",
    contraction: (params, [a, b], { shape }) =>
      convolutionPart(convolutionOf(...shapes(a!.shape, b!.shape, shape), params), part),
  };
}

const CONV: Primitive<ConvParams> = {
  name: "conv",
  shapeRule: ([x, w], params) => {
    requireImages(nameOf(params), params.stride.length, x!, w!);
    requireGroups(x!, w!, params);
    const size = outputSizes(sizesOf(x!), w!.shape, params);
    if (size.some((n) => n < 1)) {
      throw new ShapeError(nameOf(params), "the window must fit into the padded image", [x!.shape, w!.shape]);
    }
    return { shape: [x!.shape[0]!, ...size, w!.shape.at(-1)!], dtype: x!.dtype };
  },
  reference: ([x, w], params, { shape }) => {
    const y = new Float64Array(sizeOf(shape));
    const [xs, ws] = [x!.data, w!.data];
    eachProduct(x!.shape, w!.shape, shape, params, (i, j, k, count) => {
      for (let n = 0; n < count; n++) y[k + n]! += xs[i]! * ws[j + n]!;
    });
    return y;
  },
  vjpRule: (ct, { inputs: [x, w] }, params) => [
    bind(CONV_INPUT_GRADIENT, [ct, w!], { ...params, inputSize: sizesOf(x!) }),
    bind(CONV_WEIGHT_GRADIENT, [x!, ct], { ...params, kernelSize: kernelOf(w!) }),
  ],
  batchRule: channelsRule<ConvParams>(() => CONV, "images"),
  lowering: lowering("output", (x, w, y) => [x, w, y]),
};

const CONV_INPUT_GRADIENT: Primitive<ConvInputGradientParams> = {
  name: "convInputGradient",
  shapeRule: ([dy, w], params) => {
    const operation = nameOf(params, "InputGradient");
    requireImages(operation, params.stride.length, dy!, w!);
    const size = outputSizes(params.inputSize, w!.shape, params);
    const channels = w!.shape.at(-1)!;
    if (dy!.shape.at(-1) !== channels || channels % params.groups !== 0 || size.join() !== sizesOf(dy!).join()) {
      throw new ShapeError(
        operation,
        `the cotangent must be [B, ${size}, Cout] for inputs of ${params.inputSize}`,
        [dy!.shape, w!.shape],
      );
    }
    return { shape: [dy!.shape[0]!, ...params.inputSize, w!.shape.at(-2)! * params.groups], dtype: dy!.dtype };
  },
  reference: ([dy, w], params, { shape }) => {
    const dx = new Float64Array(sizeOf(shape));
    const [ys, ws] = [dy!.data, w!.data];
    eachProduct(shape, w!.shape, dy!.shape, params, (i, j, k, count) => {
      for (let n = 0; n < count; n++) dx[i]! += ys[k + n]! * ws[j + n]!;
    });
    return dx;
  },
  vjpRule: (ct, { inputs: [dy, w] }, { inputSize: _, ...params }) => [
    bind(CONV, [ct, w!], params),
    bind(CONV_WEIGHT_GRADIENT, [ct, dy!], { ...params, kernelSize: kernelOf(w!) }),
  ],
  batchRule: channelsRule<ConvInputGradientParams>(() => CONV_INPUT_GRADIENT, "images"),
  lowering: lowering("input", (dy, w, x) => [x, w, dy]),
};

const CONV_WEIGHT_GRADIENT: Primitive<ConvWeightGradientParams> = {
  name: "convWeightGradient",
  shapeRule: ([x, dy], params) => {
    const operation = nameOf(params, "WeightGradient");
    requireImages(operation, params.stride.length, x!, dy!);
    const size = outputSizes(sizesOf(x!), params.kernelSize, params);
    if (x!.shape[0] !== dy!.shape[0] || size.join() !== sizesOf(dy!).join()) {
      throw new ShapeError(operation, `the cotangent must be [B, ${size}, Cout]`, [x!.shape, dy!.shape]);
    }
    return { shape: [...params.kernelSize, x!.shape.at(-1)! / params.groups, dy!.shape.at(-1)!], dtype: x!.dtype };
  },
  reference: ([x, dy], params, { shape }) => {
    const dw = new Float64Array(sizeOf(shape));
    const [xs, ys] = [x!.data, dy!.data];
    eachProduct(x!.shape, shape, dy!.shape, params, (i, j, k, count) => {
      for (let n = 0; n < count; n++) dw[j + n]! += xs[i]! * ys[k + n]!;
    });
    return dw;
  },
  vjpRule: (ct, { inputs: [x, dy] }, { kernelSize: _, ...params }) => [
    bind(CONV_INPUT_GRADIENT, [dy!, ct], { ...params, inputSize: sizesOf(x!) }),
    bind(CONV, [x!, ct], params),
  ],
  batchRule: channelsRule<ConvWeightGradientParams>(() => CONV_WEIGHT_GRADIENT, "weights"),
  lowering: lowering("weight", (x, dy, w) => [x, w, dy]),
};

/** Applies a convolution; `rank` axes are convolved. */
export function conv(x: Tensor, w: Tensor, params: ConvParams): Tensor {
  return bind(CONV, [x, w], params);
}

/** Applies the input gradient of the convolution with weights `w`, for inputs of a size. */
export function convTranspose(x: Tensor, w: Tensor, params: ConvParams, inputSize: readonly number[]): Tensor {
  return bind(CONV_INPUT_GRADIENT, [x, w], { ...params, inputSize });
}
