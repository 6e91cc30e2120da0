/** @file The frame around every hand-written shader: bindings, the entry point, the number of an invocation. */
import type { WgslPass } from "../../compiler/kernel.ts";

/** A buffer of a pass: `buffer` is its position in `[...inputs, ...outputs, scratch]`. */
export interface Binding {
  readonly name: string;
  readonly type: "f32" | "i32" | "u32" | "vec4f" | "atomic<u32>";
  readonly buffer: number;
}

/** What a shader does, apart from its frame. */
export interface ShaderBody {
  /** Invocations that have work to do. */
  readonly items: number;
  /** Invocations of a workgroup, 64 by default. */
  readonly workgroupSize?: number;
  /** Module-scope text: functions and constants. */
  readonly helpers?: string;
  /** Statements of one invocation; `item` (u32) is its number. */
  readonly body: string;
}

/** A pass that runs `body` once for each item. */
export function shaderPass(bindings: readonly Binding[], shader: ShaderBody): WgslPass {
  const { items, workgroupSize = 64, helpers = "", body } = shader;
  const declarations = bindings.map(({ name, type }, i) =>
    `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<${type}>;`
  );
  const code = `${declarations.join("\n")}
${helpers}
@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.x + group.y * groups.x) * ${workgroupSize}u + local;
  if (item >= ${items}u) { return; }
${body}
}
`;
  return { code, buffers: bindings.map(({ buffer }) => buffer), workgroups: Math.ceil(items / workgroupSize) };
}

/** Statements that name the digits of `index` in mixed radix, the last name varying fastest. The first has no bound. */
export function unravel(index: string, digits: readonly (readonly [name: string, size: number])[]): string {
  const lines: string[] = [];
  let rest = index;
  for (let i = digits.length - 1; i > 0; i--) {
    const [name, size] = digits[i]!;
    lines.push(`  let ${name} = ${size === 1 ? "0u" : `${rest} % ${size}u`};`);
    if (size !== 1) {
      lines.push(`  let before_${name} = ${rest} / ${size}u;`);
      rest = `before_${name}`;
    }
  }
  return [...lines, `  let ${digits[0]![0]} = ${rest};`].join("\n");
}
