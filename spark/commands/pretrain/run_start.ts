/** @file How a run starts: from nothing, or from a checkpoint. */
import { type Checkpoint, readCheckpoint } from "../../train/checkpoint.ts";
import { MODELS } from "../../train/model_table.ts";
import type { GivenOptions } from "../shared/option_table.ts";
import { resolveOptions, resumeOptions, type RunOptions } from "../shared/options.ts";
import { findCheckpoint, newRunPath, openRunFolder, type RunFolder, runFolder } from "../../train/run_folder.ts";
import { type LogSoFar, readRunLog } from "../../train/run_log.ts";

/** What a checkpoint says of its run, besides the state. */
export interface RunConfiguration {
  /** All that decides the bits. */
  readonly options: RunOptions;
  /** Which images, of `fingerprint`. */
  readonly images: string;
  /** Steps done. */
  readonly step: number;
}

/** How a run starts. */
export interface RunStart {
  /** Options of the run. */
  readonly options: RunOptions;
  /** Where it leaves its results. */
  readonly folder: RunFolder;
  /** The checkpoint it goes on from, and what that says of its run; absent in a new run. */
  readonly resumed?: { readonly checkpoint: Checkpoint; readonly configuration: RunConfiguration };
  /** What was logged of the steps that were done before. */
  readonly log: LogSoFar;
}

/**
 * Checks the options against the checkpoint, if there is one, and opens the run folder. Nothing is computed before.
 *
 * @param given Options of the command line.
 * @param date Time of the start.
 * @returns How the run starts.
 * @throws {Error} If options, checkpoint or folder do not fit.
 */
export async function startRun(given: GivenOptions, date: Date): Promise<RunStart> {
  if (given.resume === undefined) {
    const options = resolveOptions(given);
    const folder = runFolder(given.out ?? newRunPath(options.model, date));
    openRunFolder(folder, { resume: false });
    return { options, folder, log: { text: "", records: [] } };
  }
  const found = findCheckpoint(given.resume);
  const checkpoint = await readCheckpoint(found.checkpoint);
  const configuration = configurationOf(checkpoint);
  const options = resumeOptions(configuration.options, given);
  const folder = runFolder(given.out ?? found.folder);
  openRunFolder(folder, { resume: folder.path === runFolder(found.folder).path });
  const log = readRunLog(runFolder(found.folder).log, configuration.step);
  return { options, folder, resumed: { checkpoint, configuration }, log };
}

function configurationOf({ path, configuration }: Checkpoint): RunConfiguration {
  const { options, images, step } = (configuration ?? {}) as Partial<RunConfiguration>;
  const isKnown = options && options.model in MODELS && Array.isArray(options.inputSize);
  if (isKnown && typeof images === "string" && Number.isSafeInteger(step)) return { options, images, step: step! };
  throw new Error(
    `Cannot resume as the checkpoint must name options, images and step, as this command writes them: current ` +
      `configuration of ${path} is ${JSON.stringify(configuration)}`,
  );
}
