import type { ConvParams } from "../../../contraction/conv_params.ts";
import type { WatKernel, WatOptions } from "../../../compiler/kernel.ts";
import type { TensorSpec } from "../../../spec.ts";
import { CPU_COSTS, winogradFor } from "../../../contraction/choice.ts";
import { forwardConv } from "../../../contraction/geometry.ts";
import { depthwiseKernel, isDepthwise } from "../depthwise/depthwise.ts";
import { slides, slidingConv, type SlidingWindow } from "../depthwise/depthwise_window.ts";
import { productKernel } from "./product.ts";
import { type WindowAxis, windowRows } from "./row_source.ts";
import { add, argument, get, mul, type Wat } from "../emit/text.ts";
import { winogradKernel } from "../winograd/winograd_conv.ts";

/** The windows of a convolution along axis 0 (y) or 1 (x). */
export function convAxis(params: ConvParams, axis: 0 | 1, outputs: number, taps: number, extent: number): WindowAxis {
  return {
    outputs,
    taps,
    extent,
    stride: params.stride[axis],
    origin: -params.padding[axis][0],
    step: params.dilation[axis],
  };
}

/**
 * The cpu kernel of a convolution: the product of windows, packed where they lie, with the weights.
 *
 * @param inputs `x [B, H, W, Cin]` and `w [kh, kw, Cin / groups, Cout]`, float32.
 * @param output `[B, Ho, Wo, Cout]`.
 * @param params Stride, padding, dilation, groups.
 * @param options Whether Winograd's method may be chosen.
 * @returns The kernel.
 */
export function conv2dWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvParams,
  options: WatOptions,
): WatKernel {
  const fast = winogradFor([inputs[0]!.shape, inputs[1]!.shape, output.shape], params, options, CPU_COSTS);
  if (fast) return winogradKernel(["x", "w", "y"], forwardConv(fast.conv, fast.scheme));
  const [, height, width, pixel] = inputs[0]!.shape as [number, number, number, number];
  const [kh, kw, channels, outChannels] = inputs[1]!.shape as [number, number, number, number];
  const [batch, outHeight, outWidth] = output.shape as [number, number, number, number];
  const { groups } = params;
  const columns = outChannels / groups;
  const y = convAxis(params, 0, outHeight, kh, height);
  const x = convAxis(params, 1, outWidth, kw, width);
  const result = add(argument("y"), mul(get("m"), outChannels * 4), mul(get("g"), columns * 4));
  if (isDepthwise(groups, channels, outChannels)) {
    const window = slidingWindow(inputs[0]!.shape, inputs[1]!.shape, output.shape, params);
    if (slides(window, params)) return slidingConv(["x", "w", "y"], window, false);
    const left = windowRows({ buffer: "x", batch, y, x, channels: pixel, pixel });
    return depthwiseKernel(["x", "w", "y"], pixel, [{ left, weights: depthwiseTap(pixel), result }]);
  }
  const right = {
    buffer: "w",
    offset: 0,
    taps: [kh, kw],
    tapStrides: [kw * channels * outChannels, channels * outChannels],
    channels,
    channelStride: outChannels,
    columns,
    columnStride: 1,
    groups,
    groupStride: columns,
  } as const;
  const left = windowRows({ buffer: "x", batch, y, x, channels, pixel });
  return productKernel(["x", "w", "y"], [{ left, transposed: false, right, result }]);
}

/** The windows of a depthwise convolution of `x` with `w` to `y`. */
export function slidingWindow(
  [batch, ...x]: readonly number[],
  [kh, kw]: readonly number[],
  [, ...y]: readonly number[],
  { padding }: ConvParams,
): SlidingWindow {
  return {
    batch: batch!,
    size: [x[0]!, x[1]!],
    outputs: [y[0]!, y[1]!],
    kernel: [kh!, kw!],
    padding: [padding[0][0], padding[1][0]],
    channels: x[2]!,
  };
}

/** Address of the weights `w [taps, channels]` of tap `$t`. */
export function depthwiseTap(channels: number): Wat {
  return add(argument("w"), mul(get("t"), channels * 4));
}
