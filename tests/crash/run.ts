/** @file `deno task crash`: kills training at random moments, starts it twice at once, and lets it go on. */
import process from "node:process";
import { dataKey, drawsOf } from "../../data/batches/draws.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { full, healthy } from "./kills.ts";
import { pairsOf, pairTable, unnamedPairs } from "./pairs.ts";
import { type Scenario, scenarios } from "./scenarios.ts";

const OPTIONS = {
  kills: { kind: "whole", least: 0, help: "kills of a new run on a healthy disk", default: 20 },
  longer: {
    kind: "whole",
    least: 0,
    help: "kills each of an extended run and of one from an official checkpoint",
    default: 10,
  },
  full: { kind: "whole", least: 0, help: "kills on a disk that is too small (a tmpfs: needs root)", default: 20 },
  pairs: { kind: "whole", least: 0, help: "pairs of each kind that start at once", default: 20 },
  seed: { kind: "whole", least: 0, help: "seed of the moments", default: 0 },
  steps: { kind: "whole", least: 6, help: "steps of the training", default: 60 },
} as const;

const LINE = {
  task: "crash",
  purpose: `Runs a small training that keeps a checkpoint every 3 steps, then runs it again and again, killing it
with SIGKILL at random moments (one in five before the first step): a new run, one that goes on longer than it was
begun (--extend), one that goes on from an official checkpoint, and a new one on a disk that is too small for a
second checkpoint. After each the checkpoint must be whole, and the run that goes on must end in the same bits.
Then two runs start at once in one place: new ones, two --resume, two --extend, two from an official checkpoint. One
must end in the same bits, the other must be refused and leave nothing behind. Two new ones without --out must both be
done, in folders of their own.`,
  options: OPTIONS,
} as const;

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Pairs of every kind, and their table; how many failed. */
async function together(all: Readonly<Record<Scenario["name"], Scenario>>, count: number, root: string) {
  if (count === 0) return 0;
  const tallies = [];
  for (const scenario of Object.values(all)) {
    tallies.push(await pairsOf(scenario, count, root));
    write(`pairs of ${scenario.name} runs: ${tallies.at(-1)!.right} of ${count} as it must be`);
  }
  tallies.push(await unnamedPairs(all.new, count, root));
  tallies.forEach(({ what, problems }) => problems.forEach((problem) => write(`FAILED  ${what}, ${problem}`)));
  write(pairTable(tallies));
  return tallies.reduce((sum, { pairs, right, lost }) => sum + Math.max(pairs - right, lost), 0);
}

/** Runs the check: exit code 0 if every run went on to the same bits, and no pair wrote in one place. */
const main: Command = command(LINE, async (given) => {
  const { kills, longer, full: small, pairs, seed, steps } = withDefaults(OPTIONS, given);
  const root = await Deno.makeTempDir({ prefix: "crash_" });
  try {
    const all = await scenarios(root, steps);
    for (const { name, milliseconds, firstStep, expected } of Object.values(all)) {
      write(
        `undisturbed ${name}: ${Math.round(milliseconds)} ms, the first step after ${Math.round(firstStep)} ms, ` +
          `checkpoint of ${expected.bits.length} bytes`,
      );
    }
    const trials = { root, draw: drawsOf(dataKey(seed)), write };
    const failed = [
      await healthy(all.new, kills, trials),
      await healthy(all.extended, longer, trials),
      await healthy(all.official, longer, trials),
      await full(all.new, small, { ...trials, steps }),
      await together(all, pairs, root),
    ].reduce((sum, each) => sum + each, 0);
    const runs = kills + 2 * longer + small + 5 * pairs;
    write(failed === 0 ? `every one of ${runs} trials came to the same bits` : `${failed} of ${runs} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

if (import.meta.main) await runCommand(main);
