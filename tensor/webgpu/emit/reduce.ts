import { mergeAxes } from "../../compiler/axes.ts";
import {
  type Reduced,
  type ReduceKernel,
  valuesOf,
  type WgslKernel,
  type WgslPass,
  type WgslSubgroup,
} from "../../compiler/kernel.ts";
import { type Scalar, visitScalars } from "../../compiler/scalar.ts";
import type { DType, TensorSpec } from "../../spec.ts";
import { affine, decode, literalOf, shader, storageType, stored, TYPES, ValueWriter } from "./values.ts";

/** Invocations of a group; where memory runs along the reduced axis, a group shares one place. */
const GROUP = 64;
/** Reduced elements that one invocation adds up before partial results are combined. */
const RUN = 128;
/** Bound of the partial results, in elements. */
const MAX_PARTIALS = 1 << 22;

type Operation = Reduced["op"];

function combine({ op, value: { dtype } }: Reduced, a: string, b: string): string {
  if (op === "sum") return `${a} + ${b}`;
  return dtype === "float32" ? `${op}_nan(${a}, ${b})` : `${op}(${a}, ${b})`;
}

function identityOf(op: Operation, dtype: DType): string {
  if (op === "sum") return literalOf(0, dtype);
  const lowest = { float32: -Infinity, float64: -Infinity, int32: -2147483648, uint32: 0, bool: 0 }[dtype];
  const highest = { float32: Infinity, float64: Infinity, int32: 2147483647, uint32: 4294967295, bool: 1 }[dtype];
  return literalOf(op === "max" ? lowest : highest, dtype);
}

/** Bools are reduced as 0 and 1. */
function registerOf({ value: { dtype } }: Reduced): DType {
  return dtype === "bool" ? "uint32" : dtype;
}

function needsOf(results: readonly Reduced[]): Set<string> {
  return new Set(results.flatMap(({ op, value: { dtype } }) => dtype === "float32" && op !== "sum" ? [op] : []));
}

/** True if loads step by one along the innermost reduced axis rather than the innermost kept one. */
function runsAlongReduced(roots: readonly Scalar[], kept: number, reduced: number): boolean {
  let [keptSteps, reducedSteps] = [0, 0];
  visitScalars(roots, (x) => {
    if (x.kind !== "load" && x.kind !== "gather") return;
    keptSteps += Number(kept > 0 && x.access.strides[kept - 1] === 1);
    reducedSteps += Number(reduced > 0 && x.access.strides.at(-1) === 1);
  });
  return reducedSteps >= keptSteps;
}

/**
 * Writes fused reductions side by side. The longest reduced axis is cut into slabs that depend on the shape alone; their
 * partial results are combined in order by a second pass.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @param options `inPlace`: for an output that takes an input's place, the position of that input; one buffer is bound
 * once. `subgroup`: invocations that can read each other's registers, if there are any.
 * @returns One pass, and a second if there are slabs; none if there is nothing to do.
 */
export function emitReduceWgsl(
  kernel: ReduceKernel,
  inputs: readonly TensorSpec[],
  { inPlace = new Map(), subgroup }: {
    readonly inPlace?: ReadonlyMap<number, number>;
    readonly subgroup?: WgslSubgroup | undefined;
  } = {},
): WgslKernel {
  const { plan, kept, reduced } = planOf(kernel);
  const product = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);
  const [places, count] = [product(kept), product(reduced)];
  if (places === 0) return { passes: [], scratchBytes: 0 };
  const together = runsAlongReduced(valuesOf(plan), kept.length, reduced.length) && (reduced.at(-1) ?? 1) >= GROUP;
  const slab = together ? RUN * GROUP : RUN;
  const longest = Math.max(1, ...reduced);
  const wanted = Math.min(Math.ceil(count / slab), longest, Math.floor(MAX_PARTIALS / places));
  const length = Math.max(1, Math.ceil(longest / Math.max(1, wanted)));
  const slabs = Math.max(1, Math.ceil(longest / length));
  const split = { places, slabs, length, together, cut: reduced.indexOf(longest), inPlace, subgroup };
  const main = reducePass(plan, inputs, kept, reduced, split);
  if (slabs === 1) return { passes: [main], scratchBytes: 0 };
  const outputs = plan.results.length + plan.stores.length;
  const combined = combinePass(plan.results, split, inputs.length, outputs);
  return { passes: [main, combined], scratchBytes: 4 * slabs * places * plan.results.length };
}

