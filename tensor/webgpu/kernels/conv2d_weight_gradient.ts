import type { ConvWeightGradientParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/** Weight gradient of a convolution, of `x [B, H, W, Cin]` and `dy [B, Ho, Wo, Cout]`: one invocation for each weight. */
export function conv2dWeightGradientWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { stride, padding, dilation, groups }: ConvWeightGradientParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [B, H, W, C] = inputs[0]!.shape as [number, number, number, number];
  const [, Ho, Wo] = inputs[1]!.shape as [number, number, number, number];
  const [, kw, cin, cout] = output.shape as [number, number, number, number];
  const body = `${unravel("item", [["ky", 0], ["kx", kw], ["ci", cin], ["co", cout]])}
  let channel = co / ${cout / groups}u * ${cin}u + ci;
  var sum = 0f;
  for (var b = 0u; b < ${B}u; b++) {
    for (var oy = 0u; oy < ${Ho}u; oy++) {
      let iy = oy * ${stride[0]}u + ky * ${dilation[0]}u - ${padding[0][0]}u;
      if (iy >= ${H}u) { continue; }
      for (var ox = 0u; ox < ${Wo}u; ox++) {
        let ix = ox * ${stride[1]}u + kx * ${dilation[1]}u - ${padding[1][0]}u;
        if (ix >= ${W}u) { continue; }
        sum += x[((b * ${H}u + iy) * ${W}u + ix) * ${C}u + channel] * dy[((b * ${Ho}u + oy) * ${Wo}u + ox) * ${cout}u + co];
      }
    }
  }
  dw[item] = sum;`;
  const bindings = ["x", "dy", "dw"].map((name, buffer) => ({ name, type: "f32", buffer }) as const);
  return { passes: [shaderPass(bindings, { items, body })], scratchBytes: 0 };
}
