import type { ConvParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/** Convolution `x [B, H, W, Cin]`, `w [kh, kw, Cin / groups, Cout]`: one invocation for each element of the result. */
export function conv2dWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { stride, padding, dilation, groups }: ConvParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [, H, W, C] = inputs[0]!.shape as [number, number, number, number];
  const [kh, kw, cin, cout] = inputs[1]!.shape as [number, number, number, number];
  const [, Ho, Wo] = output.shape as [number, number, number, number];
  // Positions before the image wrap to large u32 values, which the upper bound catches too.
  const body = `${unravel("item", [["b", 0], ["oy", Ho], ["ox", Wo], ["co", cout]])}
  var sum = 0f;
  for (var ky = 0u; ky < ${kh}u; ky++) {
    let iy = oy * ${stride[0]}u + ky * ${dilation[0]}u - ${padding[0][0]}u;
    if (iy >= ${H}u) { continue; }
    for (var kx = 0u; kx < ${kw}u; kx++) {
      let ix = ox * ${stride[1]}u + kx * ${dilation[1]}u - ${padding[1][0]}u;
      if (ix >= ${W}u) { continue; }
      let xAt = ((b * ${H}u + iy) * ${W}u + ix) * ${C}u + co / ${cout / groups}u * ${cin}u;
      let wAt = (ky * ${kw}u + kx) * ${cin * cout}u + co;
      for (var ci = 0u; ci < ${cin}u; ci++) { sum += x[xAt + ci] * w[wAt + ci * ${cout}u]; }
    }
  }
  y[item] = sum;`;
  const bindings = ["x", "w", "y"].map((name, buffer) => ({ name, type: "f32", buffer }) as const);
  return { passes: [shaderPass(bindings, { items, body })], scratchBytes: 0 };
}
