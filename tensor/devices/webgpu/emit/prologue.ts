/** @file Maps that make an operand of a template where its shaders read it. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import type { Prologue } from "../../../compiler/kernel.ts";
import type { WgslBuffer, WgslKernel, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import type { TensorSpec } from "../../../spec.ts";
import { mathTexts } from "./functions.ts";
import { joinedMemory } from "./memory.ts";
import { type Elements, wideBuffers, writeElements } from "./neighbours.ts";
import { LANES, storageType } from "./values.ts";

/**
 * Lets a template begin with a prologue: where a pass reads an element of an operand, or four, it calls a function that
 * computes it from what the map reads.
 *
 * @param kernel The template as it stands alone.
 * @param prologue The map.
 * @param operands Specs of what the step reads: the first source of the map in place of the operand, the others after the
 * inputs of the template.
 * @returns The kernel with positions in these inputs; what came after the inputs of the template comes after the map's.
 */
export function attachPrologue(
  kernel: WgslKernel,
  prologue: Prologue,
  operands: { readonly inputs: readonly TensorSpec[] },
): WgslKernel {
  const { operand, reads, sources } = prologue;
  const moved = (position: number) => position < reads ? position : position + sources - 1;
  const passes = kernel.passes.map((pass) => {
    const buffers = pass.buffers.map((each) => ({ ...each, buffer: moved(each.buffer) }));
    const own = buffers.find(({ buffer }) => buffer === operand);
    return own ? beginPass({ ...pass, buffers }, prologue, operands.inputs, own) : { ...pass, buffers };
  });
  return { ...kernel, passes };
}

/** Lets a pass make the operand `own`, which it no longer binds, where it reads it. */
function beginPass(
  pass: WgslPass,
  { map, operand, reads, sources }: Prologue,
  inputs: readonly TensorSpec[],
  own: WgslBuffer,
): WgslPass {
  const { sizes, values } = mergeAxes([map.shape], map.values);
  const four = own.type === "vec4f" && (sizes.at(-1) ?? 1) % 4 === 0;
  const wide = four ? wideBuffers(values) : new Set<number>();
  const positions = [operand, ...Array.from({ length: sources - 1 }, (_, i) => reads + i)];
  const [first, ...others] = positions.map((buffer, i): WgslBuffer => (
    { name: `source${operand}_${i}`, type: wide.has(i) ? "vec4f" : storageType(inputs[buffer]!.dtype), buffer }
  ));
  const name = `begin${operand}`;
  const write = (memory: WgslMemory) => {
    const needs = new Set<FunctionName>();
    const load = (source: number, index: string) => memory.load(`source${operand}_${source}`, index);
    const begin = beginFunction(name, { sizes, values, four, wide, load }, needs);
    const computing = joinedMemory(memory, own.name, { load: (_, index) => callOf(name, own, four, index) });
    const { functions = [], body } = pass.write(computing);
    return { functions: [...functions, ...mathTexts(needs), begin], body };
  };
  return { ...pass, buffers: [...pass.buffers.map((each) => each === own ? first! : each), ...others], write };
}

/** Expression in place of an element of the operand, or of four. */
function callOf(name: string, { type }: WgslBuffer, four: boolean, index: string): string {
  if (type !== "vec4f" || four) return `${name}(${index})`;
  return `vec4f(${LANES.map((_, lane) => `${name}((${index}) * 4u + ${lane}u)`).join(", ")})`;
}

/** The function that makes one element of the operand, or four. */
function beginFunction(name: string, map: Elements, needs: Set<FunctionName>): string {
  const { lines, results } = writeElements(map, needs);
  const made = results.map(([value]) => value!);
  return `fn ${name}(index: u32) -> ${map.four ? "vec4f" : "f32"} {
  let at = i32(index)${map.four ? " * 4" : ""};
  ${lines.join("\n  ")}
  return ${map.four ? `vec4f(${made.join(", ")})` : made[0]};
}`;
}
