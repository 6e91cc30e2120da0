/** @file What a run keeps every so often: checkpoint, pictures, loss curve. */
import { imageGrid, lineChart, writeFileAtomic } from "../../data/mod.ts";
import { save } from "../checkpoint.ts";
import type { TrainState } from "../train_step.ts";
import type { Painter } from "./pictures.ts";
import type { RunFolder } from "./run_folder.ts";
import type { RunConfiguration } from "./run_start.ts";
import { appendStepLog, stepLines, type StepRecord } from "./step_log.ts";

/** Keeps what a run yields. */
export interface RunResults {
  /** Adds records to the log. */
  log(records: readonly StepRecord[]): void;
  /** Draws pictures. */
  paint(train: TrainState, done: number): Promise<void>;
  /** Keeps the state, then draws pictures and the loss curve. */
  save(train: TrainState, done: number): Promise<void>;
}

/**
 * Prepares keeping results in a run folder: its log starts with the records so far.
 *
 * @param folder Paths of the run.
 * @param run What checkpoints say of the run, the records so far, and what draws pictures.
 * @returns Keeps results.
 */
export async function openRunResults(
  folder: RunFolder,
  run: {
    readonly configuration: Omit<RunConfiguration, "step">;
    readonly records: readonly StepRecord[];
    readonly paint: Painter;
  },
): Promise<RunResults> {
  const records = [...run.records];
  // What a killed process logged after its last checkpoint is done again: out of the log with it.
  await writeFileAtomic(folder.log, new TextEncoder().encode(stepLines(records)));
  const paint = async (train: TrainState, done: number) =>
    await writeFileAtomic(folder.picture(done), imageGrid(await run.paint(train), { enlarge: ENLARGE }));
  return {
    paint,
    log(added) {
      records.push(...added);
      appendStepLog(folder.log, added);
    },
    async save(train, done) {
      await save(folder.checkpoint, train, { configuration: { ...run.configuration, step: done } });
      await paint(train, done);
      await writeFileAtomic(folder.curve, new TextEncoder().encode(lossCurve(records)));
    },
  };
}

/** Pixels of the pictures are drawn so many times as wide and high, for images of 96 pixels to be seen well. */
const ENLARGE = 2;

/** At most so many points are drawn: more cannot be told apart. */
const POINTS = 1000;

function lossCurve(records: readonly StepRecord[]): string {
  const stride = Math.max(1, Math.ceil(records.length / POINTS));
  const shown = records.filter((_, i) => i % stride === 0 || i === records.length - 1);
  const points = shown.map(({ step, loss }) => [step, loss] as const);
  return lineChart({ title: "Loss on masked patches", x: "step", y: "loss", series: [{ name: "training", points }] });
}
