/** @file Steps that depend on none of each other take their turn together: a device runs them in one launch. */
import { sizeOf } from "../../spec.ts";
import { exchangeOf, type Step, type Value } from "../kernel.ts";
import { bytesOf, type Draft } from "./draft.ts";
import { mayReplace } from "./in_place.ts";
import { livesOf } from "./lives.ts";
import { TINY } from "./side_by_side.ts";

/** How far a step is postponed, and how many turns are looked at for one. */
const REACH = 1024;
/** What the peak of memory may grow by: a share, or so many bytes. */
const GROWTH = { share: 1 / 256, bytes: 2 ** 10 };
/** By what the bytes that a turn may keep are divided until the peak grows no more. */
const LESS = 16;

/** Steps that run together. */
interface Turn {
  readonly steps: Step[];
  /** Bytes of temporaries that are made before their own place in the program. */
  kept: number;
}

/**
 * Gathers maps and reductions that depend on none of each other, however far apart a program wrote them: all updates of
 * parameters, all norms of gradients. What they compute stays the same to the bit.
 *
 * @param draft The program, each step by itself.
 * @param keptBytes Temporaries that are made early so that their step can join a turn: bound for one turn. Less are kept
 * if the peak of memory would grow.
 * @returns The program, with the turns of its steps.
 */
export function takeTurns(draft: Draft, keptBytes: number): Draft {
  const late = postponed(draft);
  const most = peaksOf(draft).map((peak) => peak + Math.max(GROWTH.share * peak, GROWTH.bytes));
  for (let kept = keptBytes; kept >= 1; kept /= LESS) {
    const gathered = gather(late, kept);
    if (peaksOf(gathered).every((peak, i) => peak <= most[i]!)) return gathered;
  }
  return draft;
}

/** Most bytes that live at one time: on devices whose maps work in place, and on others. */
function peaksOf(draft: Draft): readonly number[] {
  return [true, false].map((inPlace) =>
    livesOf(draft, inPlace).bytes.reduce((most, bytes) => Math.max(most, bytes), 0)
  );
}

/** Maps and reductions: other kernels have scratch of which nothing is known here, or are none of a device's launches. */
function mayJoin({ kernel }: Step): boolean {
  if (kernel.kind === "template" || kernel.shape.includes(0)) return false;
  return kernel.kind === "map" || sizeOf(kernel.shape) <= TINY;
}

/** True for what costs nothing to keep in memory for longer. */
function isFree({ role, shape }: Value): boolean {
  return role !== "temporary" || sizeOf(shape) <= TINY;
}

/** Moves steps that read nothing large, such as the update of a running mean, down to where their results are read. */
function postponed({ values, steps }: Draft): Draft {
  const result: Step[] = []; // the last step comes first
  const mayWait = (step: Step) => mayJoin(step) && step.inputs.every((x) => isFree(values[x]!));
  const mayPass = (step: Step, other: Step) =>
    !other.inputs.some((x) => step.outputs.includes(x) || (step.inputs.includes(x) && mayReplace(values, other, x)));
  for (const step of steps.toReversed()) {
    let place = result.length;
    const end = mayWait(step) ? Math.max(0, place - REACH) : place;
    for (let at = place; at > end && mayPass(step, result[at - 1]!); at--) {
      if (!mayWait(result[at - 1]!)) place = at - 1; // among those that wait all stay in their order
    }
    result.splice(place, 0, step);
  }
  return { values, steps: result.reverse() };
}

/** Lets each step join the first turn by which all that it reads is there. */
function gather({ values, steps }: Draft, keptBytes: number): Draft {
  const turns: Turn[] = [];
  const open: number[] = []; // turns that more may join
  const earliest = earliestTurn(values);
  for (const step of steps) {
    const bytes = step.outputs.reduce((sum, x) => isFree(values[x]!) ? sum : sum + bytesOf(values[x]!), 0);
    const from = earliest.of(step, turns.length);
    const fits = (at: number) => turns[at]!.kept + bytes <= keptBytes;
    const at = mayJoin(step) ? firstFrom(open, from, fits) ?? turns.length : turns.length;
    if (at === turns.length) {
      if (mayJoin(step)) open.push(at);
      turns.push({ steps: [], kept: 0 });
    }
    turns[at]!.steps.push(step);
    turns[at]!.kept += bytes;
    earliest.took(step, at);
  }
  const numbered = turns.flatMap(({ steps }, turn) =>
    steps.length > 1 ? steps.map((step) => ({ ...step, turn })) : steps
  );
  return { values, steps: numbered };
}

/** The first of the sorted numbers from one on that fits, if one is near. */
function firstFrom(sorted: readonly number[], from: number, fits: (x: number) => boolean): number | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return sorted.slice(low, low + REACH).find(fits);
}

/** Follows which turn a step may join at the earliest. */
function earliestTurn(values: readonly Value[]) {
  const made = new Map<number, number>();
  const read = new Map<number, number>();
  const exchanged = new Map<number, Step>();
  const waited = new Map<Step, number>();
  return {
    /** The turn; `last` is the one that is still to come. */
    of(step: Step, last: number): number {
      const after = step.inputs.map((x) => {
        const exchange = exchanged.get(x);
        // What runs beside an exchange must not wait for it earlier than the program does.
        if (exchange) return waited.get(exchange) ?? last;
        const ready = (made.get(x) ?? -1) + 1;
        return mayReplace(values, step, x) ? Math.max(ready, (read.get(x) ?? -1) + 1) : ready;
      });
      return Math.max(0, ...after);
    },
    took(step: Step, at: number): void {
      step.outputs.forEach((x) => made.set(x, at));
      if (exchangeOf(step.kernel)) step.outputs.forEach((x) => exchanged.set(x, step));
      for (const x of step.inputs) {
        read.set(x, Math.max(at, read.get(x) ?? 0));
        const exchange = exchanged.get(x);
        if (exchange && !waited.has(exchange)) waited.set(exchange, at);
      }
    },
  };
}