/** The kernel over merged axes. */
function planOf(kernel: ReduceKernel) {
  const { shape, reduceShape, results, stores } = kernel;
  // Axes merge only where what is stored steps through them as through one, too.
  const addresses = stores.map(({ value: { dtype }, strides }): Scalar => ({
    ...{ kind: "load", dtype, access: { buffer: -1, strides, offset: 0 } },
  }));
  const { sizes, leading, values } = mergeAxes([shape, reduceShape], [...valuesOf(kernel), ...addresses]);
  const plan: ReduceKernel = {
    ...kernel,
    results: results.map((result, k) => ({ ...result, value: values[k]! })),
    stores: stores.map((_, i) => ({
      value: values[results.length + i]!,
      strides: (values[results.length + stores.length + i] as Scalar & { kind: "load" }).access.strides,
    })),
  };
  return { plan, kept: sizes.slice(0, leading), reduced: sizes.slice(leading) };
}

interface Split {
  /** How many indices are kept. */
  readonly places: number;
  readonly slabs: number;
  /** The reduced axis that is cut, and the size of a slab along it. */
  readonly cut: number;
  readonly length: number;
  /** True if a group of invocations shares one place. */
  readonly together: boolean;
  /** Position of the input that an output takes the place of. */
  readonly inPlace: ReadonlyMap<number, number>;
  /** Invocations that can read each other's registers. */
  readonly subgroup: WgslSubgroup | undefined;
}

function reducePass(
  kernel: ReduceKernel,
  inputs: readonly TensorSpec[],
  kept: readonly number[],
  reduced: readonly number[],
  split: Split,
): WgslPass {
  const { results } = kernel;
  const { places, slabs, length, together } = split;
  const [keptNames, reducedNames] = [kept.map((_, axis) => `k${axis}`), reduced.map((_, axis) => `r${axis}`)];
  const needs = needsOf(results);
  const target = (k: number) =>
    slabs > 1 ? `parts[(slab * ${results.length} + ${k}) * ${places} + place]` : `out${k}[place]`;
  const finish = (k: number, x: string) => `${target(k)} = ${slabs > 1 ? `bitcast<u32>(${x})` : x};`;
  const clear = results.map((result, k) => {
    const register = registerOf(result);
    return `var acc${k}: ${TYPES[register]} = ${identityOf(result.op, register)};`;
  });
  const ends = results.map((result, k) =>
    together ? shared(result, k, finish(k, `partial${k}[0]`), split.subgroup) : finish(k, `acc${k}`)
  );
  const innermost = visit(kernel, inputs, [...keptNames, ...reducedNames], needs, split.inPlace);
  const body = `let item = ${together ? "i32(linear)" : `i32(linear) * ${GROUP} + i32(local)`};
  ${together ? "" : `if (item >= ${places * slabs}) { return; }`}
  let place = item % ${places};
  let slab = item / ${places};
  let slab_from = slab * ${length};
  ${decode("place", kept, keptNames)}
  ${clear.join("\n")}
  ${reduceLoops(reduced, reducedNames, innermost, split)}
  ${ends.join("\n")}`;
  const workgroups = together ? places * slabs : Math.ceil(places * slabs / GROUP);
  const { bindings, buffers } = bind(kernel, inputs, split);
  const memory = results.map((result, k) =>
    together ? `var<workgroup> partial${k}: array<${TYPES[registerOf(result)]}, ${GROUP}>;\n` : ""
  );
  const enable = together && split.subgroup ? `${split.subgroup.enable}\n` : "";
  return { code: enable + memory.join("") + shader(bindings, needs, GROUP, workgroups, body), buffers, workgroups };
}

/** What happens at one index: values are combined into accumulators and stored. */
function visit(
  { results, stores }: ReduceKernel,
  inputs: readonly TensorSpec[],
  names: readonly string[],
  needs: Set<string>,
  inPlace: ReadonlyMap<number, number>,
): string {
  const writer = new ValueWriter(names, inputs.map((_, i) => `in${i}`), { needs, count: 0 });
  const texts = [...results, ...stores].map(({ value }) => writer.value(value));
  const combined = results.map((result, k) => {
    const { dtype } = result.value;
    return `acc${k} = ${combine(result, `acc${k}`, dtype === "bool" ? stored(dtype, texts[k]!) : texts[k]!)};`;
  });
  const written = stores.map(({ value: { dtype }, strides }, i) => {
    const output = results.length + i;
    const name = inPlace.has(output) ? `in${inPlace.get(output)}` : `out${output}`;
    return `${name}[${affine(names, strides, 0)}] = ${stored(dtype, texts[output]!)};`;
  });
  return [...writer.lines, ...combined, ...written].join("\n");
}

