/**
 * @file Lowers the peak of memory: what lies idle at the peak and a map or a cheap product has made is made again, or later, where it
 * is read next.
 */
import type { Draft } from "./draft.ts";
import type { Step } from "../kernel.ts";
import { livesOf } from "./lives.ts";
import { type Copies, findReruns, flopsOf, type ProductReruns, type Rerun, type RerunBudget } from "./reruns.ts";
import { stepFor } from "./step_for.ts";

/** Bound of the rounds; a dozen is usual. */
const MAX_ROUNDS = 100;

/** Inserts the steps; readers from there on take the new copy. */
function insert({ values, steps }: Draft, reruns: readonly Rerun[], copies: Copies): Draft {
  const next = [...values];
  const renamed = new Map<number, number>();
  const result: Step[] = [];
  const byPlace = Map.groupBy(reruns, ({ before }) => before);
  const current = (step: Step): Step => ({ ...step, inputs: step.inputs.map((input) => renamed.get(input) ?? input) });
  const again = (step: Step) => {
    const value = step.outputs[0]!;
    const copy = next.push(values[value]!) - 1;
    const family = copies.get(value) ?? [value];
    family.push(copy);
    copies.set(value, family).set(copy, family);
    result.push({ ...current(step), outputs: [copy] });
    renamed.set(value, copy);
  };
  steps.forEach((step, at) => {
    for (const { steps } of byPlace.get(at) ?? []) steps.forEach(again);
    result.push(current(step));
  });
  return { values: next, steps: result };
}

/** Leaves out maps and products that nobody reads, and outputs of maps that nobody reads. */
function withoutUnread({ values, steps }: Draft): Draft {
  const read = new Set(steps.flatMap(({ inputs }) => inputs));
  const wanted = (value: number) => values[value]!.role !== "temporary" || read.has(value);
  const kept = steps.flatMap((step): readonly Step[] => {
    const { kernel, outputs } = step;
    if (outputs.every(wanted)) return [step];
    if (kernel.kind === "map") {
      return outputs.some(wanted) ? [stepFor({ ...step, kernel }, ...outputs.filter(wanted))] : [];
    }
    return flopsOf(kernel) > 0 ? [] : [step];
  });
  return { values, steps: kept };
}

/**
 * Trades launches and products for memory. A map is run again before a later reader of its result if the result would
 * otherwise lie idle where most memory is in use, and all that it reads is there anyway; after that products, with the maps
 * around them, those first that cost least for what they save. The values are the same bits.
 *
 * @param draft The program.
 * @param products Which products may be made again; none by default.
 * @returns The program with maps and products repeated or moved towards their readers.
 */
export function recompute(draft: Draft, products: ProductReruns = { share: 0, least: 0 }): Draft {
  const { share, least } = products;
  const copies: Copies = new Map();
  const maps = rounds(draft, copies, { flops: 0, least });
  const flops = share * draft.steps.reduce((sum, { kernel }) => sum + flopsOf(kernel), 0);
  return flops === 0 ? maps : rounds(maps, copies, { flops, least });
}

/** Makes things again until the peak falls no more. */
function rounds(draft: Draft, copies: Copies, budget: RerunBudget): Draft {
  let [best, current] = [draft, draft];
  let lowest = Infinity;
  let left = budget;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const lives = livesOf(current);
    const peak = lives.bytes.reduce((most, bytes) => Math.max(most, bytes), 0);
    if (peak >= lowest) break;
    [best, lowest] = [current, peak];
    const reruns = findReruns(current, lives, copies, left);
    if (reruns.length === 0) break;
    left = { ...left, flops: left.flops - reruns.reduce((sum, { flops }) => sum + flops, 0) };
    current = withoutUnread(insert(current, reruns, copies));
  }
  return best;
}
