/** @file Maps that finish the results of a reduction where its shaders write them. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import type { ReduceKernel } from "../../../compiler/kernel.ts";
import type { WgslBuffer, WgslKernel, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import type { TensorSpec } from "../../../spec.ts";
import type { Operands } from "./epilogue.ts";
import { mathTexts } from "./functions.ts";
import { joinedMemory } from "./memory.ts";
import { writeElements } from "./neighbours.ts";
import { emitReduceWgsl, type ReduceOptions } from "./reduce.ts";
import { storageType, stored } from "./values.ts";

/** What a step reads and writes, and what `emitReduceWgsl` asks for. */
type FinishedOperands = Operands & ReduceOptions & { readonly inPlace: ReadonlyMap<number, number> };

/**
 * Writes a reduction that ends in an epilogue: where the last of the results of a place would be written, and with it all are
 * there, the map is computed, and written instead.
 *
 * @param kernel The reduction, with an epilogue.
 * @param operands Specs of all that the step reads and writes, what lies in one place, and subgroups.
 * @returns The passes of the reduction as it stands alone, one of which computes the map.
 */
export function emitFinishedWgsl(kernel: ReduceKernel, operands: FinishedOperands): WgslKernel {
  const { results, stores } = kernel;
  const { reads, keeps } = kernel.epilogue!;
  const { inputs, outputs, subgroup } = operands;
  const first = outputs.length - stores.length; // of the outputs that are stored on the way
  const inPlace = new Map(
    [...operands.inPlace].flatMap(([at, input]) => at < first ? [] : [[at - first + results.length, input]]),
  );
  const text = emitReduceWgsl(kernel, inputs.slice(0, reads), { inPlace, subgroup });
  // Alone, results came right after the inputs, then what is stored, then the scratch.
  const order = [
    ...Array(reads).keys(),
    ...results.map((_, k) => keeps.includes(k) ? inputs.length + keeps.indexOf(k) : null),
    ...stores.map((_, i) => inputs.length + first + i),
    inputs.length + outputs.length,
  ];
  const moved = (buffers: readonly WgslBuffer[]) =>
    buffers.flatMap((each) => order[each.buffer] === null ? [] : [{ ...each, buffer: order[each.buffer]! }]);
  const passes = text.passes.map((pass) => {
    const own = pass.buffers.filter(({ buffer }) => buffer >= reads && buffer < reads + results.length);
    const shared = { ...pass, buffers: moved(pass.buffers) };
    return own.length === 0 ? shared : finishPass(shared, own.map(({ name }) => name), kernel, operands);
  });
  return { ...text, passes };
}

/** Lets a pass finish the results of a place, which it writes to buffers of these names. */
function finishPass(
  pass: WgslPass,
  names: readonly string[],
  { epilogue }: ReduceKernel,
  { inputs, outputs, inPlace }: FinishedOperands,
): WgslPass {
  const { map, reads, keeps } = epilogue!;
  const { sizes, values } = mergeAxes([map.shape], map.values);
  const first = keeps.length; // of the outputs that the map makes
  const bound = (name: string, { dtype }: TensorSpec, buffer: number) => ({ name, type: storageType(dtype), buffer });
  const read = inputs.slice(reads).map((x, i): WgslBuffer => bound(`more${i}`, x, reads + i));
  const written = outputs.slice(first, first + values.length).map((x, i): WgslBuffer =>
    bound(`made${i}`, x, inputs.length + first + i)
  );
  const places = written.map((each, i) => read[(inPlace.get(first + i) ?? -1) - reads] ?? each);
  const write = (memory: WgslMemory) => {
    const needs = new Set<FunctionName>();
    const load = (buffer: number, index: string) =>
      buffer < names.length ? `own${buffer}` : memory.load(read[buffer - names.length]!.name, index);
    const { lines, results: [made] } = writeElements({ sizes, values, four: false, load, wide: new Set() }, needs);
    const finish = [
      ...keeps.map((k) => memory.store(names[k]!, "at", `own${k}`)),
      ...lines,
      ...values.map(({ dtype }, i) => memory.store(places[i]!.name, "at", stored(dtype, made![i]!))),
    ].join("\n");
    const { functions = [], body } = pass.write(handedOver(memory, names, finish));
    return { functions: [...functions, ...mathTexts(needs)], body };
  };
  return { ...pass, buffers: [...pass.buffers, ...written.filter((each) => places.includes(each)), ...read], write };
}

/** The memory that a reduction sees: of a place it hands over one result after the other, and with the last all are there. */
function handedOver(memory: WgslMemory, names: readonly string[], finish: string): WgslMemory {
  const own: string[] = [];
  const store = (k: number) => (_: string, index: string, value: string) => {
    own[k] = `let own${k} = ${value};`;
    if (k < names.length - 1) return "";
    return `{ let own_at = ${index}; ${own.join(" ")} let at = own_at;\n${finish} }`;
  };
  return names.reduce((joined, name, k) => joinedMemory(joined, name, { store: store(k) }), memory);
}
