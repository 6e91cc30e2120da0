/** @file How a run starts: from nothing, or from a checkpoint. */
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";
import { loadModel, namesModel } from "./model_file.ts";
import { findCheckpoint, makeRunPath, openRunFolder, type RunFolder, runFolder } from "./run_folder.ts";
import { type LogSoFar, readRunLog } from "./results/run_log.ts";
import { shiftAfter } from "./run_lengths.ts";
import type { RunLock } from "./run_lock.ts";

/** What every checkpoint says of its run, besides the state. */
export interface RunConfiguration<Options> {
  /** All that decides the bits. */
  readonly options: Options;
  /** Which images, of `fingerprint`. */
  readonly images: string;
  /** Steps done. */
  readonly step: number;
}

/** The checkpoint that a run goes on from, and what it says of its run. */
export interface Resumed<Configuration> {
  /** The checkpoint. */
  readonly checkpoint: Checkpoint;
  /** What it says. */
  readonly configuration: Configuration;
}

/** How a run starts. */
export interface RunStart<Options, Configuration extends RunConfiguration<Options> = RunConfiguration<Options>> {
  /** Options of the run. */
  readonly options: Options;
  /** Where it leaves its results. */
  readonly folder: RunFolder;
  /** What it goes on from; absent in a new run. */
  readonly resumed?: Resumed<Configuration>;
  /** Steps that were done before. */
  readonly done: number;
  /** What it goes on from, for people; absent in a new run. */
  readonly source?: string;
  /** Options that differ from those of the checkpoint, for people. */
  readonly changes: readonly string[];
  /** What was logged of the steps that were done before. */
  readonly log: LogSoFar;
  /** Lock of the folder, which is to be given back when the run ends. */
  readonly lock: RunLock;
}

/** What of a task the start of a run depends on. */
export interface StartOptions {
  /** Name of the command. */
  readonly task: string;
  /** Value of `--out`. */
  readonly out: string | undefined;
  /** Which folder for pictures there is; none if not given. */
  readonly pictures?: "pictures" | "detections";
  /** False for ranks that leave nothing: the first alone writes. */
  readonly writes?: boolean;
}

/** Lock of who writes nothing. */
const NO_LOCK: RunLock = { before: null, [Symbol.dispose]: () => {} };

const innerOf = (folder: RunFolder, { pictures }: StartOptions) => pictures === undefined ? [] : [folder[pictures]];

/**
 * Starts a new run: opens its folder. Nothing is computed before.
 *
 * @param options Options of the run.
 * @param name What the folder is named after, if `out` does not name it.
 * @param start Task and folder.
 * @returns How the run starts.
 * @throws {Error} If the folder cannot be written, or holds another run.
 */
export function newRun<Options, Configuration extends RunConfiguration<Options>>(
  options: Options,
  name: string,
  start: StartOptions,
): RunStart<Options, Configuration> {
  const { writes = true } = start;
  const folder = runFolder(start.out ?? (writes ? makeRunPath(name, new Date()) : ""));
  if (!writes) {
    return { options, folder, done: 0, changes: [], log: { text: "", records: [], damaged: 0 }, lock: NO_LOCK };
  }
  const lock = openRunFolder(folder, { resume: false, inner: innerOf(folder, start) });
  return { options, folder, done: 0, changes: [], log: { text: "", records: [], damaged: 0 }, lock };
}

/**
 * Goes on with a run: reads its checkpoint, checks the options against it, and opens the run folder.
 *
 * @param path Checkpoint, or run folder with one.
 * @param optionsOf Options of the run, from those of the checkpoint, and what changes; throws if others contradict them.
 * @param start Task and folder.
 * @returns How the run starts.
 * @throws {Error} If options, checkpoint or folder do not fit.
 */
