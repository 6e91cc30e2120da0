import { type CommandLine, parseCommandLine, type Parsed } from "./command_line.ts";
import { helpOf } from "./help.ts";
import type { OptionRows } from "./option.ts";
import { print } from "./print.ts";

/** Runs on the arguments of a command line; gives the exit code. */
export type Command = (args: readonly string[]) => Promise<number>;

/**
 * Makes a command of what it takes and what it does. `--help` prints its help.
 *
 * @param line What it takes.
 * @param run What it does with options that were read; gives the exit code.
 * @returns The command. It throws for users what does not fit, as `parseCommandLine` and `run` do.
 */
export function command<const Rows extends OptionRows>(
  line: CommandLine<Rows>,
  run: (given: Parsed<Rows>["given"], operands: readonly string[]) => Promise<number>,
): Command {
  return async (args) => {
    const parsed = parseCommandLine(args, line);
    if (parsed !== "help") return await run(parsed.given, parsed.operands);
    print(helpOf(line));
    return 0;
  };
}
