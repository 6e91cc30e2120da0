/** @file The frame around every hand-written shader: bindings, the entry point, the number of an invocation. */
import type { WgslPass } from "../../../compiler/kernel.ts";
import { declarationOf } from "../emit/buffer_uses.ts";

/** A buffer of a pass: `buffer` is its position in `[...inputs, ...outputs, scratch]`. */
export interface Binding {
  readonly name: string;
  readonly type: "f32" | "i32" | "u32" | "vec4f" | "atomic<u32>";
  readonly buffer: number;
}

/** Buffers by name, each once: what reads and writes parts of one buffer binds it once. */
export function distinct(bindings: readonly Binding[]): readonly Binding[] {
  return bindings.filter(({ name }, i) => bindings.findIndex((other) => other.name === name) === i);
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

/** What a shader does whose invocations work together. */
export interface GroupBody {
  /** Workgroups that have work to do. */
  readonly workgroups: number;
  /** Invocations of each. */
  readonly workgroupSize: number;
  /** Directives at the top. */
  readonly enable?: string;
  /** Module-scope text: memory of a group. */
  readonly helpers?: string;
  /** Statements of one invocation; `square` (u32) is the number of its group, `local` (u32) its own in the group. */
  readonly body: string;
}

/** A pass that runs `body` once for each item. */
export function shaderPass(bindings: readonly Binding[], shader: ShaderBody): WgslPass {
  const { items, workgroupSize = 64, helpers = "", body } = shader;
  const code = frame(bindings, workgroupSize, helpers, [
    `let item = (group.x + group.y * groups.x) * ${workgroupSize}u + local;`,
    `if (item >= ${items}u) { return; }`,
    body,
  ]);
  return { code, buffers: bindings.map(({ buffer }) => buffer), workgroups: Math.ceil(items / workgroupSize) };
}

/** A pass of whole workgroups, whose invocations all reach every statement. */
export function groupPass(bindings: readonly Binding[], shader: GroupBody): WgslPass {
  const { workgroups, workgroupSize, enable = "", helpers = "", body } = shader;
  const code = frame(bindings, workgroupSize, helpers, [
    "let square = group.x + group.y * groups.x;",
    `if (square >= ${workgroups}u) { return; }`,
    body,
  ]);
  return { code: `${enable}\n${code}`, buffers: bindings.map(({ buffer }) => buffer), workgroups };
}

function frame(bindings: readonly Binding[], size: number, helpers: string, statements: readonly string[]): string {
  const declarations = bindings.map(({ name, type }, binding) => declarationOf({ binding, name, type }));
  return `${declarations.join("\n")}
${helpers}
@compute @workgroup_size(${size})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
${statements.join("\n")}
}
`;
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
