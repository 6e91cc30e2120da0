import type { ArgsortParams } from "../../compiler/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel.ts";
import { type DType, sizeOf, type TensorSpec } from "../../spec.ts";
import { shaderPass, unravel } from "./shader.ts";

/**
 * Expression of a u32 that orders as the value with the bits `v` does. Comparing integers keeps shader compilers from
 * assuming that there is no NaN.
 */
function sortKey(dtype: DType, descending: boolean): string {
  const turned = descending ? "~" : "";
  if (dtype !== "float32") return `${turned}(v${dtype === "int32" ? " ^ 0x80000000u" : ""})`;
  const bits = "select(v, 0u, v == 0x80000000u)"; // -0 equals 0
  const ordered = `select(${bits} | 0x80000000u, ~v, v > 0x80000000u)`;
  return `select(${turned}(${ordered}), 0xffffffffu, (v & 0x7fffffffu) > 0x7f800000u)`;
}

/**
 * Stable argsort of the last axis by counting: the rank of an element is how many come before it. First the keys are
 * written to scratch, then each invocation places one element.
 */
export function argsortWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { descending }: ArgsortParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const length = output.shape.at(-1)!;
  const keys = shaderPass([{ name: "x", type: "u32", buffer: 0 }, { name: "keys", type: "u32", buffer: 2 }], {
    items,
    body: `  let v = x[item];\n  keys[item] = ${sortKey(inputs[0]!.dtype, descending)};`,
  });
  const places = shaderPass([{ name: "y", type: "i32", buffer: 1 }, { name: "keys", type: "u32", buffer: 2 }], {
    items,
    body: `${unravel("item", [["line", 0], ["at", length]])}
  let first = line * ${length}u;
  let key = keys[item];
  var rank = 0u;
  for (var i = first; i < item; i++) { rank += u32(keys[i] <= key); }
  for (var i = item + 1u; i < first + ${length}u; i++) { rank += u32(keys[i] < key); }
  y[first + rank] = i32(at);`,
  });
  return { passes: [keys, places], scratchBytes: 4 * items };
}
