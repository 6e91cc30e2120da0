import type { ScatterAddParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/** Adds rows `[M, R]` into the places that indices name, in the order of the rows: one invocation for each sum. */
export function scatterAddWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  _params: ScatterAddParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [rows, columns] = inputs[0]!.shape as [number, number];
  const type = output.dtype === "float32" ? "f32" : output.dtype === "int32" ? "i32" : "u32";
  const body = `${unravel("item", [["place", 0], ["column", columns]])}
  var sum = ${type}();
  for (var m = 0u; m < ${rows}u; m++) {
    if (u32(indices[m]) == place) { sum += updates[m * ${columns}u + column]; }
  }
  y[item] = sum;`;
  const bindings = [
    { name: "updates", type, buffer: 0 },
    { name: "indices", type: "i32", buffer: 1 },
    { name: "y", type, buffer: 2 },
  ] as const;
  return { passes: [shaderPass(bindings, { items, body })], scratchBytes: 0 };
}
