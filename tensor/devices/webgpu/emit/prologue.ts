/** @file Maps that make an operand of a template where its shaders read it. */
import type { ScalarOp } from "../../../compiler/operations.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import type { Prologue, WgslKernel, WgslPass } from "../../../compiler/kernel.ts";
import type { TensorSpec } from "../../../spec.ts";
import { appendBuffers, declareAnew, declaredIn, rewriteUses } from "./buffer_uses.ts";
import { addWithMath } from "./functions.ts";
import { type Elements, wideBuffers, writeElements } from "./neighbours.ts";
import { LANES, storageType } from "./values.ts";

/**
 * Lets a template begin with a prologue: where a pass read an element of an operand, or four, it calls a function that
 * computes it from what the map reads.
 *
 * @param kernel The template as it stands alone; its passes read the operand as `name[index]`.
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
    const buffers = pass.buffers.map(moved);
    return buffers.includes(operand)
      ? beginPass({ ...pass, buffers }, prologue, operands.inputs)
      : { ...pass, buffers };
  });
  return { ...kernel, passes };
}

/** Lets a pass that reads the operand make it. */
function beginPass(
  pass: WgslPass,
  { map, operand, reads, sources }: Prologue,
  inputs: readonly TensorSpec[],
): WgslPass {
  const at = pass.buffers.indexOf(operand);
  const { name, type } = declaredIn(pass.code, at);
  const begin = `begin${operand}`;
  const { sizes, values } = mergeAxes([map.shape], map.values);
  const four = type === "vec4f" && (sizes.at(-1) ?? 1) % 4 === 0;
  const wide = four ? wideBuffers(values) : new Set<number>();
  const positions = [operand, ...Array.from({ length: sources - 1 }, (_, i) => reads + i)];
  const bound = positions.map((position, i) => ({
    name: `source${operand}_${i}`,
    type: wide.has(i) ? "vec4f" : storageType(inputs[position]!.dtype),
    position,
  }));
  const code = declareAnew(pass.code, (buffer) => buffer.binding === at ? { ...bound[0]!, binding: at } : buffer);
  const begun = rewriteUses(code, [name], {
    read: (_, index) => callOf(begin, type, four, index),
    write: refuseWrite,
  });
  const needs = new Set<ScalarOp>();
  const buffers = bound.map((each) => each.name);
  const text = beginFunction(begin, { sizes, values, four, wide, buffers }, needs);
  return appendBuffers({ ...pass, code: addWithMath(begun, needs, text) }, bound.slice(1));
}

/** Expression in place of an element that was read, or of four. */
function callOf(name: string, type: string, four: boolean, index: string): string {
  if (type !== "vec4f" || four) return `${name}(${index})`;
  return `vec4f(${LANES.map((_, lane) => `${name}((${index}) * 4u + ${lane}u)`).join(", ")})`;
}

function refuseWrite(name: string): never {
  throw new TypeError(`Cannot begin a template as it must not write its operand: current text writes ${name}`);
}

/** The function that makes one element of the operand, or four. */
function beginFunction(name: string, map: Elements, needs: Set<ScalarOp>): string {
  const { lines, results } = writeElements(map, needs);
  const made = results.map(([value]) => value!);
  return `fn ${name}(index: u32) -> ${map.four ? "vec4f" : "f32"} {
  let at = i32(index)${map.four ? " * 4" : ""};
  ${lines.join("\n  ")}
  return ${map.four ? `vec4f(${made.join(", ")})` : made[0]};
}`;
}
