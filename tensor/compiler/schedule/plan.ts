/** @file Where the temporaries of a program lie. */
import { bytesOf } from "./draft.ts";
import { exchangeParts } from "../brought.ts";
import { successions, turnsOf } from "./in_place.ts";
import { exchangeOf, type ScheduledProgram } from "../kernel.ts";
import { type Life, timeline } from "./timeline.ts";

/** Where each temporary of a schedule lies in one arena. */
export interface MemoryPlan {
  /** Byte offset of each temporary value, by number. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Byte offset of the scratch of each step, by position; none where a step needs none. */
  readonly scratch: ReadonlyMap<number, number>;
  /** Size of the arena. */
  readonly bytes: number;
}

/** What a device asks of a plan. */
export interface PlanOptions {
  /** Of every offset, in bytes. */
  readonly alignment: number;
  /** True if a map may write over an operand that nobody reads afterwards. */
  readonly inPlace?: boolean;
  /** Bytes of scratch of each step. */
  readonly scratchBytes?: readonly number[];
}

/** A life whose end and place are still to be found. */
interface OpenLife extends Life {
  from: number;
  to: number;
  offset: number;
}

/**
 * Plans the memory of all temporaries, so that the peak is known before the first run. Values whose lifetimes
 * overlap, counted in turns, do not share bytes, but for maps that work in place. Each gets the lowest offset that is free
 * for its lifetime: first those that live where most is in use, the longest lives first; or the large ones first, if that takes less.
 *
 * @param schedule The steps.
 * @param options Alignment, work in place, scratch.
 * @returns Offsets and arena size.
 */
export function planMemory(schedule: ScheduledProgram, options: PlanOptions): MemoryPlan {
  const { scratchBytes = [], alignment } = options;
  const round = (bytes: number) => Math.ceil(Math.max(bytes, 1) / alignment) * alignment;
  const turns = turnsOf(schedule.steps);
  const { lives, places } = livesOf(schedule, turns, round, options.inPlace ?? false);
  const scratch = new Map<number, OpenLife>();
  scratchBytes.forEach((bytes, step) => {
    const turn = turns[step]!;
    if (bytes > 0) scratch.set(step, { bytes: round(bytes), from: turn, to: turn, offset: 0 });
  });
  const bytes = place([...new Set(lives.values()), ...scratch.values()], schedule.steps.length);
  const offsets = new Map([...lives].map(([value, life]) => [value, life.offset + (places.get(value) ?? 0)]));
  return { offsets, scratch: new Map([...scratch].map(([step, life]) => [step, life.offset])), bytes };
}

/**
 * The life of each temporary; one that is written over another shares its life, and so do those that lie together, each at its
 * place.
 */
function livesOf(
  schedule: ScheduledProgram,
  turns: readonly number[],
  round: (bytes: number) => number,
  inPlace: boolean,
): { readonly lives: ReadonlyMap<number, OpenLife>; readonly places: ReadonlyMap<number, number> } {
  const { values, steps } = schedule;
  const before = inPlace ? successions(schedule) : new Map<number, number>();
  const exchanging = exchangeParts(inPlace && steps.some(({ kernel }) => exchangeOf(kernel)));
  const ranges = exchanging?.sharedRanges(schedule, before, round) ?? [];
  const together = new Map<number, OpenLife>(ranges.flatMap(({ bytes, places }) => {
    const life = { bytes, from: Infinity, to: 0, offset: 0 };
    return [...places.keys()].map((value) => [value, life] as const);
  }));
  const placeIn = new Map(ranges.flatMap(({ places }) => [...places]));
  const lives = new Map<number, OpenLife>();
  steps.forEach(({ inputs, outputs }, step) => {
    const at = turns[step]!;
    for (const value of inputs) if (lives.has(value)) lives.get(value)!.to = at;
    for (const value of outputs) {
      if (values[value]!.role !== "temporary") continue;
      const old = before.get(value) ?? -1;
      const given = together.get(value) ?? lives.get(old);
      if (!together.has(value) && placeIn.has(old)) placeIn.set(value, placeIn.get(old)!);
      if (given) Object.assign(given, { from: Math.min(given.from, at), to: Math.max(given.to, at) });
      lives.set(value, given ?? { bytes: round(bytesOf(values[value]!)), from: at, to: at, offset: 0 });
    }
  });
  return { lives, places: placeIn };
}

/** An order in which lives get their places. */
type Order = (a: OpenLife, b: OpenLife) => number;

const largestFirst: Order = (a, b) => b.bytes - a.bytes || a.from - b.from;

/** What lives where most is in use, for how long it lives; then the rest, the largest first. */
function peakFirst(peak: number): Order {
  const rank = ({ from, to }: OpenLife) => from <= peak && peak <= to ? to - from : -1;
  return (a, b) => rank(b) - rank(a) || largestFirst(a, b);
}

/** Gives every life its offset: in the order that takes less memory. Returns the end of all. */
function place(lives: readonly OpenLife[], steps: number): number {
  const { peak, bytes } = peakOf(lives, steps);
  const first = placeInOrder(lives, steps, peakFirst(peak));
  if (first === bytes) return first;
  const offsets = lives.map(({ offset }) => offset);
  const second = placeInOrder(lives, steps, largestFirst);
  if (second > first) lives.forEach((life, i) => life.offset = offsets[i]!);
  return Math.min(first, second);
}

/** Where most is in use, and how much: no plan needs less. */
function peakOf(lives: readonly OpenLife[], steps: number): { readonly peak: number; readonly bytes: number } {
  const changes = new Float64Array(steps + 1);
  for (const { bytes, from, to } of lives) {
    changes[from]! += bytes;
    changes[to + 1]! -= bytes;
  }
  const most = { peak: 0, bytes: 0 };
  changes.reduce((bytes, change, at) => {
    if (bytes + change > most.bytes) Object.assign(most, { peak: at, bytes: bytes + change });
    return bytes + change;
  }, 0);
  return most;
}

function placeInOrder(lives: readonly OpenLife[], steps: number, order: Order): number {
  const placed = timeline(steps);
  let bytes = 0;
  for (const life of lives.toSorted(order)) {
    life.offset = placed.lowestFree(life);
    placed.add(life);
    bytes = Math.max(bytes, life.offset + life.bytes);
  }
  return bytes;
}
