/** @file `deno task crash`: kills training at random moments, starts it twice at once, and lets it go on. */
import process from "node:process";
import { dataKey, drawsOf } from "../../data/batches/draws.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { full, healthy } from "./kills.ts";
import { pairsOf, pairTable, unnamedPairs } from "./pairs.ts";
import { type Scenario, type Scenarios, scenarios } from "./scenarios.ts";

const OPTIONS = {
  kills: { kind: "whole", least: 0, help: "kills of a new run on a healthy disk", default: 20 },
  longer: {
    kind: "whole",
    least: 0,
    help: "kills each of an extended run and of one from an official checkpoint",
    default: 10,
  },
  detections: { kind: "whole", least: 0, help: "kills of detect:train", default: 10 },
  full: { kind: "whole", least: 0, help: "kills on a disk that is too small (a tmpfs: needs root)", default: 20 },
  pairs: { kind: "whole", least: 0, help: "pairs of each kind that start at once", default: 20 },
  seed: { kind: "whole", least: 0, help: "seed of the moments", default: 0 },
  steps: { kind: "whole", least: 6, help: "steps of the training", default: 60 },
} as const;

const LINE = {
  task: "crash",
  purpose: `Runs a small training that keeps a checkpoint every 3 steps, then runs it again and again, killing it
with SIGKILL at random moments (one in five before the first step): a new run, one that goes on longer than it was
begun (--extend), one that goes on from an official checkpoint, one of detect:train with its evaluations, and a new
one on a disk that is too small for a second checkpoint. After each the checkpoint must be whole, and the run that goes
on must end in the same bits, scores and best checkpoint. Then two runs start at once in one place: new ones, two
--resume, two --extend, two from an official checkpoint, two of detect:train. One must end in the same bits, the other
must be refused and leave nothing behind. Two new ones without --out must both be done, in folders of their own.`,
  options: OPTIONS,
} as const;

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Tells what a training takes if nothing disturbs it. */
async function undisturbed(all: Scenarios, name: Scenario["name"]): Promise<Scenario> {
  const scenario = await all[name]();
  const { milliseconds, firstStep, expected } = scenario;
  write(
    `undisturbed ${name}: ${Math.round(milliseconds)} ms, the first step after ${Math.round(firstStep)} ms, ` +
      `checkpoint of ${expected.bits.length} bytes`,
  );
  return scenario;
}

/** Pairs of every kind, and their table; how many failed. */
async function together(all: Scenarios, count: number, root: string) {
  if (count === 0) return 0;
  const tallies = [];
  for (const scenarioOf of Object.values(all)) {
    const scenario = await scenarioOf();
    tallies.push(await pairsOf(scenario, count, root));
    write(`pairs of ${scenario.name} runs: ${tallies.at(-1)!.right} of ${count} as it must be`);
  }
  tallies.push(await unnamedPairs(await all.new(), count, root));
  tallies.forEach(({ what, problems }) => problems.forEach((problem) => write(`FAILED  ${what}, ${problem}`)));
  write(pairTable(tallies));
  return tallies.reduce((sum, { pairs, right, lost }) => sum + Math.max(pairs - right, lost), 0);
}

/** Runs the check: exit code 0 if every run went on to the same bits, and no pair wrote in one place. */
export const main: Command = command(LINE, async (given) => {
  const { kills, longer, detections, full: small, pairs, seed, steps } = withDefaults(OPTIONS, given);
  const root = await Deno.makeTempDir({ prefix: "crash_" });
  try {
    const all = await scenarios(root, steps);
    const trials = { root, draw: drawsOf(dataKey(seed)), write, steps };
    const disturbed = async (name: Scenario["name"], count: number, way = healthy) =>
      count === 0 ? 0 : await way(await undisturbed(all, name), count, trials);
    const failed = [
      await disturbed("new", kills),
      await disturbed("extended", longer),
      await disturbed("official", longer),
      await disturbed("detection", detections),
      await disturbed("new", small, full),
      await together(all, pairs, root),
    ].reduce((sum, each) => sum + each, 0);
    const runs = kills + 2 * longer + detections + small + 6 * pairs;
    write(failed === 0 ? `every one of ${runs} trials came to the same bits` : `${failed} of ${runs} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

if (import.meta.main) await runCommand(main);
