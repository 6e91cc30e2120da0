import type { ConvInputGradientParams } from "../../../contraction/conv_params.ts";
import type { WatKernel, WatOptions } from "../../../compiler/kernel.ts";
import type { TensorSpec } from "../../../spec.ts";
import { CPU_COSTS, winogradFor } from "../../../contraction/choice.ts";
import { adjointConv } from "../../../contraction/geometry.ts";
import { slidingWindow } from "./conv2d.ts";
import { slides, slidingConv, type SlidingWindow } from "../depthwise/depthwise_window.ts";
import { depthwiseKernel, type DepthwisePart, isDepthwise } from "../depthwise/depthwise.ts";
import { type Product, productKernel } from "./product.ts";
import { type WindowAxis, windowRows } from "./row_source.ts";
import { add, argument, get, mul, split } from "../emit/text.ts";
import { winogradKernel } from "../winograd/winograd_conv.ts";

/** The input positions along one axis that are `phase` modulo the stride, and the taps that reach them. */
export interface Phase extends WindowAxis {
  /** First of the positions; the next are `spacing` apart. */
  readonly phase: number;
  readonly spacing: number;
  /** First tap that reaches them, and how far apart such taps are. */
  readonly firstTap: number;
  readonly tapStep: number;
}

/**
 * Splits an axis of the input into phases. Position `i = phase + stride·j` gets `dy[o]` through tap `k` where
 * `o·stride = i + padding - k·dilation`: every `stride / gcd`-th tap, the others would multiply zeros.
 *
 * @param params Settings of the convolution.
 * @param axis 0 for y, 1 for x.
 * @param outputs Size of the convolution's output.
 * @param taps Size of the kernel.
 * @returns One phase for each residue; its window reads the output's gradient. Phases may have no taps.
 */
export function phasesOf(
  params: ConvInputGradientParams,
  axis: 0 | 1,
  outputs: number,
  taps: number,
): readonly Phase[] {
  const [stride, dilation, padding, size] = [
    params.stride[axis],
    params.dilation[axis],
    params.padding[axis][0],
    params.inputSize[axis],
  ];
  const common = greatestCommonDivisor(stride, dilation);
  const tapStep = stride / common;
  return Array.from({ length: Math.min(stride, size) }, (_, phase) => {
    const firstTap = [...Array(Math.min(tapStep, taps)).keys()]
      .find((tap) => (phase + padding - tap * dilation) % stride === 0) ?? taps;
    return {
      phase,
      spacing: stride,
      firstTap,
      tapStep,
      outputs: Math.ceil((size - phase) / stride),
      taps: Math.ceil((taps - firstTap) / tapStep),
      stride: 1,
      origin: firstTap < taps ? (phase + padding - firstTap * dilation) / stride : 0,
      step: -dilation / common,
      extent: outputs,
    };
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * The cpu kernel of the adjoint of a convolution with respect to its input, which is the transposed convolution: for each
 * phase of the stride, one product with the taps of that phase.
 *
 * @param inputs `dy [B, Ho, Wo, Cout]` and `w [kh, kw, Cin / groups, Cout]`, float32.
 * @param output `[B, H, W, Cin]`.
 * @param params Settings of the convolution, and `[H, W]`.
 * @param options Whether Winograd's method may be chosen.
 * @returns The kernel.
 */
export function conv2dInputGradientWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvInputGradientParams,
  options: WatOptions,
): WatKernel {
  const fast = winogradFor([output.shape, inputs[1]!.shape, inputs[0]!.shape], params, options, CPU_COSTS);
  if (fast) return winogradKernel(["dy", "w", "dx"], adjointConv(fast.conv, fast.scheme));
  const [, outHeight, outWidth] = inputs[0]!.shape as [number, number, number, number];
  const [kh, kw, channels, outChannels] = inputs[1]!.shape as [number, number, number, number];
  const phases = phasesOf(params, 0, outHeight, kh)
    .flatMap((y) => phasesOf(params, 1, outWidth, kw).map((x) => ({ y, x })));
  if (isDepthwise(params.groups, channels, outChannels)) {
    const window = adjointWindow(slidingWindow(output.shape, inputs[1]!.shape, inputs[0]!.shape, params));
    if (slides(window, params)) return slidingConv(["dy", "w", "dx"], window, true);
    const parts = phases.map((phase) => depthwisePhase(inputs, output, phase));
    return depthwiseKernel(["dy", "w", "dx"], outChannels, parts);
  }
  return productKernel(["dy", "w", "dx"], phases.map((phase) => phaseProduct(inputs, output, params.groups, phase)));
}

/** The windows over the output's gradient, of a convolution of stride 1: the same kernel, backwards. */
function adjointWindow(window: SlidingWindow): SlidingWindow {
  const [y, x] = [0, 1].map((axis) => window.kernel[axis]! - 1 - window.padding[axis]!) as [number, number];
  return { ...window, size: window.outputs, outputs: window.size, padding: [y, x] };
}

/** The positions of one phase of both axes. */
interface Phases {
  readonly y: Phase;
  readonly x: Phase;
}

/** Where the results of a phase go. */
function phaseResult(output: TensorSpec, columns: number, { y, x }: Phases): Pick<Product, "resultIndex" | "result"> {
  const [batch, height, width, pixel] = output.shape as [number, number, number, number];
  const row = add(mul(get("jy"), y.spacing), y.phase, mul(get("image"), height));
  const position = add(mul(row, width), mul(get("jx"), x.spacing), x.phase);
  return {
    resultIndex: split(get("m"), [["image", batch], ["jy", y.outputs], ["jx", x.outputs]]),
    result: add(argument("dx"), mul(position, pixel * 4), mul(get("g"), columns * 4)),
  };
}

/** One phase as a product with the weights of its taps. */
function phaseProduct(inputs: readonly TensorSpec[], output: TensorSpec, groups: number, { y, x }: Phases): Product {
  const [, kw, columns, outChannels] = inputs[1]!.shape as [number, number, number, number];
  const channels = outChannels / groups;
  const tap = columns * outChannels; // floats between neighbouring taps of w
  return {
    left: windowRows({ buffer: "dy", batch: output.shape[0]!, y, x, channels, pixel: outChannels }),
    transposed: false,
    right: {
      buffer: "w",
      offset: (y.firstTap * kw + x.firstTap) * tap,
      taps: [y.taps, x.taps],
      tapStrides: [y.tapStep * kw * tap, x.tapStep * tap],
      channels,
      channelStride: 1,
      columns,
      columnStride: outChannels,
      groups,
      groupStride: channels,
    },
    ...phaseResult(output, columns, { y, x }),
  };
}

/** One phase of a depthwise convolution. */
function depthwisePhase(inputs: readonly TensorSpec[], output: TensorSpec, { y, x }: Phases): DepthwisePart {
  const [, kw, , channels] = inputs[1]!.shape as [number, number, number, number];
  const row = add(mul(get("ty"), y.tapStep), y.firstTap);
  const tap = add(mul(row, kw), mul(get("tx"), x.tapStep), x.firstTap);
  return {
    left: windowRows({ buffer: "dy", batch: output.shape[0]!, y, x, channels, pixel: channels }),
    weights: add(argument("w"), mul(tap, channels * 4)),
    ...phaseResult(output, channels, { y, x }),
  };
}
