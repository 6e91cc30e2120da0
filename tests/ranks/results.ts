/** @file What a run of training leaves, and how far two runs are from each other. */
import { join } from "node:path";
import { readCheckpoint } from "../../spark/mod.ts";

/** Losses of all steps, and all that the last checkpoint holds, by name. */
export interface Result {
  readonly losses: readonly number[];
  readonly tensors: Readonly<Record<string, ArrayLike<number>>>;
}

/** How far a run is from another. */
export interface Distance {
  /** The largest relative difference of losses. */
  readonly loss: number;
  /** ‖difference‖ / ‖expected‖ of each leaf of parameters and running statistics, by name. */
  readonly leaves: Readonly<Record<string, number>>;
}

/**
 * Reads what a run has left.
 *
 * @param folder Its folder.
 * @returns Losses and tensors.
 */
export async function resultOf(folder: string): Promise<Result> {
  const lines = (await Deno.readTextFile(join(folder, "log.jsonl"))).trim().split("\n").map((line) => JSON.parse(line));
  const { tensors } = await readCheckpoint(join(folder, "last.safetensors"));
  return {
    losses: lines.filter(({ step }) => step !== undefined).map(({ loss }) => loss),
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, { data }]) => [name, data as unknown as ArrayLike<number>] as const),
    ),
  };
}

function norm(x: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  return Math.sqrt(sum);
}

/** ‖difference‖ / ‖expected‖; of leaves that are zero, ‖difference‖. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const difference = Float64Array.from({ length: expected.length }, (_, i) => actual[i]! - expected[i]!);
  return norm(difference) / (norm(expected) || 1);
}

/** True of parameters and running statistics: moments of what batch norm takes out again, such as biases, are rounding alone. */
const isLasting = (name: string) => !name.startsWith("optimizer.");

/**
 * Compares two runs to the bit, moments too.
 *
 * @param a One.
 * @param b The other.
 * @returns True if all is equal.
 */
export function isSame(a: Result, b: Result): boolean {
  const equal = (x: ArrayLike<number>, y: ArrayLike<number>) => {
    for (let i = 0; i < x.length; i++) if (!Object.is(x[i], y[i])) return false;
    return x.length === y.length;
  };
  return equal(a.losses, b.losses) && Object.entries(a.tensors).every(([name, x]) => equal(x, b.tensors[name]!));
}

/**
 * What several ranks must come to that take statistics of their own: batch norm of small batches, one after another, takes in
 * running statistics after each, ranks once a step.
 *
 * @param inTurn One process that computes the parts of its batch one after another.
 * @param atOnce One process that computes them at once, each with statistics of its own.
 * @returns Losses and parameters of the first, running statistics of the other.
 */
export function withStatistics(inTurn: Result, atOnce: Result): Result {
  const parameters = Object.entries(inTurn.tensors).filter(([name]) => name.startsWith("params."));
  return { losses: inTurn.losses, tensors: { ...atOnce.tensors, ...Object.fromEntries(parameters) } };
}

/**
 * Compares two runs.
 *
 * @param actual One.
 * @param expected The other, whose norms count.
 * @returns How far they are from each other.
 */
export function compare(actual: Result, expected: Result): Distance {
  const losses = actual.losses.map((x, i) => Math.abs(x - expected.losses[i]!) / Math.abs(expected.losses[i]!));
  const leaves = Object.entries(expected.tensors).filter(([name]) => isLasting(name))
    .map(([name, x]) => [name, distance(actual.tensors[name]!, x)]);
  return { loss: Math.max(...losses), leaves: Object.fromEntries(leaves) };
}

/**
 * The farthest of several.
 *
 * @param distances Of one expected run, one or more.
 * @returns The largest of each.
 */
export function farthest(distances: readonly Distance[]): Distance {
  const names = Object.keys(distances[0]!.leaves);
  return {
    loss: Math.max(...distances.map(({ loss }) => loss)),
    leaves: Object.fromEntries(names.map((name) => [name, Math.max(...distances.map(({ leaves }) => leaves[name]!))])),
  };
}

/** The least that must be met, whatever rounding alone does. */
export interface Bounds {
  readonly loss: number;
  readonly leaf: number;
}

/** A run beside what is allowed. */
export interface Verdict {
  /** The largest difference of losses, and what is allowed. */
  readonly loss: readonly [found: number, allowed: number];
  /** The leaf that comes nearest to what is allowed, or is farthest beyond it. */
  readonly leaf: readonly [name: string, found: number, allowed: number];
  /** Leaves beyond what is allowed. */
  readonly beyond: number;
}

/**
 * Judges how far a run of ranks is from one process: at most the larger of a bound and three times what rounding alone does,
 * for the losses and for each leaf.
 *
 * @param found Of the ranks.
 * @param spread Of one process whose batches are computed in another order.
 * @param bounds The least bounds.
 * @returns What was found beside what is allowed.
 */
export function judge(found: Distance, spread: Distance, bounds: Bounds): Verdict {
  const allowed = (bound: number, own: number) => Math.max(bound, 3 * own);
  const leaves = Object.entries(found.leaves)
    .map(([name, far]) => [name, far, allowed(bounds.leaf, spread.leaves[name]!)] as const);
  const worst = leaves.reduce((most, one) => one[1] / one[2] > most[1] / most[2] ? one : most);
  return {
    loss: [found.loss, allowed(bounds.loss, spread.loss)],
    leaf: worst,
    beyond: leaves.filter(([, far, most]) => !(far <= most)).length,
  };
}
