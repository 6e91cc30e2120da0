import type { ConvParams } from "../../../contraction/conv_params.ts";
import type { WgslKernel, WgslLimits, WgslPass } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { forwardConv } from "../../../contraction/geometry.ts";
import { depthwise } from "../depthwise/depthwise.ts";
import { type RowProduct, rowProduct } from "./row_product.ts";
import { tapLoops, type WindowAxis, windowRows } from "./window_rows.ts";
import { chooseWinograd, winogradWgsl } from "../winograd/winograd.ts";

/**
 * Convolution `x [B, H, W, Cin]`, `w [kh, kw, Cin / groups, Cout]` as a product of windows and weights: one row for each
 * pixel of the result, depth `Cin / groups` for each tap, one batch for each group. 3×3 kernels may go by Winograd's method.
 */
export function conv2dWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const fast = chooseWinograd([inputs[0]!.shape, inputs[1]!.shape, output.shape], params, limits);
  const transformed = fast && winogradWgsl(forwardConv(fast.conv, fast.scheme), limits);
  if (transformed) return transformed;
  const C = inputs[0]!.shape[3]!;
  const [, kw, cin, cout] = inputs[1]!.shape as [number, number, number, number];
  const [B, Ho, Wo] = output.shape as [number, number, number, number];
  const { groups } = params;
  const { y, x } = windowAxes(inputs, output, params);
  const columns = cout / groups;
  if (cin === 1 && columns === 1 && groups > 1) {
    return { passes: [channelWindows(inputs, output, params, limits)], scratchBytes: 0 };
  }
  const aligned = columns % 4 === 0;
  const channel = groups === 1 ? "0u" : `batch * ${cin}u`;
  const product: RowProduct = {
    batches: groups,
    rows: B * Ho * Wo,
    columns,
    depth: cin,
    left: windowRows({ name: "x", buffer: 0, y, x, channels: C, channel, aligned: cin % 4 === 0 }),
    right: {
      name: "w",
      buffer: 1,
      transposed: false,
      from: `(u32(jy) * ${kw}u + u32(jx)) * ${cin * cout}u + batch * ${columns}u`,
      stride: cout,
      aligned,
    },
    taps: tapLoops({ y, x }),
    result: { name: "y", buffer: 2, aligned, at: (m) => `row_${m} * ${cout}u + batch * ${columns}u` },
  };
  return { passes: [rowProduct(product, limits)], scratchBytes: 0 };
}

/** What each row and column of the result sees. */
function windowAxes(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { stride, padding, dilation }: ConvParams,
): { readonly y: WindowAxis; readonly x: WindowAxis } {
  const axis = (i: 0 | 1): WindowAxis => ({
    rows: output.shape[1 + i]!,
    size: inputs[0]!.shape[1 + i]!,
    taps: inputs[1]!.shape[i]!,
    stride: stride[i],
    offset: -padding[i][0],
    step: dilation[i],
  });
  return { y: axis(0), x: axis(1) };
}

function channelWindows(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvParams,
  limits: WgslLimits,
): WgslPass {
  const [images, rows, columns, channels] = output.shape as [number, number, number, number];
  return depthwise({
    images,
    channels,
    ...windowAxes(inputs, output, params),
    image: { name: "x_in", buffer: 0 },
    weight: { buffer: 1, at: (jy, jx) => `(${jy} * ${inputs[1]!.shape[1]}u + ${jx}) * ${channels}u` },
    result: { buffer: 2, at: (image, y, x) => `((${image} * ${rows}u + ${y}) * ${columns}u + ${x}) * ${channels}u` },
  }, limits);
}
