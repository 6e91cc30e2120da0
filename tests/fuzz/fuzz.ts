/** @file Feeds damaged files to a reader and says what went wrong. */
import process from "node:process";
import { dataKey, drawsOf } from "../../data/batches/draws.ts";
import { mutate } from "./mutate.ts";
import type { Target } from "./target.ts";

/** A file that was read neither well nor with an error that names it. */
export interface Problem {
  /** Number of the file. */
  readonly index: number;
  /** What happened. */
  readonly what: string;
  /** The file. */
  readonly bytes: Uint8Array;
}

/** What came of many files. */
export interface Outcome {
  /** Files that were read without an error. */
  readonly read: number;
  /** Files that were refused with an error that names file and reason. */
  readonly refused: number;
  /** All others. */
  readonly problems: readonly Problem[];
  /** Longest time of a processor for a file: a busy machine does not count. */
  readonly slowestMilliseconds: number;
}

/** No file may take more of a processor. */
export const MAX_MILLISECONDS = 5000;

/** A good file must still be read after every so many damaged ones. */
const CHECK_EVERY = 50;

/**
 * Makes the damaged file of a number: the same for the same seed.
 *
 * @param target Kind of file.
 * @param seeds Its good files.
 * @param options Seed and number.
 * @returns The file.
 */
export function damagedFile(
  target: Target,
  seeds: readonly Uint8Array[],
  { seed, index }: { readonly seed: number; readonly index: number },
): Uint8Array {
  const draw = drawsOf(dataKey(seed * 1_000_003 + index));
  const good = seeds[Math.floor(draw() * seeds.length)]!;
  if (!target.inner || draw() < 0.4) return mutate(good, draw);
  try {
    return target.inner(good, draw);
  } catch {
    return mutate(good, draw);
  }
}

async function problemOf(
  target: Target,
  bytes: Uint8Array,
  path: string,
): Promise<"read" | "refused" | { what: string }> {
  try {
    await target.read(bytes, path);
    return "read";
  } catch (error) {
    const named = error instanceof Error && error.message.startsWith("Cannot ") && error.message.includes(path);
    return named ? "refused" : { what: `an error that does not name it: ${String(error).slice(0, 500)}` };
  }
}

/**
 * Reads damaged files.
 *
 * @param target Kind of file.
 * @param options Seed, first number and number of files, path that errors must name, and what is told before each file.
 * @returns What came of them.
 */
export async function fuzz(
  target: Target,
  { seed, from, count, path, before = () => {} }: {
    readonly seed: number;
    readonly from: number;
    readonly count: number;
    readonly path: string;
    readonly before?: (index: number) => void;
  },
): Promise<Outcome> {
  const seeds = await target.seeds();
  const tally = { read: 0, refused: 0, slowest: 0 };
  const problems: Problem[] = [];
  for (let index = from; index < from + count; index++) {
    before(index);
    const bytes = damagedFile(target, seeds, { seed, index });
    const [start, begin] = [process.cpuUsage(), performance.now()];
    const outcome = await problemOf(target, bytes, path);
    const { user, system } = process.cpuUsage(start);
    const took = Math.min((user + system) / 1000, performance.now() - begin); // other threads compute too
    tally.slowest = Math.max(tally.slowest, took);
    if (typeof outcome === "string") tally[outcome]++;
    else problems.push({ index, what: outcome.what, bytes });
    if (took > MAX_MILLISECONDS) problems.push({ index, what: `took ${Math.round(took)} ms`, bytes });
    if (index % CHECK_EVERY === 0) {
      const good = await problemOf(target, seeds[0]!, path);
      if (good !== "read") problems.push({ index, what: "a good file is not read any more", bytes });
    }
  }
  return { read: tally.read, refused: tally.refused, problems, slowestMilliseconds: tally.slowest };
}
