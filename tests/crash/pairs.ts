/** @file Two trainings that start at once in one place: one must do it all, the other nothing. */
import { join } from "node:path";
import type { Scenario } from "./scenarios.ts";
import { differences, type Run, train } from "./training.ts";

/** What a run that was not let in says. */
const REFUSED = /^Cannot (start a new run|resume) as .*(is held by process \d+ on|holds another run)/;

/** What came of many pairs. */
export interface PairTally {
  /** What started twice. */
  readonly what: string;
  /** Pairs. */
  readonly pairs: number;
  /**
   * Pairs of which one was done and the other refused, or came when all was done and found that; of runs without a name:
   * both done, in two folders.
   */
  readonly right: number;
  /** Pairs of which both were done in one place. */
  readonly both: number;
  /** Pairs of which neither was. */
  readonly neither: number;
  /** Pairs after which bits, losses or files were not those of an undisturbed run. */
  readonly lost: number;
  /** What went wrong, a line each. */
  readonly problems: readonly string[];
}

const isDone = ({ code, idle }: Run) => code === 0 && !idle;
/** True if it was not let in: refused, or so late that the other was through. */
const isLeftOut = ({ code, errors, idle }: Run) => code === 0 ? idle : code === 1 && REFUSED.test(errors);

/**
 * Starts a training twice at once, some times.
 *
 * @param scenario The training.
 * @param count How often.
 * @param root Folder of all runs.
 * @returns What came of it.
 */
export async function pairsOf(scenario: Scenario, count: number, root: string): Promise<PairTally> {
  const tally = { right: 0, both: 0, neither: 0, lost: 0 };
  const problems: string[] = [];
  for (let i = 1; i <= count; i++) {
    const folder = join(root, `pair_${scenario.name}_${i}`);
    await scenario.prepare(folder);
    const args = scenario.start(folder);
    const runs = await Promise.all([1, 2].map(() => train(scenario.trainer, args, folder)));
    const finished = runs.filter(isDone).length;
    if (finished === 1 && runs.filter(isLeftOut).length === 1) tally.right++;
    else problems.push(`pair ${i}: ${runs.map(({ code, errors }) => `${code} ${errors.slice(0, 200)}`).join(" | ")}`);
    if (finished === 2) tally.both++;
    if (finished === 0) tally.neither++;
    const differ = finished > 0 ? await differences(folder, scenario.expected) : ["no result"];
    if (differ.length > 0) {
      tally.lost++;
      problems.push(`pair ${i}: ${differ.join(", ")}`);
    }
    await Deno.remove(folder, { recursive: true });
  }
  return { what: `two ${scenario.name} runs`, pairs: count, ...tally, problems };
}

/**
 * Starts two trainings at once that are not told where to write: both must be done, each in a folder of its own.
 *
 * @param scenario A new training.
 * @param count How often.
 * @param root Folder of all runs.
 * @returns What came of it.
 */
export async function unnamedPairs(scenario: Scenario, count: number, root: string): Promise<PairTally> {
  const tally = { right: 0, both: 0, neither: 0, lost: 0 };
  const problems: string[] = [];
  for (let i = 1; i <= count; i++) {
    const place = join(root, `unnamed_${i}`);
    await Deno.mkdir(place);
    const args = scenario.start("").slice(0, -2); // without --out
    const runs = await Promise.all(
      [1, 2].map(() => train(scenario.trainer, args, join(place, "none"), { cwd: place })),
    );
    const folders = [...Deno.readDirSync(join(place, "runs"))].map(({ name }) => join(place, "runs", name));
    if (runs.every(isDone) && folders.length === 2) tally.right++;
    else {problems.push(`pair ${i}: ${folders.length} folders ${
        runs.map(({ errors }) => errors.slice(0, 200)).join(" | ")
      }`);}
    if (runs.every(isDone) && folders.length === 1) tally.both++;
    if (!runs.some(isDone)) tally.neither++;
    const differ = (await Promise.all(folders.map((folder) => differences(folder, scenario.expected)))).flat();
    if (differ.length > 0) {
      tally.lost++;
      problems.push(`pair ${i}: ${differ.join(", ")}`);
    }
    await Deno.remove(place, { recursive: true });
  }
  return { what: "two runs without a name", pairs: count, ...tally, problems };
}

/** Writes tallies as a table. */
export function pairTable(tallies: readonly PairTally[]): string {
  const rows = tallies.map(({ what, pairs, right, both, neither, lost }) =>
    `| ${what.padEnd(23)} | ${
      [pairs, right, both, neither, lost].map((n, i) => String(n).padStart(HEAD[i]!.length)).join(" | ")
    } |`
  );
  return [
    `| ${"started at once".padEnd(23)} | ${HEAD.join(" | ")} |`,
    `|${"-".repeat(25)}|${HEAD.map((name) => `${"-".repeat(name.length + 1)}:|`).join("")}`,
    ...rows,
  ].join("\n");
}

const HEAD = ["pairs", "as it must be", "both in one place", "neither", "lost or other bits"];
