import type { KernelMapWeightGradientParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/** Weight gradient of a kernel map convolution, of `x [N, Cin]`, `dy [M, Cout]`, `map [M, T]`: one invocation for each weight. */
export function kernelMapWeightGradientWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { groups }: KernelMapWeightGradientParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [rows, channels] = inputs[0]!.shape as [number, number];
  const [m, taps] = inputs[2]!.shape as [number, number];
  const [, cin, cout] = output.shape as [number, number, number];
  const body = `${unravel("item", [["t", 0], ["ci", cin], ["co", cout]])}
  let channel = co / ${cout / groups}u * ${cin}u + ci;
  var sum = 0f;
  for (var m = 0u; m < ${m}u; m++) {
    let row = u32(map[m * ${taps}u + t]);
    if (row < ${rows}u) { sum += x[row * ${channels}u + channel] * dy[m * ${cout}u + co]; }
  }
  dw[item] = sum;`;
  const bindings = [
    { name: "x", type: "f32", buffer: 0 },
    { name: "dy", type: "f32", buffer: 1 },
    { name: "map", type: "i32", buffer: 2 },
    { name: "dw", type: "f32", buffer: 4 },
  ] as const;
  return { passes: [shaderPass(bindings, { items, body })], scratchBytes: 0 };
}
