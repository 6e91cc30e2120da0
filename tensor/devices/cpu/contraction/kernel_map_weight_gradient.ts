import type { KernelMapWeightGradientParams } from "../../../contraction/conv_params.ts";
import type { WatKernel } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { isDepthwise } from "../depthwise/depthwise.ts";
import { depthwiseWeightGradientKernel } from "../depthwise/depthwise_weight_gradient.ts";
import { rowContractionKernel } from "./row_contraction.ts";
import { mapRows } from "./row_source.ts";

/**
 * The cpu kernel of the adjoint of a kernel map convolution with respect to its weights.
 *
 * @param inputs `x [N, Cin]`, `dy [M, Cout]`, `map [M, T]` int32.
 * @param output `[T, Cin / groups, Cout]`.
 * @param params Groups.
 * @returns The kernel.
 */
export function kernelMapWeightGradientWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { groups }: KernelMapWeightGradientParams,
): WatKernel {
  const [rows, pixel] = [inputs[1]!.shape[0]!, inputs[0]!.shape[1]!];
  const [taps, channels, outChannels] = output.shape as [number, number, number];
  const columns = outChannels / groups;
  const buffers = ["x", "dy", "map", "dw"];
  const depthwise = isDepthwise(groups, channels, outChannels);
  const left = mapRows({ buffer: "x", table: "map", rows, taps, channels: depthwise ? pixel : channels, pixel });
  if (depthwise) return depthwiseWeightGradientKernel(buffers, left);
  return rowContractionKernel(buffers, {
    left,
    groups,
    columns,
    right: { buffer: "dy", rowFloats: outChannels, groupFloats: columns },
    result: { buffer: "dw", rowFloats: outChannels, groupFloats: columns, floats: sizeOf(output.shape) },
  });
}
