import { mergeAxes } from "../../compiler/axes.ts";
import {
  type Reduced,
  type ReduceKernel,
  type Store,
  valuesOf,
  type WgslKernel,
  type WgslPass,
  type WgslSubgroup,
} from "../../compiler/kernel.ts";
import { type Scalar, visitScalars } from "../../compiler/scalar.ts";
import type { DType, TensorSpec } from "../../spec.ts";
import { isShort, isWide, wideBuffers, writeNeighbours } from "./neighbours.ts";
import { affine, decode, literalOf, shader, storageType, stored, TYPES } from "./values.ts";

/** Invocations of a group; where memory runs along the reduced axis, a group shares one place. */
const GROUP = 64;
/** Reduced elements that one invocation adds up before partial results are combined. */
const RUN = 128;
/** Reduced elements up to which invocations that run together share a place, instead of a whole group: for each of them. */
const TEAM_RUN = 64;
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
  const lanes = lanesOf(plan, kept, reduced, together);
  const whole = lanes.four && together ? 4 : 1; // vec4 do not cross slabs
  const length = whole * Math.max(1, Math.ceil(longest / Math.max(1, wanted) / whole));
  const slabs = Math.max(1, Math.ceil(longest / length));
  const size = subgroup && count <= TEAM_RUN * subgroup.size && slabs === 1 ? Math.min(subgroup.size, GROUP) : GROUP;
  const team = together ? size : 1;
  const split = { places, slabs, length, team, cut: reduced.indexOf(longest), inPlace, subgroup };
  const main = reducePass(plan, inputs, kept, reduced, { ...split, ...lanes });
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

/** How four neighbours are reduced at once: kept ones side by side, or reduced ones before all others. */
interface Lanes {
  /** True if there are four. */
  readonly four: boolean;
  /** The axis along which they lie. */
  readonly axis: number;
  /** Inputs that hold vec4. */
  readonly wide: ReadonlySet<number>;
}

function lanesOf(plan: ReduceKernel, kept: readonly number[], reduced: readonly number[], together: boolean): Lanes {
  const values = valuesOf(plan);
  const axis = (together ? kept.length + reduced.length : kept.length) - 1;
  const wide = wideBuffers(values, axis);
  const size = [...kept, ...reduced][axis] ?? 1;
  const four = axis >= 0 && size % 4 === 0 && wide.size > 0 && isShort(values);
  return { four, axis, wide: four ? wide : new Set() };
}

interface Split {
  /** How many indices are kept. */
  readonly places: number;
  readonly slabs: number;
  /** The reduced axis that is cut, and the size of a slab along it. */
  readonly cut: number;
  readonly length: number;
  /** Invocations that share a place: one, those that run together, or a group. */
  readonly team: number;
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
  split: Split & Lanes,
): WgslPass {
  const { results } = kernel;
  const { places, slabs, length, team, four } = split;
  const together = team > 1;
  const [keptNames, reducedNames] = [kept.map((_, axis) => `k${axis}`), reduced.map((_, axis) => `r${axis}`)];
  const needs = needsOf(results);
  const side = four && !together ? 4 : 1; // places of an invocation
  const finish = (k: number, lane: number, x: string) => {
    const place = lane === 0 ? "place" : `place + ${lane}`;
    return slabs > 1
      ? `parts[(slab * ${results.length} + ${k}) * ${places} + ${place}] = bitcast<u32>(${x});`
      : `out${k}[${place}] = ${x};`;
  };
  const lanes = [...Array(side).keys()];
  const clear = results.flatMap((result, k) => {
    const register = registerOf(result);
    return lanes.map((lane) => `var ${sumOf(k, lane)}: ${TYPES[register]} = ${identityOf(result.op, register)};`);
  });
  const across = places / side;
  const ends = results.flatMap((result, k) =>
    together
      ? shared(result, k, (x) => finish(k, 0, x), { ...split, total: places * slabs })
      : lanes.map((lane) => finish(k, lane, sumOf(k, lane)))
  );
  const innermost = visit(kernel, inputs, [...keptNames, ...reducedNames], needs, split);
  const loops = reduceLoops(reduced, reducedNames, innermost, split);
  // Who has no place must not leave where others wait for what is handed on.
  const body = `let item = i32(linear) * ${GROUP / team} + i32(local)${together ? ` / ${team}` : ""};
  ${together ? "" : `if (item >= ${across * slabs}) { return; }`}
  let place = item % ${across}${side === 1 ? "" : ` * ${side}`};
  let slab = item / ${across};
  let slab_from = slab * ${length};
  ${decode("place", kept, keptNames)}
  ${clear.join("\n")}
  ${together ? `if (item < ${places * slabs}) {\n${loops}\n}` : loops}
  ${ends.join("\n")}`;
  const workgroups = Math.ceil(across * slabs * team / GROUP);
  const { bindings, buffers } = bind(kernel, inputs, split);
  const memory = results.map((result, k) =>
    team === GROUP ? `var<workgroup> partial${k}: array<${TYPES[registerOf(result)]}, ${GROUP}>;\n` : ""
  );
  const enable = together && split.subgroup ? `${split.subgroup.enable}\n` : "";
  return { code: enable + memory.join("") + shader(bindings, needs, GROUP, workgroups, body), buffers, workgroups };
}

