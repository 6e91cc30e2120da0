/** @file Maps that finish the results of a template where its shaders write them. */
import { mergeAxes } from "../../compiler/axes.ts";
import type { Epilogue, WgslKernel, WgslPass } from "../../compiler/kernel.ts";
import { type Scalar, visitScalars } from "../../compiler/scalar.ts";
import type { DType, TensorSpec } from "../../spec.ts";
import { declarationOf, declareAnew, type Declared, rewriteUses } from "./buffer_uses.ts";
import { mathText } from "./math.ts";
import { affine, decode, storageType, stored, ValueWriter } from "./values.ts";

const LANES = ["x", "y", "z", "w"] as const;

/** What the step of a template and its epilogue reads, then what it writes. */
interface Operands {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

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

/** A buffer of an epilogue, before it has a binding: `position` is that among `[...inputs, ...outputs, scratch]`. */
type Bound = Omit<Declared, "binding"> & { readonly position: number };

function finishPass(
  pass: WgslPass,
  epilogue: Epilogue,
  operands: Operands,
  moved: (position: number) => number,
): WgslPass {
  const { map, reads, keeps } = epilogue;
  const at = pass.buffers.indexOf(reads);
  const found: Declared[] = [];
  declareAnew(pass.code, (buffer) => (found.push(buffer), buffer));
  const result = found.find(({ binding }) => binding === at)!;
  const merged = mergeAxes([map.shape], map.values);
  const four = result.type === "vec4f" && (merged.sizes.at(-1) ?? 1) % 4 === 0;
  const wide = four ? wideBuffers(merged.values) : new Set<number>();
  const { read, written } = boundBuffers(operands, { reads, keeps, four, wide });
  const kept: readonly Bound[] = keeps ? [{ ...result, position: operands.inputs.length }] : [];
  // What is written first takes the binding of the result.
  const [first, ...others] = [...kept, ...written, ...read];
  const more = others.map((buffer, i) => ({ ...buffer, binding: pass.buffers.length + i }));
  const code = declareAnew(pass.code, (buffer) => buffer.binding === at ? { ...first!, binding: at } : buffer);
  const handed = rewriteUses(code, [result.name], {
    read: refuseRead,
    write: (name, index, value) => handOver(result.type, four, { store: keeps ? name : null, index, value }),
  });
  return {
    ...pass,
    code: [handed, ...more.map(declarationOf), finishFunction(merged, operands, { reads, keeps, four, wide })].join(
      "\n",
    ),
    buffers: [
      ...pass.buffers.map((position, i) => i === at ? first!.position : moved(position)),
      ...more.map(({ position }) => position),
    ],
  };
}

function refuseRead(name: string): never {
  throw new TypeError(`Cannot finish a template as it must not read its result: current text reads ${name}`);
}

/** How an epilogue is laid out in a pass. */
interface Layout extends Pick<Epilogue, "reads" | "keeps"> {
  /** True if it finishes four neighbours at once. */
  readonly four: boolean;
  /** Buffers of its loads that it then reads as vec4. */
  readonly wide: ReadonlySet<number>;
}

function boundBuffers({ inputs, outputs }: Operands, { reads, keeps, four, wide }: Layout) {
  const typeOf = (dtype: DType, vector: boolean) => vector ? "vec4f" : storageType(dtype);
  const read = inputs.slice(reads).map(({ dtype }, i): Bound => (
    { name: `in${i + 1}`, type: typeOf(dtype, wide.has(i + 1)), position: reads + i }
  ));
  const written = outputs.slice(Number(keeps)).map(({ dtype }, i): Bound => (
    { name: `out${i}`, type: typeOf(dtype, four && dtype === "float32"), position: inputs.length + Number(keeps) + i }
  ));
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
  { sizes, values }: { readonly sizes: readonly number[]; readonly values: readonly Scalar[] },
  { inputs, outputs }: Operands,
  { reads, keeps, four, wide }: Layout,
): string {
  const names = sizes.map((_, axis) => `i${axis}`);
  const shared = { needs: new Set<string>(), count: 0 };
  const dtypes = ["float32" as const, ...inputs.slice(reads).map(({ dtype }) => dtype)];
  const made = outputs.slice(Number(keeps)).map(({ dtype }) => dtype);
  const loads = wideLoads(values, wide, names);
  const once = new Map<Scalar, string>();
  const before = new ValueWriter(names, dtypes, shared, once);
  if (four) sameForNeighbours(values).forEach((x) => before.value(x));
  const lanes = (four ? LANES : [null]).map((part, lane) => {
    const indices = lane === 0 ? names : [...names.slice(0, -1), `(${names.at(-1)} + ${lane})`];
    const known = new Map(once);
    visitScalars(values, (x) => {
      if (isOwn(x)) known.set(x, part ? `own.${part}` : "own");
      else if (loads.names.has(x)) known.set(x, `${loads.names.get(x)}.${part}`);
    });
    const writer = new ValueWriter(indices, dtypes, shared, known);
    const results = values.map((value, i) => stored(made[i]!, writer.value(value)));
    return { lines: writer.lines, results };
  });
  const stores = made.flatMap((dtype, i) => {
    const results = lanes.map(({ results }) => results[i]!);
    if (four && dtype === "float32") return [`out${i}[index] = vec4f(${results.join(", ")});`];
    return results.map((result, lane) => `out${i}[at + ${lane}] = ${result};`);
  });
  const lines = [...loads.lines, ...before.lines, ...lanes.flatMap(({ lines }) => lines), ...stores];
  return `${mathText(shared.needs)}
fn finish(index: u32, own: ${four ? "vec4f" : "f32"}) {
  let at = i32(index)${four ? " * 4" : ""};
  ${decode("at", sizes, names)}
  ${lines.join("\n  ")}
}`;
}

const isOwn = (x: Scalar) => x.kind === "load" && x.access.buffer === 0;

/** Buffers whose loads at four neighbours are always one vec4 in memory. */
function wideBuffers(values: readonly Scalar[]): ReadonlySet<number> {
  const [wide, narrow] = [new Set<number>(), new Set<number>()];
  visitScalars(values, (x) => {
    if (x.kind !== "load" || isOwn(x)) return;
    const { buffer, strides, offset } = x.access;
    const whole = x.dtype === "float32" && strides.at(-1) === 1 &&
      [...strides.slice(0, -1), offset].every((step) => step % 4 === 0);
    (whole ? wide : narrow).add(buffer);
  });
  return wide.difference(narrow);
}

/** Loads of vec4, and the name of each. */
function wideLoads(values: readonly Scalar[], wide: ReadonlySet<number>, indices: readonly string[]) {
  const lines: string[] = [];
  const names = new Map<Scalar, string>();
  visitScalars(values, (x) => {
    if (x.kind !== "load" || !wide.has(x.access.buffer)) return;
    const { buffer, strides, offset } = x.access;
    const name = `four_${lines.length}`;
    lines.push(`let ${name} = in${buffer}[(${affine(indices, strides, offset)}) / 4];`);
    names.set(x, name);
  });
  return { lines, names };
}

/** Expressions that are the same for four neighbours: they do not depend on the last axis. */
function sameForNeighbours(values: readonly Scalar[]): readonly Scalar[] {
  const found = new Set<Scalar>();
  visitScalars(values, (x) => {
    const same = x.kind === "op"
      ? x.args.every((arg) => arg.kind === "const" || found.has(arg))
      : x.kind === "load"
      ? !isOwn(x) && x.access.strides.at(-1) === 0
      : x.kind === "index" && x.coefficients.at(-1) === 0;
    if (same) found.add(x);
  });
  return [...found];
}
