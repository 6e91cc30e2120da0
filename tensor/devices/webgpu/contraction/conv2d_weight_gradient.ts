import type { ConvWeightGradientParams } from "../../../contraction/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { GPU_WEIGHT_GRADIENT_COSTS } from "../../../contraction/choice.ts";
import { weightAdjoint } from "../../../contraction/geometry.ts";
import { depthwiseWeightGradient } from "../depthwise/depthwise_weight_gradient.ts";
import { type OuterProduct, outerProduct } from "./outer_product.ts";
import { chooseWinograd } from "../winograd/winograd.ts";
import { winogradWeightGradientWgsl } from "../winograd/winograd_weight_gradient.ts";

/**
 * Weight gradient of a convolution, of `x [B, H, W, Cin]` and `dy [B, Ho, Wo, Cout]`: for each tap the sum over all pixels
 * of the outer products of what the tap saw and the cotangent.
 */
export function conv2dWeightGradientWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: ConvWeightGradientParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const shapes = [inputs[0]!.shape, output.shape, inputs[1]!.shape] as const;
  const fast = chooseWinograd(shapes, params, limits, GPU_WEIGHT_GRADIENT_COSTS);
  const transformed = fast && winogradWeightGradientWgsl(weightAdjoint(fast.conv, fast.scheme), limits);
  if (transformed) return transformed;
  const [B, Ho, Wo] = inputs[1]!.shape as [number, number, number, number];
  const [kh, kw, cin, cout] = output.shape as [number, number, number, number];
  const { groups } = params;
  const columns = cout / groups;
  if (cin === 1 && columns === 1 && groups > 1) return depthwiseWeightGradient(inputs, output, params, limits);
  const [channel, column] = [`batch * ${cin}u`, `batch * ${columns}u`];
  return outerProduct(
    {
      batches: groups,
      taps: kh * kw,
      rows: B * Ho * Wo,
      sizes: [cin, columns],
      left: { name: "x", buffer: 0, aligned: cin % 4 === 0 },
      right: { name: "dy", buffer: 1, aligned: columns % 4 === 0 },
      ...pixelRows(inputs, params, kw, { channel, column }),
      result: {
        buffer: 2,
        from: `tap * ${cin * cout}u + ${column}`,
        stride: cout,
        elements: sizeOf(output.shape),
      },
    },
    3,
    limits,
  );
}

/** One row for each pixel of the cotangent. */
function pixelRows(
  inputs: readonly TensorSpec[],
  { stride, padding, dilation }: ConvWeightGradientParams,
  kw: number,
  { channel, column }: { readonly channel: string; readonly column: string },
): Pick<OuterProduct, "open" | "row" | "rightFrom" | "next"> {
  const [, H, W, C] = inputs[0]!.shape as [number, number, number, number];
  const [, Ho, Wo, cout] = inputs[1]!.shape as [number, number, number, number];
  // The pixel of a row is counted, not divided, on the way; positions before the image wrap to large u32 values.
  const open = `var ox = first_row % ${Wo}u; var oy = first_row / ${Wo}u % ${Ho}u; var b = first_row / ${Ho * Wo}u;
let dx = tap % ${kw}u * ${dilation[1]}u - ${padding[1][0]}u; let dy_rows = tap / ${kw}u * ${dilation[0]}u - ${
    padding[0][0]
  }u;`;
  const row = () =>
    `let iy = oy * ${stride[0]}u + dy_rows; let ix = ox * ${stride[1]}u + dx;
let in_row = iy < ${H}u && ix < ${W}u;
let left_from = select(0u, ((b * ${H}u + iy) * ${W}u + ix) * ${C}u + ${channel}, in_row);`;
  const rightFrom = (row: string) => `${row} * ${cout}u + ${column}`;
  const next = `ox++; if (ox == ${Wo}u) { ox = 0u; oy++; if (oy == ${Ho}u) { oy = 0u; b++; } }`;
  return { open, row, rightFrom, next };
}
