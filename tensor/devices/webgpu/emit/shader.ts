/** @file The frame around every shader: bindings, the entry point, the number of an invocation. */
import type { WgslBuffer, WgslMemory, WgslPass, WgslText } from "../../../compiler/kernel_text.ts";
import { declarationsOf, plainMemory } from "./memory.ts";

/** A pass as the GPU takes it: a whole text with entry point `main`, and what is bound in the order of the bindings. */
export interface Shader extends Pick<WgslPass, "workgroups" | "workgroupSize"> {
  readonly code: string;
  /** Positions in `[...inputs, ...outputs, scratch]`. */
  readonly buffers: readonly number[];
}

/** Buffers by name, each once: what reads and writes parts of one buffer binds it once. */
export function distinct(buffers: readonly WgslBuffer[]): readonly WgslBuffer[] {
  return buffers.filter(({ name }, i) => buffers.findIndex((other) => other.name === name) === i);
}

/** What a shader does, apart from its frame. */
export interface ItemBody {
  /** Invocations that have work to do. */
  readonly items: number;
  /** Invocations of a workgroup, 64 by default. */
  readonly workgroupSize?: number;
  /** Statements of one invocation; `item` (u32) is its number. */
  body(memory: WgslMemory): string;
}

/**
 * What a shader does whose invocations work together: in its statements `square` (u32) is the number of a group, `local`
 * (u32) that of an invocation in it.
 */
export type GroupBody = Omit<WgslPass, "buffers">;

/** A pass that runs `body` once for each item. */
export function itemPass(buffers: readonly WgslBuffer[], { items, workgroupSize = 64, body }: ItemBody): WgslPass {
  const write = (memory: WgslMemory) => ({
    body: `let item = (group.x + group.y * groups.x) * ${workgroupSize}u + local;
if (item >= ${items}u) { return; }
${body(memory)}`,
  });
  return { buffers, workgroups: Math.ceil(items / workgroupSize), workgroupSize, write };
}

/** A pass of whole workgroups, whose invocations all reach every statement. */
export function groupPass(buffers: readonly WgslBuffer[], shader: GroupBody): WgslPass {
  const write = (memory: WgslMemory): WgslText => {
    const text = shader.write(memory);
    const body = `let square = group.x + group.y * groups.x;
if (square >= ${shader.workgroups}u) { return; }
${text.body}`;
    return { ...text, body };
  };
  return { ...shader, buffers, write };
}

/**
 * Writes the text of a pass.
 *
 * @param pass The pass, with all that joins it.
 * @param halves Positions in `[...inputs, ...outputs, scratch]` that hold float16.
 * @returns The shader.
 * @throws {TypeError} If what holds float16 is no `f32` or `vec4f`.
 */
export function shaderOf(pass: WgslPass, halves: ReadonlySet<number> = new Set()): Shader {
  const { buffers, workgroups, workgroupSize, enable } = pass;
  const { functions = [], body } = pass.write(plainMemory(buffers, halves));
  const directives = [
    ...buffers.some(({ buffer }) => halves.has(buffer)) ? ["enable f16;"] : [],
    ...enable ? [enable] : [],
  ];
  const code = `${[...directives, ...declarationsOf(buffers, halves), ...new Set(functions)].join("\n")}
@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
${body}
}
`;
  return { code, buffers: buffers.map(({ buffer }) => buffer), workgroups, workgroupSize };
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
