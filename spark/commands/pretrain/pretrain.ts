/** @file The training command: `deno task pretrain --help`. */
import { stepsPerEpoch } from "../../../data/mod.ts";
import { parseCommandLine } from "../cli/command_line.ts";
import { openRunDevice } from "../../train/devices.ts";
import { withWayOn } from "../cli/go_on.ts";
import { helpText } from "../cli/help.ts";
import { runLengths } from "../shared/options.ts";
import { print, printError } from "../cli/print.ts";
import { fingerprint, openRunData } from "../shared/run_data.ts";
import { type RunStart, startRun } from "./run_start.ts";
import { runTraining } from "./run_training.ts";

/**
 * Runs the training command.
 *
 * @param args Arguments of the command line.
 * @returns Exit code: 0 for a complete run, 130 for one that Ctrl-C ended.
 * @throws {Error} If something does not fit, with a message for the user.
 */
export async function pretrain(args: readonly string[]): Promise<number> {
  const given = parseCommandLine(args);
  if (given === "help") {
    print(helpText());
    return 0;
  }
  const start = await startRun(given, new Date());
  const dataset = await openRunData(start.options.data);
  const images = await fingerprint(dataset, start.options.data);
  checkImages(start, images);
  const lengths = runLengths(start.options, stepsPerEpoch(dataset.length, start.options.batchSize));
  const device = await openRunDevice(given.device ?? "auto", {
    tuning: given.tuning,
    kept: start.folder.tuning,
    precision: start.options.precision,
    threads: given.threads,
  });
  try {
    return await runTraining(given, start, { dataset, images, lengths, device });
  } catch (error) {
    throw withWayOn(error, start.folder, "pretrain");
  } finally {
    device.close();
  }
}

function checkImages({ resumed, options }: RunStart, images: string): void {
  if (!resumed || resumed.configuration.images === images) return;
  throw new Error(
    `Cannot resume as --data must hold the images of the checkpoint's run, ${resumed.configuration.images} (number and ` +
      `hash of names): current images of ${options.data} are ${images}`,
  );
}

/**
 * Runs the command, and turns errors into a line and exit code 1. What is not written for users shows its origin.
 *
 * @param args Arguments of the command line.
 * @returns Exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await pretrain(args);
  } catch (error) {
    const isForUsers = error instanceof Error && error.message.startsWith("Cannot ");
    printError(isForUsers ? error.message : Deno.inspect(error));
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
