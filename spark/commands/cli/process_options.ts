import { type CommandLine, parseCommandLine, withDefaults } from "./command_line.ts";
import { helpOf } from "./help.ts";
import type { FilledOf, OptionRows } from "./option.ts";
import { columnsOf, printError, printResult } from "./print.ts";
import { standWithUser } from "./user_folder.ts";

/**
 * Reads the options of this process, for a program whose modules need them when they are loaded. `--help` prints its
 * help and ends the process; so does what cannot be read, with one line and exit code 1.
 *
 * @param line What the program takes.
 * @returns Its options, with what holds where they were not given.
 */
export function processOptions<const Rows extends OptionRows>(line: CommandLine<Rows>): FilledOf<Rows> {
  standWithUser();
  try {
    const parsed = parseCommandLine(Deno.args, line);
    if (parsed !== "help") return withDefaults(line.options, parsed.given);
    printResult(helpOf(line, columnsOf("stdout")));
    Deno.exit(0);
  } catch (error) {
    printError((error as Error).message);
    Deno.exit(1);
  }
}
