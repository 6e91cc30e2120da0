import type { ScalarOp } from "../../../compiler/operations.ts";
import { mathText } from "./functions.ts";

/** A whole shader: bindings, the functions it needs, and `main` over a linear group id. */
export function shader(
  bindings: readonly string[],
  needs: ReadonlySet<ScalarOp>,
  size: number,
  groups: number,
  body: string,
): string {
  const declared = bindings.map((text, i) => `@group(0) @binding(${i}) var<storage, read_write> ${text};`);
  return `${mathText(needs)}
${declared.join("\n")}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let linear = group.x + group.y * groups.x;
  if (linear >= ${groups}u) { return; }
  ${body}
}`;
}
