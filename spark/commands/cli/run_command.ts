import { CollectiveError } from "../../../tensor/mod.ts";
import { launched, QuietCollectiveError } from "../../train/mpi/mod.ts";
import { OutputError } from "../../train/terminal.ts";
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

/** Exit code of who writes to a pipe that nobody reads any more: 128 and the number of SIGPIPE, as shells have it. */
const CLOSED = 141;
/** Exit code of a rank that is well but for the others, as torchrun and BSD's sysexits have it: try again. */
const OTHERS_FAILED = 75;
/** Milliseconds in which a launcher ends all ranks after one has failed. */
const PATIENCE = 2000;

/**
 * Runs a command, and turns an error into exit code 1, 75 where other ranks failed, 141 where nobody reads what it says.
 * What is written for users is shown as a line; what is not shows its origin.
 *
 * @param run From arguments to exit code.
 * @param args The arguments.
 * @returns Exit code.
 */
export async function exitCodeOf(run: Command, args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    if (error instanceof OutputError && error.isClosed) return CLOSED;
    const isForUsers = error instanceof Error && error.message.startsWith("Cannot ");
    const text = isForUsers ? error.message : Deno.inspect(error);
    if (error instanceof CollectiveError) {
      if (!(error instanceof QuietCollectiveError)) lastWords(text);
      return OTHERS_FAILED;
    }
    const rank = launched()?.rank ?? 0;
    // What ends all ranks is said by rank 0: its end is that of the others before they come to say it.
    if (rank > 0) await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    lastWords(rank > 0 ? `rank ${rank}: ${text}` : text);
    return 1;
  }
}

/** Says why the command ends; if that cannot be said, the exit code does. */
function lastWords(text: string): void {
  try {
    printError(text);
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
  }
}
