/** @file The main pass of a reduction: what every invocation reads, combines and stores. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";
import type { Store } from "../../../compiler/kernel.ts";
import type { WgslBuffer, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import type { TensorSpec } from "../../../spec.ts";
import { accumulatorOf, clearOf, combine, combineTeam, needsOf, partOf, registerOf, teamMemory } from "./combine.ts";
import { mathTexts } from "./functions.ts";
import { isWide, writeNeighbours } from "./neighbours.ts";
import { GROUP, type Lanes, type ReducePlan } from "./reduce_plan.ts";
import { groupPass } from "./shader.ts";
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
  const { places, slabs, team, subgroup, kernel: { results } } = plan;
  const write = (memory: WgslMemory) => {
    const needs = needsOf(results);
    const body = reduceBody(plan, memory, visit(plan, operands, memory, needs));
    return { functions: [...teamMemory(plan), ...mathTexts(needs)], body };
  };
  return groupPass(bind(plan, operands), {
    workgroups: Math.ceil(places / sideOf(plan) * slabs * team / GROUP),
    workgroupSize: GROUP,
    ...team > 1 && subgroup && { enable: subgroup.enable },
    write,
  });
}

/** Statements of an invocation around what it does at each index. */
function reduceBody(plan: ReducePlan, memory: WgslMemory, innermost: string): string {
  const { places, slabs, team, kept, kernel: { results } } = plan;
  const together = team > 1;
  const side = sideOf(plan);
  const items = places / side * slabs;
  const loops = reduceLoops(plan, innermost);
  // Who has no place must not leave where others wait for what is handed on.
  return `let item = i32(square) * ${GROUP / team} + i32(local)${together ? ` / ${team}` : ""};
  ${together ? "" : `if (item >= ${items}) { return; }`}
  let place = item % ${places / side}${side === 1 ? "" : ` * ${side}`};
  let slab = item / ${places / side};
  ${slabPlaces(plan)}
  ${decode("place", kept, namesOf("k", kept))}
  ${results.flatMap((result, k) => lanesOf(plan).map((lane) => clearOf(result, k, lane))).join("\n")}
  ${together ? `if (item < ${items}) {\n${loops}\n}` : loops}
  ${storeResults(plan, memory).join("\n")}`;
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
function storeResults(plan: ReducePlan, memory: WgslMemory): readonly string[] {
  const { kernel: { results }, slabs, team } = plan;
  const store = (k: number, lane: number, x: string) => {
    const place = lane === 0 ? "place" : `place + ${lane}`;
    return slabs > 1
      ? memory.store("parts", partOf(plan, k, place), `bitcast<u32>(${x})`)
      : memory.store(`out${k}`, place, x);
  };
  // Of a place one result comes right after the other, so that what finishes them has all of them.
  return team > 1
    ? results.map((result, k) => combineTeam(result, k, plan, (x) => store(k, 0, x)))
    : lanesOf(plan).flatMap((lane) => results.map((_, k) => store(k, lane, accumulatorOf(k, lane))));
}

/** Axes that are cut, and how often. */
function cutAxes({ reduced, lengths }: ReducePlan): readonly (readonly [axis: number, parts: number])[] {
  return reduced.flatMap((size, axis) =>
    size > lengths[axis]! ? [[axis, Math.ceil(size / lengths[axis]!)] as const] : []
  );
}

/** Names where the slab begins along each axis that is cut. */
function slabPlaces(plan: ReducePlan): string {
  const cut = cutAxes(plan);
  const starts = cut.map(([axis]) => `let from${axis} = part${axis} * ${plan.lengths[axis]};`);
  return [decode("slab", cut.map(([, parts]) => parts), cut.map(([axis]) => `part${axis}`)), ...starts].join(" ");
}

/** Loops over the reduced axes around a statement: those that are cut over a slab, the innermost shared by a team. */
function reduceLoops({ reduced, lengths, team, four }: ReducePlan, innermost: string): string {
  return namesOf("r", reduced).reduceRight((code, name, axis) => {
    const last = axis === reduced.length - 1 && team > 1;
    const [size, length] = [reduced[axis]!, lengths[axis]!];
    const [from, to] = size > length ? [`from${axis}`, `min(from${axis} + ${length}, ${size})`] : ["0", `${size}`];
    const own = `i32(local)${team === GROUP ? "" : ` % ${team}`}${four ? " * 4" : ""}`;
    const first = last ? `${from} + ${own}` : from;
    const step = last ? (four ? 4 * team : team) : 1;
    return `for (var ${name}: i32 = ${first}; ${name} < ${to}; ${name} += ${step}) {\n${code}\n}`;
  }, innermost);
}

/** What happens at one index, or at four neighbours: values are combined into accumulators and stored. */
function visit(plan: ReducePlan, { inPlace }: Operands, memory: WgslMemory, needs: Set<FunctionName>): string {
  const { kernel: { results, stores }, kept, reduced, four, axis, wide, team } = plan;
  const values = [...results, ...stores].map(({ value }) => value);
  const names = [...namesOf("k", kept), ...namesOf("r", reduced)];
  const load = (buffer: number, index: string) => memory.load(`in${buffer}`, index);
  const computed = writeNeighbours({ values, four, axis, wide, load }, names, needs);
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
    if (storesWide(store, plan)) return [memory.store(name, `(${at}) / 4`, `vec4f(${texts.join(", ")})`)];
    const apart = (lane: number) => lane === 0 ? "" : ` + ${lane * store.strides[axis]!}`;
    return texts.map((text, lane) => memory.store(name, `${at}${apart(lane)}`, text));
  });
  return [...computed.lines, ...combined, ...written].join("\n");
}

/** True if a store at four neighbours is one vec4. */
function storesWide({ value: { dtype }, strides }: Store, { four, axis }: Lanes): boolean {
  return four && dtype === "float32" && isWide(strides, axis);
}

/** Buffers of the pass. Partial results go to scratch, which comes after the outputs. */
function bind(plan: ReducePlan, { inputs, inPlace }: Operands): readonly WgslBuffer[] {
  const { kernel: { results, stores }, slabs, wide } = plan;
  const outputs: readonly WgslBuffer["type"][] = [
    ...results.map((result) => storageType(registerOf(result))),
    ...stores.map((store) => storesWide(store, plan) ? "vec4f" : storageType(store.value.dtype)),
  ];
  const written = outputs.map((type, at): WgslBuffer => ({ name: `out${at}`, type, buffer: inputs.length + at }));
  return [
    ...inputs.map((x, i): WgslBuffer => (
      { name: `in${i}`, type: wide.has(i) ? "vec4f" : storageType(x.dtype), buffer: i }
    )),
    ...written.filter((_, at) => at < results.length ? slabs === 1 : !inPlace.has(at)),
    ...(slabs > 1 ? [{ name: "parts", type: "u32", buffer: inputs.length + outputs.length } as const] : []),
  ];
}
