/**
 * Finds the fastest tiles for the products and windows of a program on this machine's GPU, and keeps them for later runs.
 *
 *     deno task tune step.ts
 *     deno task tune --model resnet50 --input-size 224 --batch-size 8
 *
 * Runs it once to see which kernels take the time, then times tiles for each class of shape. The table goes to the
 * user's cache folder, or to the file that `--out` names.
 *
 * @module
 */
import { counted } from "../../data/mod.ts";
import { adapterHere, tune as tuneOf, type TuningResult } from "../../tensor/kernel.ts";
import { tuningPath, writeTuning } from "../train/tuning_file.ts";
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
  seconds: {
    kind: "number",
    above: 0,
    help:
      "how long tiles are tried, after the first run, those of what takes most time first; what is not tried keeps " +
      "the default (default: until all are tried)",
  },
  out: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: "file for the table (default: in the user's cache folder, by adapter)",
  },
} as const;

const LINE = {
  task: "tune",
  purpose: "Finds the fastest tiles for a program on this machine's GPU and keeps them for later runs.",
  operands: PROGRAM_OPERAND,
  options: OPTIONS,
  details: PROGRAM_DETAILS,
} as const;

function lineOf({ name, kernel, tile, defaultMilliseconds, milliseconds, untried }: TuningResult): string {
  const choice = tile
    ? `${tile.kind} ${tile.rows}×${tile.columns} in ${tile.down}×${tile.across}${
      tile.depth ? ` depth ${tile.depth}` : ""
    }`
    : "default";
  return `${defaultMilliseconds.toFixed(2).padStart(9)} ms → ${
    milliseconds.toFixed(2).padStart(9)
  } ms  ${choice}  (${kernel}, ${name})${untried ? `, no time for ${counted(untried, "other")}` : ""}`;
}

/** Runs the command: exit code 0. */
export const tune: Command = command(LINE, async (given, [file]) => {
  const { out, seconds, ...choice } = withDefaults(OPTIONS, given);
  const { name, f, args } = await programOf(file, choice);
  const adapter = await adapterHere();
  const path = out ?? tuningPath(adapter, (name) => Deno.env.get(name));
  print(`Adapter: ${adapter}\n${name}`);
  print("Runs it once to see what takes the time, then times tiles: one line for each class of shapes …");
  const table = await tuneOf(f, {
    tell: (result) => print(lineOf(result)),
    tellLeft: (names) =>
      print(`No time for ${counted(names.length, "class of shapes")}, which keep the default: ${names.join("; ")}`),
    ...(seconds !== undefined && { seconds }),
  })(...args);
  writeTuning(path, table);
  print(`${counted(Object.keys(table.tiles).length, "class of shapes")} with other tiles than the default, in ${path}`);
  return 0;
});

if (import.meta.main) await runCommand(tune);
