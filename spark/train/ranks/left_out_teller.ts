/** @file What a run leaves out of what it reads, of all ranks together, told by the first. */
import type { Collective } from "../../../tensor/mod.ts";
import { appendFile } from "../../../data/mod.ts";
import type { RunResults } from "../results/run_results.ts";
import { textsOfAll } from "./agreement.ts";

/** A file that cannot be read. */
export interface SkippedFile {
  readonly name: string;
  readonly reason: string;
}

/** Where it is told. */
export interface LeftOutPlaces {
  /** Writes a line that stays. */
  readonly note: (line: string) => void;
  /** Log of the run, which keeps files that are skipped; of the first rank alone. */
  readonly log: string;
  /** Says of how many objects there are without a place. */
  readonly objects?: ((count: number) => string) | undefined;
}

/** Tells what is left out. */
export interface LeftOutTeller {
  /** Told of a file that cannot be read. */
  readonly onSkip: (file: SkippedFile) => void;
  /** Told of objects that have no place. */
  readonly onLeftOut: (objects: number) => void;
  /** Tells what was met on any rank whenever metrics are logged, which is on all of them. */
  readonly beside: <Results extends { readonly log: RunResults<never>["log"] }>(results: Results) => Results;
  /** Files that were skipped on any rank, each once. */
  readonly files: () => number;
}

/**
 * Makes what tells of files that cannot be read, each once, and of objects without a place, at every power of ten. One process
 * tells at once; of several ranks each would know of its own images alone.
 *
 * @param collective The ranks.
 * @param places Where it is told.
 * @returns The same on every rank.
 */
export function leftOutTeller(collective: Collective, places: LeftOutPlaces): LeftOutTeller {
  const telling = tellingOf(places, collective);
  const { files } = telling;
  if (collective.size === 1) {
    return { onSkip: (file) => telling.file(file, 0), onLeftOut: telling.objects, beside: (results) => results, files };
  }
  const own = { files: [] as SkippedFile[], objects: 0 };
  const exchange = () => {
    const met = own.files.splice(0);
    const counts = Int32Array.of(met.length, own.objects);
    own.objects = 0;
    collective.allReduce(counts).wait();
    telling.objects(counts[1]!);
    if (counts[0] === 0) return;
    for (const [rank, text] of textsOfAll(collective, JSON.stringify(met)).entries()) {
      (JSON.parse(text) as readonly SkippedFile[]).forEach((file) => telling.file(file, rank));
    }
  };
  return {
    onSkip: (file) => void own.files.push(file),
    onLeftOut: (objects) => void (own.objects += objects),
    beside: (results) => ({
      ...results,
      log(...logged) {
        results.log(...logged);
        exchange();
      },
    }),
    files,
  };
}

function tellingOf({ note, log, objects: lineOf = String }: LeftOutPlaces, own: Collective) {
  const names = new Set<string>();
  const sum = { now: 0, next: 1 };
  return {
    files: () => names.size,
    file({ name, reason }: SkippedFile, rank: number) {
      if (names.has(name)) return;
      names.add(name);
      note(`${rank === 0 ? "" : `rank ${rank}: `}Skips ${name} as ${reason}`);
      if (own.rank === 0) appendFile(log, `${JSON.stringify({ skipped: name, reason })}\n`);
    },
    objects(count: number) {
      sum.now += count;
      if (sum.now < sum.next) return;
      sum.next = 10 ** Math.ceil(Math.log10(sum.now + 1));
      note(lineOf(sum.now));
    },
  };
}
