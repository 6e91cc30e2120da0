import { type CommandLine, parseCommandLine, type Parsed } from "./command_line.ts";
import { CONFIG_OPTION, withConfig } from "./config_file.ts";
import { helpOf } from "./help.ts";
import type { OptionRows } from "./option.ts";
import { launched } from "../../train/mpi/mod.ts";
import { loadModel } from "../../train/model_file.ts";
import { columnsOf, printResult } from "./print.ts";

/** Runs on the arguments of a command line; gives the exit code. */
export type Command = (args: readonly string[]) => Promise<number>;

/**
 * Makes a command of what it takes and what it does. `--help` prints its help; `--config` names a file of options; a
 * model's own file is loaded.
 *
 * @param line What it takes.
 * @param run What it does with options that were read; gives the exit code.
 * @returns The command. It throws for users what does not fit, as `parseCommandLine` and `run` do.
 */
export function command<const Rows extends OptionRows>(
  line: CommandLine<Rows>,
  run: (given: Parsed<Rows>["given"], operands: readonly string[]) => Promise<number>,
): Command {
  const whole = { ...line, options: { ...line.options, ...CONFIG_OPTION } };
  return async (args) => {
    const parsed = parseCommandLine(args, whole);
    if (parsed !== "help") {
      if (!line.ranks) refuseRanks(line.task);
      const given = withConfig(parsed.given, line.options) as Parsed<Rows>["given"];
      return await run(await withModelFiles(given, line.options), parsed.operands);
    }
    printResult(helpOf(whole, columnsOf("stdout")));
    return 0;
  };
}

/** Loads what options name by file, and gives it the name under which it is known from then on. */
async function withModelFiles<Rows extends OptionRows>(
  given: Parsed<Rows>["given"],
  rows: Rows,
): Promise<Parsed<Rows>["given"]> {
  const known = await Promise.all(
    Object.entries(given).map(async ([name, value]) => {
      const row = rows[name]!;
      const isFile = row.kind === "name" && row.files !== undefined && !row.names.includes(value as string);
      return [name, isFile ? await loadModel(value as string) : value] as const;
    }),
  );
  return Object.fromEntries(known) as Parsed<Rows>["given"];
}

/** Each of several ranks would do the same, and write over what the others write. */
function refuseRanks(task: string): void {
  const size = launched()?.size ?? 1;
  if (size === 1) return;
  throw new RangeError(
    `Cannot run ${task} by several ranks as only deno task pretrain, finetune, probe and detect:train share their work among them: current number of ranks is ` +
      `${size}; run it without mpirun`,
  );
}
