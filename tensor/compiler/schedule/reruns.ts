/** @file What lies idle where most memory is in use, and can be made again where it is read next. */
import { bytesOf, type Draft } from "./draft.ts";
import type { Kernel, MapKernel, Step } from "../kernel.ts";
import type { Lives } from "./lives.ts";
import { stepFor } from "./step_for.ts";

/** Savings below this share of the peak are not worth a launch. */
const SMALLEST_GAIN = 1 / 1024;
/** Multiplications and additions that a byte of the peak may cost. */
const DEAREST = 256;
/** How many steps lie between what is there and what is made again, at most. */
const MAX_STEPS = 4;

/** A value to be made again. */
export interface Rerun {
  readonly value: number;
  /** Position of the step that reads it next. */
  readonly before: number;
  /** The steps that make it from what is there by then, in order; each makes one value. */
  readonly steps: readonly Step[];
  /** Bytes that the peak loses. */
  readonly gain: number;
  /** Multiplications and additions of its products. */
  readonly flops: number;
}

/** Copies of one value: all numbers that hold the same elements, in the order in which they were made. */
export type Copies = Map<number, number[]>;

/** What products may be made again, beside maps. */
export interface ProductReruns {
  /** What they may cost together, as a share of the products of the program. */
  readonly share: number;
  /** Bytes of the peak below which none are made again. */
  readonly least: number;
}

/** What is left of that. */
export interface RerunBudget {
  /** Multiplications and additions; none are made again where it is 0. */
  readonly flops: number;
  /** Bytes of the peak below which none are made again. */
  readonly least: number;
}

/** Multiplications and additions of a kernel: those of a product. */
export function flopsOf(kernel: Kernel): number {
  return kernel.kind === "template" && kernel.body.kind === "contraction" ? kernel.flops : 0;
}

/** Where a search stands. */
interface Search {
  readonly draft: Draft;
  readonly lives: Lives;
  readonly copies: Copies;
  readonly peak: number;
  /** Bytes that are worth something. */
  readonly least: number;
  /** True if products may be made again. */
  readonly products: boolean;
}

/**
 * Finds what lies idle at the peak and can be made again from what is not itself to be made again.
 *
 * @param draft The program.
 * @param lives Of its values.
 * @param copies Of its values.
 * @param budget What products may be made again.
 * @returns What saves most comes first; of products what costs least for each byte.
 */
export function findReruns(
  draft: Draft,
  lives: Lives,
  copies: Copies,
  { flops, least: leastPeak }: RerunBudget,
): readonly Rerun[] {
  const { bytes, makers, reads } = lives;
  const peak = bytes.reduce((most, each, at) => each > bytes[most]! ? at : most, 0);
  const products = flops > 0 && bytes[peak]! >= leastPeak;
  const least = bytes[peak]! * SMALLEST_GAIN;
  const search: Search = { draft, lives, copies, peak, least, products };
  const found: Rerun[] = [];
  for (const [value, at] of makers) {
    const next = reads[value]!.find((read) => read >= peak);
    if (at >= peak || next === undefined || next === peak || bytesOf(draft.values[value]!) < least) continue;
    const rerun = rerunOf(search, value, next);
    if (rerun) found.push(rerun);
  }
  const rate = (rerun: Rerun) => rerun.flops / rerun.gain;
  const chosen = new Map<number, Rerun>();
  const left = { flops };
  for (const rerun of found.sort((a, b) => rate(a) - rate(b) || b.gain - a.gain)) {
    if (rerun.flops > left.flops || sourcesOf(rerun).some((input) => chosen.has(input))) continue;
    if (chosen.values().some((other) => sourcesOf(other).includes(rerun.value))) continue;
    chosen.set(rerun.value, rerun);
    left.flops -= rerun.flops;
  }
  return [...chosen.values()];
}

/** What the steps of a rerun read and do not make. */
function sourcesOf({ steps }: Rerun): readonly number[] {
  const made = new Set(steps.flatMap(({ outputs }) => outputs));
  return steps.flatMap(({ inputs }) => inputs.filter((input) => !made.has(input)));
}

function rerunOf(search: Search, value: number, before: number): Rerun | null {
  const { draft: { values }, least } = search;
  const chain = chainOf(search, value, before);
  if (!chain) return null;
  // What would be gone by then has to live on: that costs as much as it saves unless it is small.
  const kept = new Set(sourcesOf({ steps: chain } as Rerun).filter((input) => isGone(search, input)));
  const gain = bytesOf(values[value]!) - [...kept].reduce((sum, input) => sum + bytesOf(values[input]!), 0);
  const flops = chain.reduce((sum, { kernel }) => sum + flopsOf(kernel), 0);
  return gain > least && flops <= DEAREST * gain ? { value, before, steps: chain, gain, flops } : null;
}

/** The steps that make a value from what is there, or is small; null if some cannot be run again. */
function chainOf(search: Search, value: number, before: number): readonly Step[] | null {
  const { draft: { steps, values }, lives: { makers }, copies, least, products } = search;
  const chain: Step[] = [];
  const wanted = [value];
  while (wanted.length > 0) {
    const next = wanted.shift()!;
    const alone = aloneOf(steps[makers.get(next)!]!, next, products);
    if (!alone || chain.length === MAX_STEPS) return null;
    const inputs = alone.inputs.map((input) => lastCopy(copies.get(input) ?? [input], makers, before));
    chain.unshift({ ...alone, inputs });
    if (!products) continue;
    wanted.push(...new Set(inputs.filter((input) => isGone(search, input) && bytesOf(values[input]!) >= least)));
  }
  return chain;
}

/** The step that makes a value and nothing else; null if it may not be run again. */
function aloneOf(step: Step, value: number, products: boolean): Step | null {
  if (step.kernel.kind === "map") return stepFor({ ...step, kernel: step.kernel as MapKernel }, value);
  return products && flopsOf(step.kernel) > 0 && step.outputs.length === 1 ? step : null;
}

/** True if a temporary is read for the last time before the peak. */
function isGone({ lives: { makers, reads }, peak }: Search, value: number): boolean {
  return (makers.get(value) ?? peak) < peak && (reads[value]!.at(-1) ?? 0) < peak;
}

/** The youngest copy that is made before a step; one that nobody read is not made any more. Inputs of the program have no copies. */
function lastCopy(copies: readonly number[], makers: ReadonlyMap<number, number>, before: number): number {
  return copies.findLast((copy) => copies.length === 1 || (makers.get(copy) ?? Infinity) < before)!;
}
