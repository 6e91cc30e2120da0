import type { Command } from "./command.ts";
import { printError } from "./print.ts";
import { standWithUser } from "./user_folder.ts";

/**
 * Runs a command on the arguments of the process, in the folder in which the user stands, and ends it.
 *
 * @param run From arguments to exit code.
 */
export async function runCommand(run: Command): Promise<never> {
  standWithUser();
  Deno.exit(await exitCodeOf(run, Deno.args));
}

/**
 * Runs a command, and turns an error into exit code 1. What is written for users is shown as a line; what is not shows
 * its origin.
 *
 * @param run From arguments to exit code.
 * @param args The arguments.
 * @returns Exit code.
 */
export async function exitCodeOf(run: Command, args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    const isForUsers = error instanceof Error && error.message.startsWith("Cannot ");
    printError(isForUsers ? error.message : Deno.inspect(error));
    return 1;
  }
}
