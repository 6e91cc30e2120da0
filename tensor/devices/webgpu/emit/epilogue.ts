/** @file Maps that finish the results of a template where its shaders write them. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import type { Epilogue } from "../../../compiler/kernel.ts";
import type { WgslBuffer, WgslKernel, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import type { DType, TensorSpec } from "../../../spec.ts";
import { mathTexts } from "./functions.ts";
import { joinedMemory } from "./memory.ts";
import { type Elements, storeNeighbours, wideBuffers, writeElements } from "./neighbours.ts";
import { LANES, storageType } from "./values.ts";

/** What the step of a kernel and its epilogue reads, then what it writes. */
export interface Operands {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/**
 * Lets a template end in an epilogue: where a pass writes a result, it hands it to a function that computes and writes what
 * the map makes of it, four neighbours at once where the pass writes four.
 *
 * @param kernel The template as it stands alone; its passes write each result once and read none.
 * @param epilogue The map.
 * @param operands Specs of all that the step reads and writes.
 * @returns The kernel with positions in `[...inputs, ...outputs, scratch]` of the step.
 */
export function attachEpilogue(kernel: WgslKernel, epilogue: Epilogue, operands: Operands): WgslKernel {
  const { inputs, outputs } = operands;
  const { reads } = epilogue;
  // Alone, the one result came right after the inputs, and the scratch after it.
  const moved = (position: number) =>
    position <= reads ? position : position - reads - 1 + inputs.length + outputs.length;
  const passes = kernel.passes.map((pass) => {
    const buffers = pass.buffers.map((each) => ({ ...each, buffer: moved(each.buffer) }));
    const own = buffers.find(({ buffer }) => buffer === reads);
    return own ? finishPass({ ...pass, buffers }, epilogue, operands, own) : { ...pass, buffers };
  });
  return { ...kernel, passes };
}

/** Lets a pass hand over the result `own` where it writes it. */
function finishPass(pass: WgslPass, epilogue: Epilogue, operands: Operands, own: WgslBuffer): WgslPass {
  const { map, keeps } = epilogue;
  const { sizes, values } = mergeAxes([map.shape], map.values);
  const four = own.type === "vec4f" && (sizes.at(-1) ?? 1) % 4 === 0;
  const wide = four ? wideBuffers(values) : new Set<number>();
  const { read, written } = boundBuffers(operands, { ...epilogue, four, wide });
  const kept = keeps.map(() => ({ ...own, buffer: operands.inputs.length }));
  // What is written first takes the binding of the result.
  const [first, ...others] = [...kept, ...written, ...read];
  const write = (memory: WgslMemory) => {
    const needs = new Set<FunctionName>();
    const load = (buffer: number, index: string) => memory.load(read[buffer - 1]!.name, index);
    const finish = finishFunction(memory, { sizes, values, four, load, wide, own: 0 }, written, needs);
    const store = keeps.map(() => `${memory.store(own.name, "own_at", "own")} `).join("");
    const finishing = joinedMemory(memory, own.name, {
      store: (_, index, value) => `{ let own_at = ${index}; let own = ${value}; ${store}${callsOf(own, four)} }`,
    });
    const { functions = [], body } = pass.write(finishing);
    return { functions: [...functions, ...mathTexts(needs), finish], body };
  };
  return { ...pass, buffers: [...pass.buffers.map((each) => each === own ? first! : each), ...others], write };
}

/** Buffers that the map reads, beside the result at hand, and that it writes. */
function boundBuffers(
  { inputs, outputs }: Operands,
  { reads, keeps, four, wide }: Epilogue & Pick<Elements, "four" | "wide">,
) {
  const typeOf = (dtype: DType, vector: boolean) => vector ? "vec4f" : storageType(dtype);
  const read = inputs.slice(reads).map(({ dtype }, i): WgslBuffer => (
    { name: `more${i}`, type: typeOf(dtype, wide.has(i + 1)), buffer: reads + i }
  ));
  const written = outputs.slice(keeps.length).map(({ dtype }, i): WgslBuffer & { readonly dtype: DType } => ({
    name: `made${i}`,
    type: typeOf(dtype, four && dtype === "float32"),
    dtype,
    buffer: inputs.length + keeps.length + i,
  }));
  return { read, written };
}

/** Statements that finish a result, or four, which lie at `own_at` and have the value `own`. */
function callsOf({ type }: WgslBuffer, four: boolean): string {
  if (type !== "vec4f" || four) return "finish(own_at, own);";
  return LANES.map((lane, i) => `finish(own_at * 4u + ${i}u, own.${lane});`).join(" ");
}

/** The function that finishes one result, or four. */
function finishFunction(
  memory: WgslMemory,
  map: Elements,
  written: readonly { readonly name: string; readonly dtype: DType }[],
  needs: Set<FunctionName>,
): string {
  const { lines, results } = writeElements(map, needs);
  const stores = written.flatMap((output, i) => storeNeighbours(memory, output, results.map((lane) => lane[i]!)));
  return `fn finish(index: u32, own: ${map.four ? "vec4f" : "f32"}) {
  let at = i32(index)${map.four ? " * 4" : ""};
  ${[...lines, ...stores].join("\n  ")}
}`;
}
