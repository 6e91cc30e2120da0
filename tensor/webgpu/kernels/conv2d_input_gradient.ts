import type { ConvInputGradientParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/** Input gradient of a convolution, `dy [B, Ho, Wo, Cout]`: one invocation for each element of the result. */
export function conv2dInputGradientWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { stride, padding, dilation, groups }: ConvInputGradientParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [, Ho, Wo] = inputs[0]!.shape as [number, number, number, number];
  const [kh, kw, cin, cout] = inputs[1]!.shape as [number, number, number, number];
  const [, H, W, C] = output.shape as [number, number, number, number];
  const perGroup = cout / groups;
  // Positions before the first output wrap to large u32 values, which the bounds catch too.
  const body = `${unravel("item", [["b", 0], ["iy", H], ["ix", W], ["c", C]])}
  let first = c / ${cin}u * ${perGroup}u;
  var sum = 0f;
  for (var ky = 0u; ky < ${kh}u; ky++) {
    let sy = iy + ${padding[0][0]}u - ky * ${dilation[0]}u;
    if (sy >= ${Ho * stride[0]}u || sy % ${stride[0]}u != 0u) { continue; }
    for (var kx = 0u; kx < ${kw}u; kx++) {
      let sx = ix + ${padding[1][0]}u - kx * ${dilation[1]}u;
      if (sx >= ${Wo * stride[1]}u || sx % ${stride[1]}u != 0u) { continue; }
      let dyAt = ((b * ${Ho}u + sy / ${stride[0]}u) * ${Wo}u + sx / ${stride[1]}u) * ${cout}u + first;
      let wAt = ((ky * ${kw}u + kx) * ${cin}u + c % ${cin}u) * ${cout}u + first;
      for (var co = 0u; co < ${perGroup}u; co++) { sum += dy[dyAt + co] * w[wAt + co]; }
    }
  }
  dx[item] = sum;`;
  const bindings = ["dy", "w", "dx"].map((name, buffer) => ({ name, type: "f32", buffer }) as const);
  return { passes: [shaderPass(bindings, { items, body })], scratchBytes: 0 };
}
