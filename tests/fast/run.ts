/** @file `deno task fast`: what must hold of `--fast`, longer than a test may take. */
import process from "node:process";
import { dataKey, drawsOf } from "../../data/batches/draws.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { fuzzImages } from "./images.ts";
import { killFast } from "./kills.ts";
import { compareLosses } from "./losses.ts";

const OPTIONS = {
  images: { kind: "whole", least: 0, help: "damaged images", default: 10_000 },
  kills: { kind: "whole", least: 0, help: "trainings that are killed, either process in turns", default: 20 },
  steps: { kind: "whole", least: 0, help: "steps of the default training in each mode", default: 200 },
  seed: { kind: "whole", least: 0, help: "seed of damage and moments", default: 0 },
} as const;

const LINE = {
  task: "fast",
  purpose: `Checks --fast: damaged images are decoded here and computed with in the engine's process, of which
every value must come back right; trainings of which one process is killed at a random moment leave no process behind
and go on to the bits of an undisturbed one without --fast; the default training has the same losses and the same
checkpoint with and without --fast, on one thread and on two.`,
  options: OPTIONS,
} as const;

const write = (line: string): void => void process.stdout.write(`${line}\n`);

async function images(count: number, seed: number): Promise<number> {
  const { read, refused, problems } = await fuzzImages(count, seed);
  problems.slice(0, 20).forEach((problem) => write(`FAILED  ${problem}`));
  write(
    `${count} damaged images: ${refused} refused by name, ${read} read and computed with, ${problems.length} problems`,
  );
  return problems.length;
}

/** Runs the checks: exit code 0 if nothing failed. */
const main: Command = command(LINE, async (given) => {
  const { images: count, kills, steps, seed } = withDefaults(OPTIONS, given);
  let failed = 0;
  if (count > 0) failed += await images(count, seed);
  if (kills > 0) failed += await killFast(kills, drawsOf(dataKey(seed)), write);
  if (steps > 0) failed += await compareLosses(steps, write);
  write(failed === 0 ? "all as it must be" : `${failed} failed`);
  return failed === 0 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);