/** Name of the register of a result. */
function sumOf(k: number, lane = 0): string {
  return lane === 0 ? `acc${k}` : `acc${k}_${lane}`;
}

/** True if a store at four neighbours is one vec4. */
function storesWide({ value: { dtype }, strides }: Store, { four, axis }: Lanes): boolean {
  return four && dtype === "float32" && isWide(strides, axis);
}

/** What happens at one index, or at four neighbours: values are combined into accumulators and stored. */
function visit(
  { results, stores }: ReduceKernel,
  inputs: readonly TensorSpec[],
  names: readonly string[],
  needs: Set<string>,
  { inPlace, team, ...lanes }: Split & Lanes,
): string {
  const values = [...results, ...stores].map(({ value }) => value);
  const computed = writeNeighbours({ ...lanes, values, buffers: inputs.map((_, i) => `in${i}`) }, names, needs);
  const combined = results.flatMap((result, k) =>
    computed.results.map((texts, lane) => {
      const { dtype } = result.value;
      const sum = sumOf(k, team > 1 ? 0 : lane);
      return `${sum} = ${combine(result, sum, dtype === "bool" ? stored(dtype, texts[k]!) : texts[k]!)};`;
    })
  );
  const written = stores.flatMap((store, i) => {
    const output = results.length + i;
    const name = inPlace.has(output) ? `in${inPlace.get(output)}` : `out${output}`;
    const at = affine(names, store.strides, 0);
    const texts = computed.results.map((lane) => stored(store.value.dtype, lane[output]!));
    if (storesWide(store, lanes)) return [`${name}[(${at}) / 4] = vec4f(${texts.join(", ")});`];
    const apart = (lane: number) => lane === 0 ? "" : ` + ${lane * store.strides[lanes.axis]!}`;
    return texts.map((text, lane) => `${name}[${at}${apart(lane)}] = ${text};`);
  });
  return [...computed.lines, ...combined, ...written].join("\n");
}

/** Bindings of the main pass. Partial results go to scratch, which comes after the outputs. */
function bind({ results, stores }: ReduceKernel, inputs: readonly TensorSpec[], split: Split & Lanes) {
  const { slabs, inPlace, wide } = split;
  const finals = slabs > 1 ? [] : results.map((result, k) => ({ at: k, type: storageType(registerOf(result)) }));
  const own = stores.map((store, i) => ({
    at: results.length + i,
    type: storesWide(store, split) ? "vec4f" : storageType(store.value.dtype),
  })).filter(({ at }) => !inPlace.has(at));
  const bindings = [
    ...inputs.map((x, i) => `in${i}: array<${wide.has(i) ? "vec4f" : storageType(x.dtype)}>`),
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

/** Loops over the reduced axes around a statement: one over a slab, the innermost shared by a team. */
function reduceLoops(
  sizes: readonly number[],
  names: readonly string[],
  innermost: string,
  { cut, length, team, four }: Split & Lanes,
): string {
  return names.reduceRight((code, name, axis) => {
    const last = axis === names.length - 1 && team > 1;
    const from = axis === cut ? "slab_from" : "0";
    const to = axis === cut ? `min(slab_from + ${length}, ${sizes[axis]})` : `${sizes[axis]}`;
    const own = `i32(local)${team === GROUP ? "" : ` % ${team}`}${four ? " * 4" : ""}`;
    const first = last ? `${from} + ${own}` : from;
    const step = last ? (four ? 4 * team : team) : 1;
    return `for (var ${name}: i32 = ${first}; ${name} < ${to}; ${name} += ${step}) {\n${code}\n}`;
  }, innermost);
}

/** A fixed tree over the invocations of a team: within subgroups by registers, then over what is left by memory. */
function shared(
  result: Reduced,
  k: number,
  finish: (x: string) => string,
  { team, subgroup, total }: Split & { readonly total: number },
): string {
  const run = Math.min(subgroup?.size ?? 1, team);
  const steps: string[] = [];
  for (let half = run / 2; half >= 1; half /= 2) {
    steps.push(`acc${k} = ${combine(result, `acc${k}`, `subgroupShuffle(acc${k}, (local ^ ${half}u) % ${run}u)`)};`);
  }
  if (team < GROUP) {
    return [...steps, `if (local % ${team}u == 0u && item < ${total}) { ${finish(`acc${k}`)} }`].join("\n");
  }
  const first = run === 1
    ? `partial${k}[local] = acc${k};`
    : `if (local % ${run}u == 0u) { partial${k}[local / ${run}u] = acc${k}; }`;
  steps.push(first, "workgroupBarrier();");
  for (let half = GROUP / run / 2; half >= 1; half /= 2) {
    const sum = combine(result, `partial${k}[local]`, `partial${k}[local + ${half}u]`);
    steps.push(`if (local < ${half}u) { partial${k}[local] = ${sum}; } workgroupBarrier();`);
  }
  return [...steps, `if (local == 0u) { ${finish(`partial${k}[0]`)} }`].join("\n");
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
