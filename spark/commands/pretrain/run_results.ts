/** @file What a run keeps every so often: checkpoint, pictures, loss curve, report, events. */
import { appendFile, imageGrid, writeFileAtomic } from "../../../data/mod.ts";
import { save } from "../../train/checkpoint.ts";
import type { TrainState } from "../../train_step.ts";
import { enlargementFor, type Painter } from "../shared/pictures.ts";
import { lossCurve, reportHtml, type ReportPicture } from "../../train/report.ts";
import { openRunEvents } from "../../train/run_events.ts";
import type { RunFolder } from "../../train/run_folder.ts";
import { type EpochLengths, type EpochRecord, type LogSoFar, logWriter, type RunHead } from "../../train/run_log.ts";
import type { RunConfiguration } from "./run_start.ts";
import type { StepRecord } from "../../train/step_log.ts";

/** Keeps what a run yields. */
export interface RunResults {
  /** Adds records to the log. */
  log(records: readonly StepRecord[]): void;
  /** Draws pictures. */
  paint(train: TrainState, done: number): Promise<void>;
  /** Keeps the state, then draws pictures, the loss curve and the report. */
  save(train: TrainState, done: number): Promise<void>;
}

/** What is known of a run when its results are opened. */
export interface ResultsOptions {
  /** What checkpoints say of the run. */
  readonly configuration: Omit<RunConfiguration, "step">;
  /** What was logged before. */
  readonly before: LogSoFar;
  /** Line of the log that says what runs. */
  readonly head: RunHead;
  /** Steps of an epoch and of the run, images of a step. */
  readonly lengths: EpochLengths;
  /** What the report lists. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Draws pictures. */
  readonly paint: Painter;
}

const encoded = (text: string) => new TextEncoder().encode(text);

/**
 * Prepares keeping results in a run folder: its log starts with the lines so far.
 *
 * @param folder Paths of the run.
 * @param run What is known of the run.
 * @returns Keeps results.
 */
export async function openRunResults(folder: RunFolder, run: ResultsOptions): Promise<RunResults> {
  const { before, head, lengths, about, configuration } = run;
  const records = [...before.records];
  const done = records.at(-1)?.step ?? 0;
  // What a killed process logged after its last checkpoint is done again: out of the log with it.
  await writeFileAtomic(folder.log, encoded(`${before.text}${JSON.stringify(head)}\n`));
  const write = logWriter(lengths, records, Date.now);
  const leastLoss = leastOf(before.text);
  const events = openRunEvents(folder.events, { total: lengths.total, done, leastLoss, now: Date.now });
  const paint = async (train: TrainState, step: number) => {
    const rows = await run.paint(train);
    const png = imageGrid(rows, { enlarge: enlargementFor(rows[0]?.[0]?.height ?? 0) });
    await writeFileAtomic(folder.picture(step), png);
    events.picture(step, png);
  };
  return {
    paint,
    log(added) {
      records.push(...added);
      const { lines, epochs } = write(added);
      if (lines !== "") appendFile(folder.log, lines);
      events.steps(added, epochs);
    },
    async save(train, step) {
      await save(folder.checkpoint, train, { configuration: { ...configuration, step } });
      await paint(train, step);
      await writeFileAtomic(folder.curve, encoded(lossCurve(records)));
      const pictures = await picturesOf(folder);
      const report = { title: head.name, records, total: lengths.total, configuration: about, pictures };
      await writeFileAtomic(folder.report, encoded(reportHtml(report)));
    },
  };
}

/** The smallest mean loss of an epoch that the log has. */
function leastOf(text: string): number {
  const epochs = text.split("\n").filter((line) => line.includes('"last_L"')).map((line) => JSON.parse(line));
  return epochs.reduce((least, epoch: EpochRecord) => Math.min(least, epoch.last_L), Infinity);
}

/** At most so many pictures are in a report: it should open at once. */
const SHOWN_PICTURES = 10;

/** The first and the last pictures of a run, and some between, evenly spread. */
async function picturesOf(folder: RunFolder): Promise<readonly ReportPicture[]> {
  const steps = [...Deno.readDirSync(folder.pictures)]
    .map(({ name }) => Number(/^step_(\d+)\.png$/.exec(name)?.[1] ?? NaN))
    .filter(Number.isInteger).sort((a, b) => a - b);
  const count = Math.min(SHOWN_PICTURES, steps.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => steps[Math.round(i * (steps.length - 1) / Math.max(1, count - 1))]!,
  );
  return await Promise.all(
    chosen.map(async (step) => ({ step, png: await Deno.readFile(folder.picture(step)) })),
  );
}