/** Bindings of the main pass. Partial results go to scratch, which comes after the outputs. */
function bind({ results, stores }: ReduceKernel, inputs: readonly TensorSpec[], { slabs, inPlace }: Split) {
  const finals = slabs > 1 ? [] : results.map((result, k) => ({ at: k, type: storageType(registerOf(result)) }));
  const own = stores.map(({ value }, i) => ({ at: results.length + i, type: storageType(value.dtype) }))
    .filter(({ at }) => !inPlace.has(at));
  const bindings = [
    ...inputs.map((x, i) => `in${i}: array<${storageType(x.dtype)}>`),
    ...[...finals, ...own].map(({ at, type }) => `out${at}: array<${type}>`),
    ...(slabs > 1 ? ["parts: array<u32>"] : []),
  ];
  const buffers = [
    ...inputs.keys(),
    ...[...finals, ...own].map(({ at }) => inputs.length + at),
    ...(slabs > 1 ? [inputs.length + results.length + stores.length] : []),
  ];
  return { bindings, buffers };
}

/** Loops over the reduced axes around a statement: one over a slab, the innermost shared by a group if `together`. */
function reduceLoops(
  sizes: readonly number[],
  names: readonly string[],
  innermost: string,
  { cut, length, together }: Split,
): string {
  return names.reduceRight((code, name, axis) => {
    const last = axis === names.length - 1 && together;
    const from = axis === cut ? "slab_from" : "0";
    const to = axis === cut ? `min(slab_from + ${length}, ${sizes[axis]})` : `${sizes[axis]}`;
    const first = last ? `${from} + i32(local)` : from;
    return `for (var ${name}: i32 = ${first}; ${name} < ${to}; ${name} += ${last ? GROUP : 1}) {\n${code}\n}`;
  }, innermost);
}

/** A fixed tree over the invocations of a group: within subgroups by registers, then over what is left by memory. */
function shared(result: Reduced, k: number, finish: string, subgroup?: WgslSubgroup): string {
  const run = Math.min(subgroup?.size ?? 1, GROUP);
  const steps: string[] = [];
  for (let half = run / 2; half >= 1; half /= 2) {
    steps.push(`acc${k} = ${combine(result, `acc${k}`, `subgroupShuffle(acc${k}, (local ^ ${half}u) % ${run}u)`)};`);
  }
  const first = run === 1
    ? `partial${k}[local] = acc${k};`
    : `if (local % ${run}u == 0u) { partial${k}[local / ${run}u] = acc${k}; }`;
  steps.push(first, "workgroupBarrier();");
  for (let half = GROUP / run / 2; half >= 1; half /= 2) {
    const sum = combine(result, `partial${k}[local]`, `partial${k}[local + ${half}u]`);
    steps.push(`if (local < ${half}u) { partial${k}[local] = ${sum}; } workgroupBarrier();`);
  }
  return [...steps, `if (local == 0u) { ${finish} }`].join("\n");
}

function combinePass(
  results: readonly Reduced[],
  { places, slabs }: Split,
  inputs: number,
  outputs: number,
): WgslPass {
  const workgroups = Math.ceil(places / GROUP);
  const registers = results.map(registerOf);
  const part = (k: number) => {
    const element = `parts[(slab * ${results.length} + ${k}) * ${places} + at]`;
    return registers[k] === "uint32" ? element : `bitcast<${TYPES[registers[k]!]}>(${element})`;
  };
  const clear = results.map(({ op }, k) => `var acc${k}: ${TYPES[registers[k]!]} = ${identityOf(op, registers[k]!)};`);
  const body = `let at = i32(linear) * ${GROUP} + i32(local);
  if (at >= ${places}) { return; }
  ${clear.join(" ")}
  for (var slab: i32 = 0; slab < ${slabs}; slab += 1) {
    ${results.map((result, k) => `acc${k} = ${combine(result, `acc${k}`, part(k))};`).join(" ")}
  }
  ${results.map((_, k) => `out${k}[at] = acc${k};`).join(" ")}`;
  const bindings = [...registers.map((register, k) => `out${k}: array<${storageType(register)}>`), "parts: array<u32>"];
  const code = shader(bindings, needsOf(results), GROUP, workgroups, body);
  return { code, buffers: [...results.map((_, k) => inputs + k), inputs + outputs], workgroups };
}
