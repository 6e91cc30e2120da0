/** @file The fine-tuning command: `deno task finetune --help`. */
import { stepsPerEpoch } from "../../../data/mod.ts";
import { parseOptions } from "../cli/command_line.ts";
import { openRunDevice } from "../../train/devices.ts";
import { openLabelledData } from "../shared/finetune_data.ts";
import { finetuneLengths } from "../shared/finetune_options.ts";
import { runFinetuning } from "./finetune_run.ts";
import { type FinetuneStart, startFinetuning } from "./finetune_start.ts";
import { FINETUNE_OPTIONS, type GivenFinetuneOptions } from "../shared/finetune_table.ts";
import { withWayOn } from "../cli/go_on.ts";
import { helpOf } from "../cli/help.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";

const HEAD = `Fine-tunes a pre-trained network, or trains a fresh one, to tell classes apart, and evaluates it.

Usage: deno task finetune --data PATH (--init PATH | --from-scratch --model NAME) [OPTIONS]
`;

const TAIL = `
The run folder holds last.safetensors (all that --resume needs), best.safetensors (of the best evaluation), log.jsonl
(one line per step, epoch and evaluation) and result.json (the evaluation at the end).
Ctrl-C finishes the step, saves and exits with code 130; a second one exits at once.
Exit code 1: an error, said in one line on stderr.`;

/**
 * Runs the fine-tuning command.
 *
 * @param args Arguments of the command line.
 * @returns Exit code: 0 for a complete run, 130 for one that Ctrl-C ended.
 * @throws {Error} If something does not fit, with a message for the user.
 */
export async function finetune(args: readonly string[]): Promise<number> {
  const given = parseOptions<GivenFinetuneOptions>(args, FINETUNE_OPTIONS);
  if (given === "help") {
    print(helpOf(FINETUNE_OPTIONS, { head: HEAD, tail: TAIL }));
    return 0;
  }
  const start = await startFinetuning(given, new Date());
  const data = await openLabelledData(start.options);
  checkImages(start, data.images);
  const lengths = finetuneLengths(start.options, stepsPerEpoch(data.train.length, start.options.batchSize));
  const { tuning, threads } = given;
  const device = await openRunDevice(given.device ?? "auto", { tuning, kept: start.folder.tuning, threads });
  try {
    return await runFinetuning(given, start, { data, lengths, device });
  } catch (error) {
    throw withWayOn(error, start.folder, "finetune");
  } finally {
    device.close();
  }
}

function checkImages({ resumed, options }: FinetuneStart, images: string): void {
  if (!resumed || resumed.configuration.images === images) return;
  throw new Error(
    `Cannot resume as --data and --val must hold the images of the checkpoint's run, ${resumed.configuration.images} ` +
      `(number and hash of names): current images of ${options.data} are ${images}`,
  );
}

if (import.meta.main) await runCommand(finetune);