export async function resumedRun<Options extends RunIdentity, Configuration extends RunConfiguration<Options>>(
  path: string,
  optionsOf: (saved: Options) => { readonly options: Options; readonly changes: readonly string[] },
  start: StartOptions,
): Promise<RunStart<Options, Configuration>> {
  const found = findCheckpoint(path);
  const folder = runFolder(start.out ?? found.folder);
  const isSame = folder.path === runFolder(found.folder).path;
  const { writes = true } = start;
  const lock = writes ? openRunFolder(folder, { resume: isSame, inner: innerOf(folder, start) }) : NO_LOCK;
  try {
    const checkpoint = await readCheckpoint(found.checkpoint);
    const configuration = configurationOf<Options>(checkpoint, start.task) as Configuration;
    if (namesModel(configuration.options.model)) await loadModel(configuration.options.model);
    const { options, changes } = optionsOf(configuration.options);
    const { step: done } = configuration;
    const log = readRunLog(runFolder(found.folder).log, done);
    return {
      options,
      changes,
      folder,
      resumed: { checkpoint, configuration },
      done,
      source: found.checkpoint,
      log,
      lock,
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** What the options of every run say. */
export interface RunIdentity {
  /** Command that wrote the checkpoint; absent: `pretrain`. */
  readonly task?: string;
  /** Name of `modelEntry`. */
  readonly model: string;
  /** Height and width of the images, in pixels. */
  readonly inputSize: readonly [number, number];
}

function configurationOf<Options extends RunIdentity>(
  { path, configuration }: Checkpoint,
  task: string,
): RunConfiguration<Options> {
  const known = (configuration ?? {}) as Partial<RunConfiguration<Options>>;
  const { options, images, step } = known;
  const other = options?.task ?? (typeof images === "string" ? "pretrain" : task);
  if (other !== task) refuseTask(path, { task, other });
  const isOwn = options && (options.task ?? "pretrain") === task && namesModel(options.model) &&
    Array.isArray(options.inputSize);
  if (isOwn && typeof images === "string" && Number.isSafeInteger(step)) return known as RunConfiguration<Options>;
  throw new Error(
    `Cannot resume as the checkpoint must be one of deno task ${task}, and name options, images and step: current ` +
      `configuration of ${path} is ${JSON.stringify(configuration)?.slice(0, 200)}`,
  );
}

/** Refuses the run of another command. */
function refuseTask(path: string, { task, other }: { readonly task: string; readonly other: string }): never {
  const start = task === "pretrain" ? "--init-weight" : "--init";
  throw new Error(
    `Cannot resume ${path} with deno task ${task} as it must be a run of that command: current run is one of deno task ` +
      `${other}; go on with deno task ${other} --resume ${path}, or start a new run from its weights with ${start} ${path}`,
  );
}

/** What of a run its place in the epochs depends on. */
export interface PlacedRun {
  /** Images per step. */
  readonly batchSize: number;
  /** Of `RunLengths`. */
  readonly shift?: number;
}

/**
 * The place of a run in the epochs, where its batch size is another from now on.
 *
 * @param start How the run starts.
 * @param stepsPerEpoch Steps of an epoch for a batch size.
 * @returns What is added to a step: 0 but for runs that changed.
 */
export function placeOf(
  { options, done, resumed }: RunStart<PlacedRun>,
  stepsPerEpoch: (batchSize: number) => number,
): number {
  const { batchSize, shift = 0 } = resumed?.configuration.options ?? options;
  return shiftAfter({ stepsPerEpoch: stepsPerEpoch(batchSize), shift, done }, stepsPerEpoch(options.batchSize));
}

/**
 * Checks that a run goes on with the images that it began with.
 *
 * @param start How the run starts.
 * @param images Which images there are, of `fingerprint`.
 * @param place Options that name them: `--data`.
 * @throws {Error} If they are others.
 */
export function checkImages(
  { resumed, options }: RunStart<{ readonly data: string }>,
  images: string,
  place: string,
): void {
  if (!resumed || resumed.configuration.images === images) return;
  throw new Error(
    `Cannot resume as ${place} must hold the images of the checkpoint's run, ${resumed.configuration.images} (number and ` +
      `hash of names): current images of ${options.data} are ${images}`,
  );
}
