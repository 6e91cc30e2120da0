import { printError } from "./print.ts";

/**
 * Runs a command on the arguments of the process and ends it. What is written for users is shown as a line; what is not
 * shows its origin.
 *
 * @param command From arguments to exit code.
 */
export async function runCommand(command: (args: readonly string[]) => Promise<number>): Promise<never> {
  try {
    Deno.exit(await command(Deno.args));
  } catch (error) {
    const isForUsers = error instanceof Error && error.message.startsWith("Cannot ");
    const isArgument = error instanceof TypeError &&
      String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
    if (isForUsers) printError(error.message);
    else if (isArgument) {
      const told = error.message.replaceAll("\n", " ");
      printError(`Cannot read the command line as --help says what it takes: current error is ${told}`);
    } else printError(Deno.inspect(error));
    Deno.exit(1);
  }
}
