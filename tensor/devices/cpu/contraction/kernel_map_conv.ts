import type { KernelMapConvParams } from "../../../contraction/conv_params.ts";
import type { WatKernel } from "../../../compiler/kernel.ts";
import type { TensorSpec } from "../../../spec.ts";
import { depthwiseTap } from "./conv2d.ts";
import { depthwiseKernel, isDepthwise } from "../depthwise/depthwise.ts";
import { productKernel } from "./product.ts";
import { mapRows } from "./row_source.ts";
import { add, argument, get, mul } from "../emit/text.ts";

/**
 * The cpu kernel of a convolution whose windows are rows of a table: packing gathers the rows, there is no gathered array.
 *
 * @param inputs `x [N, Cin]`, `w [T, Cin / groups, Cout]`, `map [M, T]` int32;
 * `x [N, Cout]` with `transposeWeight`.
 * @param output `[M, Cout]`, or `[M, Cin]` with `transposeWeight`.
 * @param params Groups, and which channels of the weights to contract.
 * @returns The kernel.
 */
export function kernelMapConvWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { groups, transposeWeight }: KernelMapConvParams,
): WatKernel {
  const [taps, groupChannels, outChannels] = inputs[1]!.shape as [number, number, number];
  const [rows, pixel] = [output.shape[0]!, inputs[0]!.shape[1]!];
  const perGroup = outChannels / groups;
  const [channels, columns] = transposeWeight ? [perGroup, groupChannels] : [groupChannels, perGroup];
  const buffers = ["x", "w", "map", "y"];
  const result = add(argument("y"), mul(get("m"), groups * columns * 4), mul(get("g"), columns * 4));
  if (isDepthwise(groups, groupChannels, outChannels)) {
    const left = mapRows({ buffer: "x", table: "map", rows, taps, channels: pixel, pixel });
    return depthwiseKernel(buffers, pixel, [{ left, weights: depthwiseTap(pixel), result }]);
  }
  const right = {
    buffer: "w",
    offset: 0,
    taps: [1, taps],
    tapStrides: [0, groupChannels * outChannels],
    channels,
    channelStride: transposeWeight ? 1 : outChannels,
    columns,
    columnStride: transposeWeight ? outChannels : 1,
    groups,
    groupStride: perGroup,
  } as const;
  const left = mapRows({ buffer: "x", table: "map", rows, taps, channels, pixel });
  return productKernel(buffers, [{ left, transposed: false, right, result }]);
}
