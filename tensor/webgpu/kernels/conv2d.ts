import type { ConvParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { diagonalProduct } from "./diagonal_product.ts";
import { type RowProduct, rowProduct } from "./row_product.ts";
import { tapLoops, type WindowAxis, windowRows } from "./window_rows.ts";

/**
 * Convolution `x [B, H, W, Cin]`, `w [kh, kw, Cin / groups, Cout]` as a product of windows and weights: one row for each
 * pixel of the result, depth `Cin / groups` for each tap, one batch for each group.
 */
export function conv2dWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const [, H, W, C] = inputs[0]!.shape as [number, number, number, number];
  const [kh, kw, cin, cout] = inputs[1]!.shape as [number, number, number, number];
  const [B, Ho, Wo] = output.shape as [number, number, number, number];
  const { stride, padding, dilation, groups } = params;
  const axis = (i: 0 | 1, rows: number, size: number, taps: number): WindowAxis => {
    return { rows, size, taps, stride: stride[i], offset: -padding[i][0], step: dilation[i] };
  };
  const [y, x] = [axis(0, Ho, H, kh), axis(1, Wo, W, kw)];
  const columns = cout / groups;
  const aligned = columns % 4 === 0;
  const diagonal = cin === 1 && columns === 1 && groups > 1;
  const channel = groups === 1 || diagonal ? "0u" : `batch * ${cin}u`;
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
      from: `(u32(jy) * ${kw}u + u32(jx)) * ${cin * cout}u + ${diagonal ? "0u" : `batch * ${columns}u`}`,
      stride: cout,
      aligned,
    },
    taps: tapLoops({ y, x }),
    result: { name: "y", buffer: 2, aligned, at: (m) => `row_${m} * ${cout}u + batch * ${columns}u` },
  };
  return { passes: [diagonal ? diagonalProduct(product) : rowProduct(product, limits)], scratchBytes: 0 };
}
