import type { KernelMapConvParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/** Convolution through a kernel map, of `x` rows, `w [T, Cin / groups, Cout]`, `map [M, T]`: one invocation for each element. */
export function kernelMapConvWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { groups, transposeWeight }: KernelMapConvParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [rows, from] = inputs[0]!.shape as [number, number];
  const [taps, cin, cout] = inputs[1]!.shape as [number, number, number];
  const to = output.shape[1]!;
  const [steps, columns] = [from / groups, to / groups];
  const weight = transposeWeight
    ? `(t * ${cin}u + column % ${columns}u) * ${cout}u + first + step`
    : `(t * ${cin}u + step) * ${cout}u + column`;
  const body = `${unravel("item", [["m", 0], ["column", to]])}
  let first = column / ${columns}u * ${steps}u;
  var sum = 0f;
  for (var t = 0u; t < ${taps}u; t++) {
    let row = u32(map[m * ${taps}u + t]);
    if (row >= ${rows}u) { continue; }
    for (var step = 0u; step < ${steps}u; step++) { sum += x[row * ${from}u + first + step] * w[${weight}]; }
  }
  y[item] = sum;`;
  const bindings = [
    { name: "x", type: "f32", buffer: 0 },
    { name: "w", type: "f32", buffer: 1 },
    { name: "map", type: "i32", buffer: 2 },
    { name: "y", type: "f32", buffer: 4 },
  ] as const;
  return { passes: [shaderPass(bindings, { items, body })], scratchBytes: 0 };
}
