/** @file Maps that finish the results of a template where its shaders write them. */
import type { ScalarOp } from "../../../compiler/operations.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import type { Epilogue, WgslKernel, WgslPass } from "../../../compiler/kernel.ts";
import type { DType, TensorSpec } from "../../../spec.ts";
import { appendBuffers, declareAnew, type Declared, declaredIn, rewriteUses } from "./buffer_uses.ts";
import { addWithMath } from "./functions.ts";
import { type Elements, storeNeighbours, wideBuffers, writeElements } from "./neighbours.ts";
import { LANES, storageType } from "./values.ts";

/** What the step of a template and its epilogue reads, then what it writes. */
interface Operands {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** A buffer of an epilogue: `position` is that among `[...inputs, ...outputs, scratch]`. */
type Bound = Omit<Declared, "binding"> & { readonly position: number };

/**
 * Lets a template end in an epilogue: where a pass wrote a result, it hands it to a function that computes and writes what
 * the map makes of it, four neighbours at once where the pass wrote four.
 *
 * @param kernel The template as it stands alone; its passes write each result once, as `name[index] = value;`.
 * @param epilogue The map.
 * @param operands Specs of all that the step reads and writes.
 * @returns The kernel with positions in `[...inputs, ...outputs, scratch]` of the step.
 */
export function attachEpilogue(kernel: WgslKernel, epilogue: Epilogue, operands: Operands): WgslKernel {
  const { inputs, outputs } = operands;
  const { reads } = epilogue;
  // Alone, the one result came right after the inputs, and the scratch after it.
  const moved = (position: number) =>
    position < reads ? position : position - reads - 1 + inputs.length + outputs.length;
  const passes = kernel.passes.map((pass) =>
    pass.buffers.includes(reads)
      ? finishPass(pass, epilogue, operands, moved)
      : { ...pass, buffers: pass.buffers.map(moved) }
  );
  return { ...kernel, passes };
}

/** Lets a pass that writes the result hand it over. */
function finishPass(
  pass: WgslPass,
  epilogue: Epilogue,
  operands: Operands,
  moved: (position: number) => number,
): WgslPass {
  const { map, reads, keeps } = epilogue;
  const at = pass.buffers.indexOf(reads);
  const result = declaredIn(pass.code, at);
  const { sizes, values } = mergeAxes([map.shape], map.values);
  const four = result.type === "vec4f" && (sizes.at(-1) ?? 1) % 4 === 0;
  const wide = four ? wideBuffers(values) : new Set<number>();
  const { read, written } = boundBuffers(operands, { ...epilogue, four, wide });
  const buffers = [result.name, ...read.map(({ name }) => name)];
  const needs = new Set<ScalarOp>();
  const finish = finishFunction({ sizes, values, four, buffers, wide, own: 0 }, written, needs);
  const kept: readonly Bound[] = keeps ? [{ ...result, position: operands.inputs.length }] : [];
  // What is written first takes the binding of the result.
  const [first, ...others] = [...kept, ...written, ...read];
  const code = declareAnew(pass.code, (buffer) => buffer.binding === at ? { ...first!, binding: at } : buffer);
  const handed = rewriteUses(code, [result.name], {
    read: refuseRead,
    write: (name, index, value) => handOver(result.type, four, { store: keeps ? name : null, index, value }),
  });
  const own = pass.buffers.map((position, i) => i === at ? first!.position : moved(position));
  return appendBuffers({ ...pass, code: addWithMath(handed, needs, finish), buffers: own }, others);
}

function refuseRead(name: string): never {
  throw new TypeError(`Cannot finish a template as it must not read its result: current text reads ${name}`);
}

/** Buffers that the map reads, beside the result at hand, and that it writes. */
function boundBuffers(
  { inputs, outputs }: Operands,
  { reads, keeps, four, wide }: Epilogue & Pick<Elements, "four" | "wide">,
) {
  const typeOf = (dtype: DType, vector: boolean) => vector ? "vec4f" : storageType(dtype);
  const read = inputs.slice(reads).map(({ dtype }, i): Bound => (
    { name: `more${i}`, type: typeOf(dtype, wide.has(i + 1)), position: reads + i }
  ));
  const written = outputs.slice(Number(keeps)).map(({ dtype }, i): Bound & { readonly dtype: DType } => ({
    name: `made${i}`,
    type: typeOf(dtype, four && dtype === "float32"),
    dtype,
    position: inputs.length + Number(keeps) + i,
  }));
  return { read, written };
}

/** Statement in place of one that wrote a result, or four. */
function handOver(
  type: string,
  four: boolean,
  { store, index, value }: { readonly store: string | null; readonly index: string; readonly value: string },
): string {
  const calls = type !== "vec4f" || four
    ? ["finish(own_at, own);"]
    : LANES.map((lane, i) => `finish(own_at * 4u + ${i}u, own.${lane});`);
  const kept = store === null ? "" : `${store}[own_at] = own; `;
  return `{ let own_at = ${index}; let own = ${value}; ${kept}${calls.join(" ")} }`;
}

/** The function that finishes one result, or four. */
function finishFunction(
  map: Elements,
  written: readonly { readonly name: string; readonly dtype: DType }[],
  needs: Set<ScalarOp>,
): string {
  const { lines, results } = writeElements(map, needs);
  const stores = written.flatMap((output, i) => storeNeighbours(output, results.map((lane) => lane[i]!)));
  return `fn finish(index: u32, own: ${map.four ? "vec4f" : "f32"}) {
  let at = i32(index)${map.four ? " * 4" : ""};
  ${[...lines, ...stores].join("\n  ")}
}`;
}
