/** @file What every run keeps: its log and its checkpoint; what else a task keeps is told of both. */
import { appendFile, writeFileAtomic } from "../../../data/mod.ts";
import { type Savable, save } from "../checkpoint.ts";
import type { StepRecord } from "../metrics.ts";
import type { RunFolder } from "../run_folder.ts";
import { type EpochLengths, type EpochRecord, type LogSoFar, logWriter, type RunHead } from "./run_log.ts";

/** What a task keeps besides log and checkpoint. All of it may be absent. */
export interface Keepsakes<State> {
  /** Called before the first step: what cannot be kept is found out now, not after hours. */
  readonly begin?: (train: State, done: number) => Promise<void>;
  /** Told of new steps and of the epochs that they end. */
  readonly log?: (records: readonly StepRecord[], epochs: readonly EpochRecord[]) => void;
  /** Called before the state is kept; what it returns stands in the checkpoint too. */
  readonly beforeSave?: (train: State, done: number) => Promise<Readonly<Record<string, unknown>>>;
  /** Called when the state is kept. */
  readonly afterSave?: (train: State, done: number) => Promise<void>;
  /** Called at the end of a complete run. */
  readonly end?: () => Promise<void>;
}

/** Keeps what a run yields. */
export interface RunResults<State> {
  /** Adds records to the log. */
  log(records: readonly StepRecord[]): void;
  /** Keeps the state, and what the task keeps. */
  save(train: State, done: number): Promise<void>;
}

/** What is known of a run when its results are opened. */
export interface ResultsOptions {
  /** What checkpoints say of the run, but for the step. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** What was logged before. */
  readonly before: LogSoFar;
  /** Line of the log that says what runs. */
  readonly head: RunHead;
  /** Steps of an epoch and of the run, images of a step. */
  readonly lengths: EpochLengths;
}

/**
 * Prepares keeping results in a run folder: its log starts with the lines so far. What a killed process logged after its
 * last checkpoint is done again, so it is not among them.
 *
 * @param folder Paths of the run.
 * @param run What is known of the run.
 * @param keepsakes What else its task keeps.
 * @returns Keeps results.
 */
export async function openRunResults<State extends Savable>(
  folder: RunFolder,
  { before, head, lengths, configuration }: ResultsOptions,
  keepsakes: Keepsakes<State>,
): Promise<RunResults<State>> {
  await writeFileAtomic(folder.log, `${before.text}${JSON.stringify(head)}\n`);
  const write = logWriter(lengths, before.records, Date.now);
  return {
    log(records) {
      const { lines, epochs } = write(records);
      if (lines !== "") appendFile(folder.log, lines);
      keepsakes.log?.(records, epochs);
    },
    async save(train, step) {
      const more = await keepsakes.beforeSave?.(train, step);
      await save(folder.checkpoint, train, { configuration: { ...configuration, step, ...more } });
      await keepsakes.afterSave?.(train, step);
    },
  };
}
