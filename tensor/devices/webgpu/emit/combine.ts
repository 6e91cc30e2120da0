/** @file How the results of a reduction come together: two values, those of a team, those of slabs. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";
import type { Reduced } from "../../../compiler/kernel.ts";
import type { WgslBuffer, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { type DType, DTYPES } from "../../../spec.ts";
import { mathTexts } from "./functions.ts";
import { GROUP, type ReducePlan } from "./reduce_plan.ts";
import { groupPass } from "./shader.ts";
import { literalOf, storageType } from "./values.ts";

/**
 * Combines two values.
 *
 * @param result What is reduced, and how.
 * @param a The first value, as text.
 * @param b The second.
 * @returns An expression of a shader; it calls functions of `needsOf`.
 */
export function combine({ op, value: { dtype } }: Reduced, a: string, b: string): string {
  if (op === "sum") return `${a} + ${b}`;
  return dtype === "float32" ? `${op}_float32(${a}, ${b})` : `${op}(${a}, ${b})`;
}

/**
 * Functions that combine values, beyond those that every shader has.
 *
 * @param results What is reduced, and how.
 * @returns Their names.
 */
export function needsOf(results: readonly Reduced[]): Set<FunctionName> {
  return new Set(
    results.flatMap(({ op, value: { dtype } }) =>
      dtype === "float32" && op !== "sum" ? [`${op}_float32` as const] : []
    ),
  );
}

/**
 * What a result is gathered in. Bools are reduced as 0 and 1.
 *
 * @param result What is reduced.
 * @returns Its dtype.
 */
export function registerOf({ value: { dtype } }: Reduced): DType {
  return dtype === "bool" ? "uint32" : dtype;
}

/**
 * Name of the variable in which an invocation gathers a result.
 *
 * @param k Position of the result.
 * @param lane The neighbour, where an invocation reduces four side by side.
 * @returns The name.
 */
export function accumulatorOf(k: number, lane = 0): string {
  return lane === 0 ? `acc${k}` : `acc${k}_${lane}`;
}

/**
 * Declares the variable of a result, and sets it to what changes no value that it is combined with.
 *
 * @param result What is reduced, and how.
 * @param k Position of the result.
 * @param lane The neighbour, as of `accumulatorOf`.
 * @returns A statement.
 */
export function clearOf(result: Reduced, k: number, lane = 0): string {
  const register = registerOf(result);
  return `var ${accumulatorOf(k, lane)}: ${DTYPES[register].wgsl} = ${identityOf(result.op, register)};`;
}

function identityOf(op: Reduced["op"], dtype: DType): string {
  if (op === "sum") return literalOf(0, dtype);
  const { limits: [lowest, highest] } = DTYPES[dtype];
  return literalOf(op === "max" ? lowest : highest, dtype);
}

/**
 * Combines what the invocations of a team have, by a fixed tree: within subgroups by registers, then over what is left by
 * memory.
 *
 * @param result What is reduced, and how.
 * @param k Position of the result.
 * @param plan The team.
 * @param store Writes a value, given as text, to where it belongs.
 * @returns Statements that all invocations of a group must reach.
 */
export function combineTeam(result: Reduced, k: number, plan: ReducePlan, store: (x: string) => string): string {
  const { team, subgroup, places, slabs } = plan;
  const run = Math.min(subgroup?.size ?? 1, team);
  const own = accumulatorOf(k);
  const steps: string[] = [];
  for (let half = run / 2; half >= 1; half /= 2) {
    steps.push(`${own} = ${combine(result, own, `subgroupShuffle(${own}, (local ^ ${half}u) % ${run}u)`)};`);
  }
  if (team === GROUP) return [...steps, ...combineGroup(result, k, run, store)].join("\n");
  return [...steps, `if (local % ${team}u == 0u && item < ${places * slabs}) { ${store(own)} }`].join("\n");
}

/** Over a group: every run of invocations, which have combined theirs, hands on one value. */
function combineGroup(result: Reduced, k: number, run: number, store: (x: string) => string): readonly string[] {
  const partial = partialOf(result, k);
  const first = run === 1
    ? `${partial}[local] = ${accumulatorOf(k)};`
    : `if (local % ${run}u == 0u) { ${partial}[local / ${run}u] = ${accumulatorOf(k)}; }`;
  const steps = [first, "workgroupBarrier();"];
  for (let half = GROUP / run / 2; half >= 1; half /= 2) {
    const sum = combine(result, `${partial}[local]`, `${partial}[local + ${half}u]`);
    steps.push(`if (local < ${half}u) { ${partial}[local] = ${sum}; } workgroupBarrier();`);
  }
  return [...steps, `if (local == 0u) { ${store(`${partial}[0]`)} }`];
}

/** Memory of a group for a result, which reductions of one shader share: its name tells its type. */
function partialOf(result: Reduced, k: number): string {
  return `partial_${DTYPES[registerOf(result)].wgsl}_${k}`;
}

/**
 * Declares what `combineTeam` hands on in memory.
 *
 * @param plan The results and the team.
 * @returns Declarations of a shader; none if registers are enough.
 */
export function teamMemory({ kernel: { results }, team }: ReducePlan): readonly string[] {
  if (team !== GROUP) return [];
  return results.map((result, k) =>
    `var<workgroup> ${partialOf(result, k)}: array<${DTYPES[registerOf(result)].wgsl}, ${GROUP}>;`
  );
}

/**
 * Where a slab leaves a result until `combinePass` combines them.
 *
 * @param plan The results and places.
 * @param k Position of the result.
 * @param place The place, as text.
 * @returns The index in the scratch, which holds u32.
 */
export function partOf({ kernel: { results }, places }: ReducePlan, k: number, place: string): string {
  return `(slab * ${results.length} + ${k}) * ${places} + ${place}`;
}

/**
 * Writes the pass that combines the partial results of slabs, in their order.
 *
 * @param plan The results, places and slabs.
 * @param inputs How many buffers the kernel reads.
 * @returns The pass.
 */
export function combinePass(plan: ReducePlan, inputs: number): WgslPass {
  const { kernel: { results, stores }, places, slabs } = plan;
  const registers = results.map(registerOf);
  const body = ({ load, store }: WgslMemory) => {
    const part = (k: number) => {
      const element = load("parts", partOf(plan, k, "at"));
      return registers[k] === "uint32" ? element : `bitcast<${DTYPES[registers[k]!].wgsl}>(${element})`;
    };
    return `let at = i32(square) * ${GROUP} + i32(local);
  if (at >= ${places}) { return; }
  ${results.map((result, k) => clearOf(result, k)).join(" ")}
  for (var slab: i32 = 0; slab < ${slabs}; slab += 1) {
    ${results.map((result, k) => `${accumulatorOf(k)} = ${combine(result, accumulatorOf(k), part(k))};`).join(" ")}
  }
  ${results.map((_, k) => store(`out${k}`, "at", accumulatorOf(k))).join(" ")}`;
  };
  const buffers: readonly WgslBuffer[] = [
    ...registers.map((register, k) => ({ name: `out${k}`, type: storageType(register), buffer: inputs + k })),
    { name: "parts", type: "u32", buffer: inputs + results.length + stores.length },
  ];
  return groupPass(buffers, {
    workgroups: Math.ceil(places / GROUP),
    workgroupSize: GROUP,
    write: (memory) => ({ functions: mathTexts(needsOf(results)), body: body(memory) }),
  });
}
