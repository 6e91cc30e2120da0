import { DeviceError } from "../../tensor/mod.ts";
import { kindOf } from "./kind_of.ts";
import type { RunFolder } from "./run_folder.ts";

/**
 * Adds to the error of a device how the run can go on.
 *
 * @param error Whatever ended the run.
 * @param folder Paths of the run.
 * @param task Name of the command.
 * @returns A `DeviceError` that names the command that resumes the run; any other error as it is.
 */
export function withWayOn(error: unknown, folder: RunFolder, task: string): unknown {
  if (!(error instanceof DeviceError)) return error;
  const way = kindOf(folder.checkpoint) === "file"
    ? `the last checkpoint is whole; go on with: deno task ${task} --resume ${folder.path}`
    : "there is no checkpoint yet";
  return new DeviceError(error.device, `${error.message}; ${way}`, { cause: error });
}
