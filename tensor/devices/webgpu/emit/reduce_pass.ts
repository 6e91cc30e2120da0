/** @file The main pass of a reduction: what every invocation reads, combines and stores. */
import type { ScalarOp } from "../../../compiler/operations.ts";
import type { Store, WgslPass } from "../../../compiler/kernel.ts";
import type { TensorSpec } from "../../../spec.ts";
import { accumulatorOf, clearOf, combine, combineTeam, needsOf, partOf, registerOf, teamMemory } from "./combine.ts";
import { isWide, writeNeighbours } from "./neighbours.ts";
import { GROUP, type Lanes, type ReducePlan } from "./reduce_plan.ts";
import { shader } from "./shader.ts";
import { affine, decode, storageType, stored } from "./values.ts";

/** What the pass reads. */
interface Operands {
  readonly inputs: readonly TensorSpec[];
  /** For an output that takes an input's place, the position of that input. */
  readonly inPlace: ReadonlyMap<number, number>;
}

/**
 * Writes the pass that reads the inputs.
 *
 * @param plan The kernel, and who computes what of it.
 * @param operands `inputs`: specs of the buffers it reads. `inPlace`: for an output that takes an input's place, the
 * position of that input; one buffer is bound once.
 * @returns The pass. Where there are slabs, it leaves partial results in the scratch, else results.
 */
export function reducePass(plan: ReducePlan, operands: Operands): WgslPass {
  const { places, slabs, length, team, kept, subgroup, kernel: { results } } = plan;
  const together = team > 1;
  const needs = needsOf(results);
  const side = sideOf(plan);
  const items = places / side * slabs;
  const loops = reduceLoops(plan, visit(plan, operands, needs));
  // Who has no place must not leave where others wait for what is handed on.
  const body = `let item = i32(linear) * ${GROUP / team} + i32(local)${together ? ` / ${team}` : ""};
  ${together ? "" : `if (item >= ${items}) { return; }`}
  let place = item % ${places / side}${side === 1 ? "" : ` * ${side}`};
  let slab = item / ${places / side};
  let slab_from = slab * ${length};
  ${decode("place", kept, namesOf("k", kept))}
  ${results.flatMap((result, k) => lanesOf(plan).map((lane) => clearOf(result, k, lane))).join("\n")}
  ${together ? `if (item < ${items}) {\n${loops}\n}` : loops}
  ${storeResults(plan).join("\n")}`;
  const workgroups = Math.ceil(items * team / GROUP);
  const { bindings, buffers } = bind(plan, operands);
  const enable = together && subgroup ? `${subgroup.enable}\n` : "";
  return { code: enable + teamMemory(plan) + shader(bindings, needs, GROUP, workgroups, body), buffers, workgroups };
}

/** Places of an invocation. */
function sideOf({ four, team }: ReducePlan): number {
  return four && team === 1 ? 4 : 1;
}

function lanesOf(plan: ReducePlan): readonly number[] {
  return [...Array(sideOf(plan)).keys()];
}

/** Names of the indices along axes. */
function namesOf(letter: string, sizes: readonly number[]): readonly string[] {
  return sizes.map((_, axis) => `${letter}${axis}`);
}

/** Statements that write the results once all is reduced. */
function storeResults(plan: ReducePlan): readonly string[] {
  const { kernel: { results }, slabs, team } = plan;
  const store = (k: number, lane: number, x: string) => {
    const place = lane === 0 ? "place" : `place + ${lane}`;
    return slabs > 1 ? `${partOf(plan, k, place)} = bitcast<u32>(${x});` : `out${k}[${place}] = ${x};`;
  };
  return results.flatMap((result, k) =>
    team > 1
      ? [combineTeam(result, k, plan, (x) => store(k, 0, x))]
      : lanesOf(plan).map((lane) => store(k, lane, accumulatorOf(k, lane)))
  );
}

/** Loops over the reduced axes around a statement: one over a slab, the innermost shared by a team. */
function reduceLoops({ reduced, cut, length, team, four }: ReducePlan, innermost: string): string {
  return namesOf("r", reduced).reduceRight((code, name, axis) => {
    const last = axis === reduced.length - 1 && team > 1;
    const from = axis === cut ? "slab_from" : "0";
    const to = axis === cut ? `min(slab_from + ${length}, ${reduced[axis]})` : `${reduced[axis]}`;
    const own = `i32(local)${team === GROUP ? "" : ` % ${team}`}${four ? " * 4" : ""}`;
    const first = last ? `${from} + ${own}` : from;
    const step = last ? (four ? 4 * team : team) : 1;
    return `for (var ${name}: i32 = ${first}; ${name} < ${to}; ${name} += ${step}) {\n${code}\n}`;
  }, innermost);
}

/** What happens at one index, or at four neighbours: values are combined into accumulators and stored. */
function visit(plan: ReducePlan, { inputs, inPlace }: Operands, needs: Set<ScalarOp>): string {
  const { kernel: { results, stores }, kept, reduced, four, axis, wide, team } = plan;
  const values = [...results, ...stores].map(({ value }) => value);
  const names = [...namesOf("k", kept), ...namesOf("r", reduced)];
  const computed = writeNeighbours({ values, four, axis, wide, buffers: inputs.map((_, i) => `in${i}`) }, names, needs);
  const combined = results.flatMap((result, k) =>
    computed.results.map((texts, lane) => {
      const { dtype } = result.value;
      const own = accumulatorOf(k, team > 1 ? 0 : lane);
      return `${own} = ${combine(result, own, dtype === "bool" ? stored(dtype, texts[k]!) : texts[k]!)};`;
    })
  );
  const written = stores.flatMap((store, i) => {
    const output = results.length + i;
    const name = inPlace.has(output) ? `in${inPlace.get(output)}` : `out${output}`;
    const at = affine(names, store.strides, 0);
    const texts = computed.results.map((lane) => stored(store.value.dtype, lane[output]!));
    if (storesWide(store, plan)) return [`${name}[(${at}) / 4] = vec4f(${texts.join(", ")});`];
    const apart = (lane: number) => lane === 0 ? "" : ` + ${lane * store.strides[axis]!}`;
    return texts.map((text, lane) => `${name}[${at}${apart(lane)}] = ${text};`);
  });
  return [...computed.lines, ...combined, ...written].join("\n");
}

/** True if a store at four neighbours is one vec4. */
function storesWide({ value: { dtype }, strides }: Store, { four, axis }: Lanes): boolean {
  return four && dtype === "float32" && isWide(strides, axis);
}

/** Bindings of the pass. Partial results go to scratch, which comes after the outputs. */
function bind(plan: ReducePlan, { inputs, inPlace }: Operands) {
  const { kernel: { results, stores }, slabs, wide } = plan;
  const finals = slabs > 1 ? [] : results.map((result, k) => ({ at: k, type: storageType(registerOf(result)) }));
  const own = stores.map((store, i) => ({
    at: results.length + i,
    type: storesWide(store, plan) ? "vec4f" : storageType(store.value.dtype),
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
