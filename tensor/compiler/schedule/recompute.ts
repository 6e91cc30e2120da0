/** @file Lowers the peak of memory: what a map made and what lies idle at the peak is made again, or later, where it is read next. */
import { bytesOf, type Draft } from "./draft.ts";
import type { MapKernel, Step } from "../kernel.ts";
import { type Lives, livesOf } from "./lives.ts";
import { stepFor } from "./step_for.ts";

/** Savings below this share of the peak are not worth a launch. */
const SMALLEST_GAIN = 1 / 1024;
/** Bound of the rounds; a dozen is usual. */
const MAX_ROUNDS = 100;

/** A value to be made again. */
interface Rerun {
  readonly value: number;
  /** Position of the step that reads it next. */
  readonly before: number;
  /** The map that makes it, and nothing else, from what is there by then. */
  readonly step: Step;
  /** Bytes that the peak loses. */
  readonly gain: number;
}

/** Copies of one value: all numbers that hold the same elements, in the order in which they were made. */
type Copies = Map<number, number[]>;

/** Finds what lies idle at the peak and can be made again from what is not itself to be made again. */
function findReruns(draft: Draft, lives: Lives, copies: Copies, peak: number): readonly Rerun[] {
  const { values, steps } = draft;
  const { makers, reads, bytes } = lives;
  const least = bytes[peak]! * SMALLEST_GAIN;
  const found: Rerun[] = [];
  for (const [value, at] of makers) {
    const next = reads[value]!.find((read) => read >= peak);
    if (at >= peak || next === undefined || next === peak || bytesOf(values[value]!) < least) continue;
    const step = steps[at]!;
    if (step.kernel.kind !== "map") continue;
    const alone = stepFor({ ...step, kernel: step.kernel as MapKernel }, value);
    const inputs = alone.inputs.map((input) => lastCopy(copies.get(input) ?? [input], makers, next));
    // What would be gone by then has to live on: that costs as much as it saves unless it is small.
    const kept = inputs.filter((input) => (makers.get(input) ?? peak) < peak && (reads[input]!.at(-1) ?? 0) < peak);
    const gain = bytesOf(values[value]!) - kept.reduce((sum, input) => sum + bytesOf(values[input]!), 0);
    if (gain > least) found.push({ value, before: next, step: { ...alone, inputs }, gain });
  }
  const chosen = new Set<number>();
  return found.sort((a, b) => b.gain - a.gain).filter(({ value, step }) => {
    if (step.inputs.some((input) => chosen.has(input))) return false;
    if (found.some((other) => chosen.has(other.value) && other.step.inputs.includes(value))) return false;
    chosen.add(value);
    return true;
  });
}

/** The youngest copy that is made before a step; one that nobody read is not made any more. Inputs of the program have no copies. */
function lastCopy(copies: readonly number[], makers: ReadonlyMap<number, number>, before: number): number {
  return copies.findLast((copy) => copies.length === 1 || (makers.get(copy) ?? Infinity) < before)!;
}

/** Inserts the steps; readers from there on take the new copy. */
function insert({ values, steps }: Draft, reruns: readonly Rerun[], copies: Copies): Draft {
  const next = [...values];
  const renamed = new Map<number, number>();
  const result: Step[] = [];
  const byPlace = Map.groupBy(reruns, ({ before }) => before);
  const current = (step: Step): Step => ({ ...step, inputs: step.inputs.map((input) => renamed.get(input) ?? input) });
  steps.forEach((step, at) => {
    for (const { value, step: alone } of byPlace.get(at) ?? []) {
      const again = next.push(values[value]!) - 1;
      const family = copies.get(value) ?? [value];
      family.push(again);
      copies.set(value, family).set(again, family);
      result.push({ ...current(alone), outputs: [again] });
      renamed.set(value, again);
    }
    result.push(current(step));
  });
  return { values: next, steps: result };
}

/** Leaves out maps that nobody reads, and outputs of maps that nobody reads. */
function withoutUnread({ values, steps }: Draft): Draft {
  const read = new Set(steps.flatMap(({ inputs }) => inputs));
  const wanted = (value: number) => values[value]!.role !== "temporary" || read.has(value);
  const kept = steps.flatMap((step): readonly Step[] => {
    const { kernel, outputs } = step;
    if (kernel.kind !== "map" || outputs.every(wanted)) return [step];
    return outputs.some(wanted) ? [stepFor({ ...step, kernel }, ...outputs.filter(wanted))] : [];
  });
  return { values, steps: kept };
}

/**
 * Trades launches for memory. A map is run again before a later reader of its result if the result would otherwise lie
 * idle where most memory is in use, and all that it reads is there anyway. The values are the same bits.
 *
 * @param draft The program.
 * @returns The program with maps repeated or moved towards their readers.
 */
export function recompute(draft: Draft): Draft {
  const copies: Copies = new Map();
  let [best, current] = [draft, draft];
  let lowest = Infinity;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const lives = livesOf(current);
    const peak = lives.bytes.reduce((most, bytes, at) => bytes > lives.bytes[most]! ? at : most, 0);
    if (lives.bytes[peak]! >= lowest) break;
    [best, lowest] = [current, lives.bytes[peak]!];
    const reruns = findReruns(current, lives, copies, peak);
    if (reruns.length === 0) break;
    current = withoutUnread(insert(current, reruns, copies));
  }
  return best;
}
