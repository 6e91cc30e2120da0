import type { MatmulParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/** Batched matrix product: one invocation for each element of the result. */
export function matmulWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { transposeA, transposeB }: MatmulParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [m, n] = output.shape.slice(-2) as [number, number];
  const k = inputs[0]!.shape.at(transposeA ? -2 : -1)!;
  const [left, right] = [
    transposeA ? `t * ${m}u + row` : `row * ${k}u + t`,
    transposeB ? `column * ${k}u + t` : `t * ${n}u + column`,
  ];
  const body = `${unravel("item", [["batch", 0], ["row", m], ["column", n]])}
  var sum = 0f;
  for (var t = 0u; t < ${k}u; t++) { sum += a[batch * ${m * k}u + ${left}] * b[batch * ${k * n}u + ${right}]; }
  y[item] = sum;`;
  const bindings = ["a", "b", "y"].map((name, buffer) => ({ name, type: "f32", buffer }) as const);
  return { passes: [shaderPass(bindings, { items, body })], scratchBytes: 0 };
}
