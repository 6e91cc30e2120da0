/** @file How a fine-tuning run starts: from a pre-trained network, from nothing, or from a checkpoint. */
import { readStateDict, type StateDictFile } from "../../../data/mod.ts";
import { type Checkpoint, readCheckpoint } from "../../train/checkpoint.ts";
import { type Backbone, backboneOf } from "../../weights/load_backbone.ts";
import { type FinetuneOptions, resolveFinetuneOptions, resumeFinetuneOptions } from "../shared/finetune_options.ts";
import type { GivenFinetuneOptions } from "../shared/finetune_table.ts";
import { MODELS } from "../../train/model_table.ts";
import { findCheckpoint, newRunPath, openRunFolder, type RunFolder, runFolder } from "../../train/run_folder.ts";
import { type LogSoFar, readRunLog } from "../../train/run_log.ts";
import { modelOf } from "../shared/weight_file.ts";

/** The best evaluation of a run so far. */
export interface Best {
  /** Share of the images that were right. */
  readonly top1: number;
  /** Steps done by then. */
  readonly step: number;
}

/** What a checkpoint says of its run, besides the state. */
export interface FinetuneConfiguration {
  /** All that decides the bits. */
  readonly options: FinetuneOptions;
  /** Which images. */
  readonly images: string;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Steps done. */
  readonly step: number;
  /** The best evaluation; null before the first. */
  readonly best: Best | null;
}

/** How a run starts. */
export interface FinetuneStart {
  /** Options of the run. */
  readonly options: FinetuneOptions;
  /** Where it leaves its results. */
  readonly folder: RunFolder;
  /** The pre-trained network of a new run; null for fresh weights. */
  readonly backbone: Backbone | null;
  /** The checkpoint it goes on from, and what that says of its run; absent in a new run. */
  readonly resumed?: { readonly checkpoint: Checkpoint; readonly configuration: FinetuneConfiguration };
  /** What was logged of the steps that were done before. */
  readonly log: LogSoFar;
}

/**
 * Checks the options against checkpoint and pre-trained file, and opens the run folder. Nothing is computed before.
 *
 * @param given Options of the command line.
 * @param date Time of the start.
 * @returns How the run starts.
 * @throws {Error} If options, checkpoint, file or folder do not fit.
 */
export async function startFinetuning(given: GivenFinetuneOptions, date: Date): Promise<FinetuneStart> {
  if (given.resume !== undefined) return await goOn(given, given.resume);
  const file = given.init === undefined ? null : await readStateDict(weightPath(given.init));
  const found = file && { path: file.path, model: modelOf(file, given.model).name };
  const options = resolveFinetuneOptions(given, found);
  const backbone = file && backboneFrom(file, options);
  const folder = runFolder(given.out ?? newRunPath(`${options.model}-finetune`, date));
  openRunFolder(folder, { resume: false, inner: [] });
  return { options, folder, backbone, log: { text: "", records: [] } };
}

/**
 * Where the weights lie that `--init` names.
 *
 * @param path A file, or a run folder, of which the newest checkpoint is taken.
 * @returns The file.
 */
export function weightPath(path: string): string {
  try {
    return Deno.statSync(path).isDirectory ? findCheckpoint(path).checkpoint : path;
  } catch {
    return path; // reading it says what is missing
  }
}

function backboneFrom(file: StateDictFile, { model }: FinetuneOptions): Backbone {
  return backboneOf(file, MODELS[model]!.make());
}

async function goOn(given: GivenFinetuneOptions, path: string): Promise<FinetuneStart> {
  const found = findCheckpoint(path);
  const checkpoint = await readCheckpoint(found.checkpoint);
  const configuration = configurationOf(checkpoint);
  const sameInit = given.init === undefined ? given : { ...given, init: weightPath(given.init) };
  const options = resumeFinetuneOptions(configuration.options, sameInit);
  const folder = runFolder(given.out ?? found.folder);
  openRunFolder(folder, { resume: folder.path === runFolder(found.folder).path, inner: [] });
  const log = readRunLog(runFolder(found.folder).log, configuration.step);
  return { options, folder, backbone: null, resumed: { checkpoint, configuration }, log };
}

function configurationOf({ path, configuration }: Checkpoint): FinetuneConfiguration {
  const { options, images, classes, step, best } = (configuration ?? {}) as Partial<FinetuneConfiguration>;
  const isKnown = options?.task === "finetune" && options.model in MODELS && Array.isArray(options.inputSize);
  if (isKnown && typeof images === "string" && Array.isArray(classes) && Number.isSafeInteger(step)) {
    return { options, images, classes, step: step!, best: best ?? null };
  }
  throw new Error(
    `Cannot resume as the checkpoint must be one of deno task finetune: current configuration of ${path} is ` +
      JSON.stringify(configuration)?.slice(0, 200),
  );
}
