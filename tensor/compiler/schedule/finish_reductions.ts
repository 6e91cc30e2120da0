/** @file Joins maps to the reductions whose results they read: means, scales, running statistics are no launches of their own. */
import { sizeOf, stridesOf } from "../../spec.ts";
import { exchangeOf, type ReduceKernel, type Step } from "../kernel.ts";
import type { Draft } from "./draft.ts";
import { readsAtHand } from "./in_place.ts";
import { finished } from "./join_epilogues.ts";
import { isPlainMap, type MapStep } from "./plain_map.ts";
import { stepFor, withOwnInputs } from "./step_for.ts";

/** How many steps a map may pass on its way to a reduction. */
const REACH = 8;

/** A reduction. */
type ReduceStep = Step & { readonly kernel: ReduceKernel };

/**
 * Joins maps to reductions of as many places, each at the place at which it reads. A map that a reduction to fewer places
 * would store on its way, as the norm of a gradient does what the gradient is scaled to, goes to the reduction before it.
 * Results that others read are written too. The values are the same.
 *
 * @param draft The program.
 * @param limits Buffers that one kernel may read and write.
 * @returns The program with fewer steps, or with some that depend on less.
 */
export function finishReductions(
  { values, steps }: Draft,
  { maxBuffers }: { readonly maxBuffers: number },
): Draft {
  const readers = new Map<number, Set<Step>>();
  for (const step of steps) {
    for (const x of step.inputs) readers.set(x, (readers.get(x) ?? new Set()).add(step));
  }
  // What reads them would wait for them earlier than the program does.
  const exchanged = new Set(steps.flatMap(({ kernel, outputs }) => exchangeOf(kernel) ? outputs : []));
  const result: Step[] = [];
  for (const step of steps) {
    const { map, rest } = mapIn(step);
    const at = map && map.inputs.every((x) => !exchanged.has(x)) ? findReduction(result, map) : -1;
    const isKept = (x: number) =>
      values[x]!.role === "output" || rest.some(({ inputs }) => inputs.includes(x)) ||
      [...readers.get(x) ?? []].some((other) => other !== step);
    const joined = at < 0 ? null : join(result[at] as ReduceStep, map!, isKept);
    const fits = joined && joined.inputs.length + joined.outputs.length < maxBuffers; // one is for scratch
    if (fits) result[at] = joined;
    result.push(...fits ? rest : [step]);
  }
  return { values, steps: result };
}

/** The map that a step is, or that it stores on its way, and what else it is. */
function mapIn(step: Step): { readonly map: MapStep | null; readonly rest: readonly Step[] } {
  if (isPlainMap(step)) return { map: step, rest: [] };
  const { kernel, inputs, outputs } = step;
  if (kernel.kind !== "reduce" || kernel.stores.length === 0) return { map: null, rest: [] };
  const { results, stores, reduceShape } = kernel;
  const shape = [...kernel.shape, ...reduceShape];
  const stored = outputs.slice(results.length);
  const whole = {
    kernel: { kind: "map", shape, values: stores.map(({ value }) => value) } as const,
    inputs,
    outputs: stored,
  };
  const map = stepFor(whole, ...stored);
  const isDense = stores.every(({ strides }) => strides.join() === stridesOf(shape).join());
  const own = withOwnInputs(results.map(({ value }) => value), inputs);
  const reduced = {
    kernel: { ...kernel, results: results.map((each, k) => ({ ...each, value: own.values[k]! })), stores: [] },
    inputs: own.inputs,
    outputs: outputs.slice(0, results.length),
  };
  return { map: isDense && isPlainMap(map) ? map : null, rest: [reduced] };
}

/** Position of the youngest reduction that a map can finish; -1 if there is none. */
function findReduction(steps: readonly Step[], map: MapStep): number {
  for (let at = steps.length - 1; at >= Math.max(0, steps.length - REACH); at--) {
    const step = steps[at]!;
    if (isFinishable(step) && fits(step, map)) return at;
    if (step.outputs.some((x) => map.inputs.includes(x))) return -1;
  }
  return -1;
}

/** True for a reduction to several places: what reads a single one waits for others as well, which would keep the reduction waiting. */
function isFinishable({ kernel }: Step): boolean {
  return kernel.kind === "reduce" && !kernel.epilogue && sizeOf(kernel.shape) > 1;
}

/** True if a map reads results of a reduction, each at hand, and nothing that the reduction reads or stores. */
function fits({ kernel, inputs, outputs }: Step, map: MapStep): boolean {
  const { shape, results } = kernel as ReduceKernel;
  const [own, stored] = [outputs.slice(0, results.length), outputs.slice(results.length)];
  const read = own.filter((x) => map.inputs.includes(x));
  return read.length > 0 && sizeOf(map.kernel.shape) === sizeOf(shape) &&
    read.every((x) => readsAtHand(map, x)) &&
    !map.inputs.some((x) => inputs.includes(x) || stored.includes(x));
}

function join(reduction: ReduceStep, map: MapStep, isKept: (value: number) => boolean): ReduceStep {
  const { kernel, inputs, outputs } = reduction;
  const own = outputs.slice(0, kernel.results.length);
  const keeps = [...own.keys()].filter((k) => isKept(own[k]!));
  const { epilogue, ...step } = finished(reduction, map, own, keeps);
  const others = step.inputs.slice(inputs.length);
  const replaces = others.flatMap((x, i) => readsAtHand(map, x) ? [inputs.length + i] : []);
  return {
    kernel: { ...kernel, epilogue: { ...epilogue, replaces } },
    inputs: step.inputs,
    outputs: [...step.outputs, ...outputs.slice(own.length)],
  };
}
