import { CollectiveError, DeviceError } from "../../tensor/mod.ts";
import { kindOf } from "./kind_of.ts";
import type { RunFolder } from "./run_folder.ts";

/**
 * Adds to the error of a device, or of other ranks, how the run can go on.
 *
 * @param error Whatever ended the run.
 * @param folder Paths of the run.
 * @param task Name of the command.
 * @returns A `DeviceError` or `CollectiveError` that names the command that resumes the run; any other error as it is.
 */
export function withWayOn(error: unknown, folder: RunFolder, task: string): unknown {
  if (!(error instanceof DeviceError || error instanceof CollectiveError)) return error;
  const way = kindOf(folder.checkpoint) === "file"
    ? `the last checkpoint is whole; go on with: deno task ${task} --resume ${folder.path}`
    : "there is no checkpoint yet";
  const message = `${error.message}; ${way}`;
  if (error instanceof DeviceError) return new DeviceError(error.device, message, { cause: error });
  const Kind = error.constructor as typeof CollectiveError;
  return new Kind(message, { cause: error });
}
