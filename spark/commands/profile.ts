/**
 * Where the time of a program goes: a table by kernel, and a trace for `chrome://tracing` or Perfetto.
 *
 *     deno task profile step.ts --device webgpu
 *     deno task profile --model resnet50 --input-size 64 --batch-size 8 --trace trace.json
 *
 * On webgpu the device's timestamps are used where the adapter offers them; else every launch is waited for, the short
 * ones several times. A profiled run takes longer than others.
 *
 * @module
 */
import { profile as profileOf } from "../../tensor/kernel.ts";
import { type Command, command } from "./cli/command.ts";
import { withDefaults } from "./cli/command_line.ts";
import { print } from "./cli/print.ts";
import { runCommand } from "./cli/run_command.ts";
import { INPUT_SIZE_OPTION, TRAINING_OPTIONS } from "./shared/common_options.ts";
import { PROGRAM_DETAILS, PROGRAM_OPERAND, programOf, STEP_OPTIONS } from "./shared/program.ts";

export type { Command } from "./cli/command.ts";

const OPTIONS = {
  ...STEP_OPTIONS,
  ...INPUT_SIZE_OPTION,
  batchSize: TRAINING_OPTIONS.batchSize,
  device: { kind: "name", names: ["cpu", "webgpu"], help: "cpu or webgpu", default: "cpu" },
  runs: { kind: "whole", least: 1, help: "runs that are timed, after one that warms up", default: 1 },
  rows: { kind: "whole", least: 1, help: "kernels that are listed", default: 40 },
  trace: { kind: "text", placeholder: "FILE", what: "a file", help: "trace for chrome://tracing or Perfetto" },
} as const;

const LINE = {
  task: "profile",
  purpose: "Tells where the time of a program goes, kernel by kernel.",
  operands: PROGRAM_OPERAND,
  options: OPTIONS,
  details: PROGRAM_DETAILS,
} as const;

/** Runs the command: exit code 0. */
export const profile: Command = command(LINE, async (given, [file]) => {
  const { device, runs, rows, trace, ...choice } = withDefaults(OPTIONS, given);
  const { name, f, args } = await programOf(file, choice);
  const found = await profileOf(f, { device: device as "cpu" | "webgpu", runs, rows })(...args);
  print(`${name} on ${found}`);
  if (trace) {
    await Deno.writeTextFile(trace, JSON.stringify(found.trace()));
    print(`trace: ${trace}, for chrome://tracing or ui.perfetto.dev`);
  }
  return 0;
});

if (import.meta.main) await runCommand(profile);
