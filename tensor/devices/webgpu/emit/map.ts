/** @file Fused elementwise kernels. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import type { MapKernel } from "../../../compiler/kernel.ts";
import type { WgslBuffer, WgslKernel, WgslMemory } from "../../../compiler/kernel_text.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../spec.ts";
import { mathTexts } from "./functions.ts";
import { isShort, storeNeighbours, wideBuffers, writeElements } from "./neighbours.ts";
import { groupPass } from "./shader.ts";
import { storageType } from "./values.ts";

/** Invocations of a group, as many as every device allows: with 64, llvmpipe took twice as long. */
const GROUP = 256;

/**
 * Writes a fused elementwise kernel: four neighbouring elements of every output per invocation where they lie in vec4, else
 * one.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @param outputs Specs of the buffers it writes, one per value.
 * @param inPlace For an output that takes an input's place: the position of that input. One buffer is bound once.
 * @returns One pass; none if there are no elements.
 */
export function emitMapWgsl(
  kernel: MapKernel,
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
  inPlace: ReadonlyMap<number, number> = new Map(),
): WgslKernel {
  const size = sizeOf(kernel.shape);
  if (size === 0) return { passes: [], scratchBytes: 0 };
  const { sizes, values } = mergeAxes([kernel.shape], kernel.values);
  const wide = wideBuffers(values);
  const four = (sizes.at(-1) ?? 1) % 4 === 0 && wide.size > 0 && isShort(values);
  const typeOf = (dtype: DType, vector: boolean): WgslBuffer["type"] => four && vector ? "vec4f" : storageType(dtype);
  const buffers: readonly WgslBuffer[] = [
    ...inputs.map(({ dtype }, i) => ({ name: `in${i}`, type: typeOf(dtype, wide.has(i)), buffer: i })),
    ...outputs.map(({ dtype }, i) => (
      { name: `out${i}`, type: typeOf(dtype, dtype === "float32"), buffer: inputs.length + i }
    )).filter((_, i) => !inPlace.has(i)),
  ];
  const write = (memory: WgslMemory) => {
    const needs = new Set<FunctionName>();
    const load = (buffer: number, index: string) => memory.load(`in${buffer}`, index);
    const { lines, results } = writeElements({ sizes, values, four, load, wide }, needs);
    const stores = outputs.flatMap(({ dtype }, i) => {
      const name = inPlace.has(i) ? `in${inPlace.get(i)}` : `out${i}`;
      return storeNeighbours(memory, { name, dtype }, results.map((lane) => lane[i]!));
    });
    const body = `let at = (i32(square) * ${GROUP} + i32(local))${four ? " * 4" : ""};
  if (at >= ${size}) { return; }
  ${[...lines, ...stores].join("\n  ")}`;
    return { functions: mathTexts(needs), body };
  };
  const workgroups = Math.ceil((four ? size / 4 : size) / GROUP);
  return { passes: [groupPass(buffers, { workgroups, workgroupSize: GROUP, write })], scratchBytes: 0 };
}
