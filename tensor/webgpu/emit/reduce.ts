import { mergeAxes } from "../../compiler/axes.ts";
import type { ReduceKernel, WgslKernel, WgslPass } from "../../compiler/kernel.ts";
import { type Scalar, visitScalars } from "../../compiler/scalar.ts";
import type { DType, TensorSpec } from "../../spec.ts";
import { decode, literalOf, shader, storageType, stored, TYPES, ValueWriter } from "./values.ts";

/** Invocations of a group; where memory runs along the reduced axis, a group shares one result. */
const GROUP = 64;
/** Reduced elements that one invocation adds up before partial results are combined. */
const RUN = 128;
/** Bound of the partial results, in elements. */
const MAX_PARTIALS = 1 << 22;

type Operation = ReduceKernel["op"];

function combine(op: Operation, dtype: DType, a: string, b: string): string {
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
function registerDtype(dtype: DType): DType {
  return dtype === "bool" ? "uint32" : dtype;
}

/** True if loads step by one along the innermost reduced axis rather than the innermost kept one. */
function runsAlongReduced(value: Scalar, kept: number, reduced: number): boolean {
  let [keptSteps, reducedSteps] = [0, 0];
  visitScalars([value], (x) => {
    if (x.kind !== "load" && x.kind !== "gather") return;
    keptSteps += Number(kept > 0 && x.access.strides[kept - 1] === 1);
    reducedSteps += Number(reduced > 0 && x.access.strides.at(-1) === 1);
  });
  return reducedSteps >= keptSteps;
}

/**
 * Writes a fused reduction. The longest reduced axis is cut into slabs that depend on the shape alone; their partial
 * results are combined in order by a second pass.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @returns One pass, or two if there are slabs; none if there are no results.
 */
export function emitReduceWgsl(kernel: ReduceKernel, inputs: readonly TensorSpec[]): WgslKernel {
  const { sizes, leading, values: [value] } = mergeAxes([kernel.shape, kernel.reduceShape], [kernel.value]);
  const [kept, reduced] = [sizes.slice(0, leading), sizes.slice(leading)];
  const product = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);
  const [results, count] = [product(kept), product(reduced)];
  if (results === 0) return { passes: [], scratchBytes: 0 };
  const together = runsAlongReduced(value!, kept.length, reduced.length) && (reduced.at(-1) ?? 1) >= GROUP;
  const slab = together ? RUN * GROUP : RUN;
  const longest = Math.max(1, ...reduced);
  const wanted = Math.min(Math.ceil(count / slab), longest, Math.floor(MAX_PARTIALS / results));
  const length = Math.max(1, Math.ceil(longest / Math.max(1, wanted)));
  const slabs = Math.max(1, Math.ceil(longest / length));
  const cut = reduced.indexOf(longest);
  const main = reducePass(kernel, inputs, value!, kept, reduced, { results, slabs, length, together, cut });
  if (slabs === 1) return { passes: [main], scratchBytes: 0 };
  return { passes: [main, combinePass(kernel, inputs.length, results, slabs)], scratchBytes: 4 * slabs * results };
}

interface Split {
  readonly results: number;
  readonly slabs: number;
  /** The reduced axis that is cut, and the size of a slab along it. */
  readonly cut: number;
  readonly length: number;
  /** True if a group of invocations shares one result. */
  readonly together: boolean;
}

function reducePass(
  { op, value: { dtype } }: ReduceKernel,
  inputs: readonly TensorSpec[],
  value: Scalar,
  kept: readonly number[],
  reduced: readonly number[],
  split: Split,
): WgslPass {
  const { results, slabs, length, together } = split;
  const register = registerDtype(dtype);
  const keptNames = kept.map((_, axis) => `k${axis}`);
  const reducedNames = reduced.map((_, axis) => `r${axis}`);
  const needs = new Set<string>(dtype === "float32" && op !== "sum" ? [op] : []);
  const writer = new ValueWriter([...keptNames, ...reducedNames], inputs.map((x) => x.dtype), { needs, count: 0 });
  const result = writer.value(value);
  const element = dtype === "bool" ? stored(dtype, result) : result;
  const innermost = `${writer.lines.join("\n")}\nacc = ${combine(op, register, "acc", element)};`;
  const partial = slabs > 1;
  const at = partial ? `slab * ${results} + place` : "place";
  const item = together ? "i32(linear)" : `i32(linear) * ${GROUP} + i32(local)`;
  const finish = (x: string) => `out0[${at}] = ${x};`;
  const body = `let item = ${item};
  ${together ? "" : `if (item >= ${results * slabs}) { return; }`}
  let place = item % ${results};
  let slab = item / ${results};
  let slab_from = slab * ${length};
  ${decode("place", kept, keptNames)}
  var acc: ${TYPES[register]} = ${identityOf(op, register)};
  ${reduceLoops(reduced, reducedNames, innermost, split)}
  ${together ? shared(op, register, finish("partial_results[0]")) : finish("acc")}`;
  const workgroups = together ? results * slabs : Math.ceil(results * slabs / GROUP);
  const bindings = [
    ...inputs.map((x, i) => `in${i}: array<${storageType(x.dtype)}>`),
    `out0: array<${storageType(register)}>`,
  ];
  const memory = together ? `var<workgroup> partial_results: array<${TYPES[register]}, ${GROUP}>;\n` : "";
  const code = memory + shader(bindings, needs, GROUP, workgroups, body);
  // Partial results go to scratch, which comes after the output.
  return { code, buffers: [...inputs.keys(), inputs.length + (partial ? 1 : 0)], workgroups };
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

/** A fixed tree over the invocations of a group. */
function shared(op: Operation, dtype: DType, finish: string): string {
  const steps: string[] = [];
  for (let half = GROUP / 2; half >= 1; half /= 2) {
    const sum = combine(op, dtype, "partial_results[local]", `partial_results[local + ${half}u]`);
    steps.push(`if (local < ${half}u) { partial_results[local] = ${sum}; } workgroupBarrier();`);
  }
  return `partial_results[local] = acc;\nworkgroupBarrier();\n${steps.join("\n")}\nif (local == 0u) { ${finish} }`;
}

function combinePass({ op, value: { dtype } }: ReduceKernel, inputs: number, results: number, slabs: number): WgslPass {
  const register = registerDtype(dtype);
  const workgroups = Math.ceil(results / GROUP);
  const body = `let at = i32(linear) * ${GROUP} + i32(local);
  if (at >= ${results}) { return; }
  var acc: ${TYPES[register]} = ${identityOf(op, register)};
  for (var slab: i32 = 0; slab < ${slabs}; slab += 1) { acc = ${
    combine(op, register, "acc", `parts[slab * ${results} + at]`)
  }; }
  out0[at] = acc;`;
  const needs = new Set<string>(dtype === "float32" && op !== "sum" ? [op] : []);
  const type = storageType(register);
  const code = shader([`out0: array<${type}>`, `parts: array<${type}>`], needs, GROUP, workgroups, body);
  return { code, buffers: [inputs, inputs + 1], workgroups };
}
