import type { ConvWeightGradientParams } from "../../../contraction/conv_params.ts";
import type { WatKernel, WatOptions } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { CPU_COSTS, winogradFor } from "../../../contraction/choice.ts";
import { weightAdjoint } from "../../../contraction/geometry.ts";
import { convAxis, slidingWindow } from "./conv2d.ts";
import { isDepthwise } from "../depthwise/depthwise.ts";
import { depthwiseWeightGradientKernel } from "../depthwise/depthwise_weight_gradient.ts";
import { slides } from "../depthwise/depthwise_window.ts";
import { slidingWeightGradient } from "../depthwise/depthwise_window_gradient.ts";
import { rowContractionKernel } from "./row_contraction.ts";
import { windowRows } from "./row_source.ts";
import { winogradWeightGradientKernel } from "../winograd/winograd_weight_gradient.ts";

/**
 * The cpu kernel of the adjoint of a convolution with respect to its weights: windows, transposed, times the output's gradient.
 *
 * @param inputs `x [B, H, W, Cin]` and `dy [B, Ho, Wo, Cout]`, float32.
 * @param output `[kh, kw, Cin / groups, Cout]`.
 * @param params Settings of the convolution, and `[kh, kw]`.
 * @param options Whether Winograd's method may be chosen.
 * @returns The kernel.
 */
export function conv2dWeightGradientWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvWeightGradientParams,
  options: WatOptions,
): WatKernel {
  const fast = winogradFor([inputs[0]!.shape, output.shape, inputs[1]!.shape], params, options, CPU_COSTS);
  if (fast) return winogradWeightGradientKernel(["x", "dy", "dw"], weightAdjoint(fast.conv, fast.scheme));
  const [, height, width, pixel] = inputs[0]!.shape as [number, number, number, number];
  const [batch, outHeight, outWidth] = inputs[1]!.shape as [number, number, number, number];
  const [kh, kw, channels, outChannels] = output.shape as [number, number, number, number];
  const { groups } = params;
  const columns = outChannels / groups;
  const y = convAxis(params, 0, outHeight, kh, height);
  const x = convAxis(params, 1, outWidth, kw, width);
  const depthwise = isDepthwise(groups, channels, outChannels);
  const left = windowRows({ buffer: "x", batch, y, x, channels: depthwise ? pixel : channels, pixel });
  const window = slidingWindow(inputs[0]!.shape, output.shape, inputs[1]!.shape, params);
  if (depthwise && slides(window, params)) return slidingWeightGradient(window);
  if (depthwise) return depthwiseWeightGradientKernel(["x", "dy", "dw"], left);
  return rowContractionKernel(["x", "dy", "dw"], {
    left,
    groups,
    columns,
    right: { buffer: "dy", rowFloats: outChannels, groupFloats: columns },
    result: { buffer: "dw", rowFloats: outChannels, groupFloats: columns, floats: sizeOf(output.shape) },
  });
}
