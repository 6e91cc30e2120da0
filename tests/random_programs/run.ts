/** @file `deno task programs`: many random programs, compared between devices and with differences. */
// deno-lint-ignore-file no-console
import { openDevice } from "../../tensor/mod.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { checkSeed } from "./check.ts";

const OPTIONS = {
  count: { kind: "whole", least: 0, help: "programs", default: 5000 },
  first: { kind: "whole", least: 0, help: "seed of the first one", default: 0 },
  device: { kind: "name", names: ["cpu", "webgpu"], help: "cpu or webgpu", default: "cpu" },
} as const;

const LINE = {
  task: "programs",
  purpose: `Draws programs from seeds and compares their values and gradients, lazy and compiled, with the float64
reference; every third also with differences. A program that fails is printed as small as it fails. Exits 1 if one does.`,
  options: OPTIONS,
} as const;

/** Runs the check: exit code 0 if no program failed. */
const main: Command = command(LINE, async (given) => {
  const { count, first, device: name } = withDefaults(OPTIONS, given);
  const device = await openDevice(name);
  let failed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const failure = await checkSeed(seed, [device]);
    if (failure) console.log(`${failure}\n`);
    failed += failure ? 1 : 0;
  }
  device.close();
  console.log(`${count - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
});

if (import.meta.main) await runCommand(main);
