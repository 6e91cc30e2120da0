/** @file What the training of a detector keeps besides log and checkpoint: scores, the best checkpoint, pictures, report. */
import { appendFile, type SourceAccount, writeFileAtomic } from "../../../data/mod.ts";
import type { DetectionState } from "../../detection.ts";
import { save, saveWeights } from "../checkpoint.ts";
import type { DetectionScores } from "../detection/evaluate_detector.ts";
import type { DetectorTrees } from "../detection/detect_images.ts";
import type { RunFolder } from "../run_folder.ts";
import type { RunLogger } from "../run_logger.ts";
import type { BestDetector } from "./best_detector.ts";
import { detectionReportHtml } from "./detection_report.ts";
import { scoreText } from "./score_text.ts";
import { recordsIn } from "./evaluation_record.ts";
import { picturesOf } from "./pictures_kept.ts";
import { openRunEvents } from "./run_events.ts";
import type { LogSoFar } from "./run_log.ts";
import type { Keepsakes } from "./run_results.ts";

/** A line of the log for each evaluation. */
export interface DetectionRecord {
  /** Steps done. */
  readonly evaluated: number;
  /** Scores by the name of the images; the first counts. */
  readonly scores: Readonly<Record<string, DetectionScores>>;
  /** The best so far. */
  readonly best: BestDetector;
}

/** What is known of a run when its evaluations begin. */
export interface DetectionResultsOptions {
  /** Title of the report. */
  readonly title: string;
  /** What was logged before. */
  readonly before: LogSoFar;
  /** What the report lists. */
  readonly about: Readonly<Record<string, unknown>>;
  /** What checkpoints say of the run, but for the step, the best evaluation and whether the weights were evaluated. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** The best evaluation before. */
  readonly best: BestDetector | null;
  /** Steps between evaluations. */
  readonly evalEvery: number;
  /** Steps of the run. */
  readonly total: number;
  /** What the sources of images held: stands in the result. */
  readonly sources: readonly SourceAccount[];
  /** The weights that are evaluated: with statistics taken anew, if the run does so. */
  readonly weightsOf: (train: DetectionState) => DetectorTrees;
  /** Filled sizes of the images that are evaluated on, which those who use the weights take too. */
  readonly canvases: readonly (readonly [height: number, width: number])[];
  /** Scores weights, by the name of the images. */
  readonly evaluate: (weights: DetectorTrees) => Promise<Readonly<Record<string, DetectionScores>>>;
  /** Draws what weights find in some images: PNG. */
  readonly paint: (weights: DetectorTrees) => Promise<Uint8Array>;
  /** Tells of an evaluation, in a line. */
  readonly tell: (line: string) => void;
  /** Told of evaluations. */
  readonly emit: RunLogger;
}

/** Whether the state after a step is evaluated. */
export function isEvaluated(
  step: number,
  { evalEvery, total }: Pick<DetectionResultsOptions, "evalEvery" | "total">,
): boolean {
  return step % evalEvery === 0 || step === total;
}

/**
 * Prepares evaluating the detector of a run as it goes on.
 *
 * @param folder Paths of the run.
 * @param run What is known of the run.
 * @returns Evaluates and draws before a state is kept, if it is time to; keeps the best one, pictures, report and events; at the
 * end, writes the result.
 */
export function detectionResults(folder: RunFolder, run: DetectionResultsOptions): Keepsakes<DetectionState> {
  const { configuration, total, before, title, about, canvases } = run;
  const records = [...before.records];
  const evaluations = [...recordsIn<DetectionRecord>(before.text, "evaluated")];
  const state = { best: run.best };
  const done = records.at(-1)?.step ?? 0;
  const events = openRunEvents(folder.events, { total, done, leastLoss: Infinity, now: Date.now, tag: "det" });
  return {
    log(added, epochs) {
      records.push(...added);
      events.steps(added, epochs);
    },
    async beforeSave(train, step) {
      if (!isEvaluated(step, run)) return { best: state.best, evaluated: null };
      const weights = run.weightsOf(train);
      const record = recordOf(await run.evaluate(weights), step, state.best);
      const { best } = Object.assign(state, { best: record.best });
      evaluations.push(record);
      tellOf(folder, record, run, events.scalars);
      await saveEvaluated(folder, train, weights, { ...configuration, step, best, evaluated: step, canvases });
      const png = await run.paint(weights);
      await writeFileAtomic(folder.detection(step), png);
      events.picture(step, png);
      return { best, evaluated: null };
    },
    async afterSave() {
      const pictures = await picturesOf(folder, "detections");
      const report = { title, records, evaluations, total, configuration: about, pictures };
      await writeFileAtomic(folder.report, detectionReportHtml(report));
    },
    async end() {
      const result = { ...evaluations.at(-1), options: configuration.options, sources: run.sources };
      await writeFileAtomic(folder.result, `${JSON.stringify(result, null, 2)}\n`);
    },
  };
}

/**
 * Keeps the weights that were evaluated, for use; and as a checkpoint if they are the best, in which they stand where the average
 * does if there is one, beside the weights that a run goes on from.
 */
async function saveEvaluated(
  folder: RunFolder,
  train: DetectionState,
  weights: DetectorTrees,
  configuration: Readonly<Record<string, unknown>> & { readonly step: number; readonly best: BestDetector },
): Promise<void> {
  const evaluated = train.average ? { average: weights } : weights;
  await saveWeights(folder.evaluated, evaluated, configuration);
  if (configuration.best.step === configuration.step) {
    await save(folder.best, { ...train, ...evaluated }, { configuration });
  }
}

/** The first set of images decides which weights are best; of equal ones the earlier. */
function recordOf(scores: DetectionRecord["scores"], step: number, before: BestDetector | null): DetectionRecord {
  const ap = Object.values(scores)[0]!.box[0]!;
  return { evaluated: step, scores, best: before && before.ap >= ap ? before : { ap, step } };
}

/** What was evaluated, a line for each set of images. */
function linesOf({ evaluated: step, scores, best }: DetectionRecord): readonly string[] {
  return Object.entries(scores).map(([name, { box, mask, images, unread }], i) => {
    const of = (kind: string, numbers: readonly number[]) =>
      `${kind} AP ${scoreText(numbers[0])}, AP50 ${scoreText(numbers[1])}, AP75 ${scoreText(numbers[2])}`;
    const missing = unread.length === 0
      ? ""
      : `; ${unread.length} of ${images + unread.length} images could not be read: ${
        unread.slice(0, 5).map((each) => each.name).join(", ")
      }`;
    return `step ${step}, ${images} images (${name}): ${of("box", box)}${mask ? `; ${of("mask", mask)}` : ""}${
      i === 0 ? `; best box AP ${scoreText(best.ap)} after step ${best.step}` : ""
    }${missing}`;
  });
}

/** Writes an evaluation to the log and to the events, and tells of it. */
function tellOf(
  folder: RunFolder,
  record: DetectionRecord,
  { tell, emit }: DetectionResultsOptions,
  scalars: ReturnType<typeof openRunEvents>["scalars"],
): void {
  const { evaluated: step, scores } = record;
  appendFile(folder.log, `${JSON.stringify(record)}\n`);
  linesOf(record).forEach(tell);
  const named = Object.entries(scores).flatMap(([name, { box, mask }]) =>
    [["box", box], ["mask", mask]].filter(([, numbers]) => numbers).flatMap(([kind, numbers]) =>
      ["AP", "AP50", "AP75"].map((metric, k) =>
        [`${name.replaceAll(" ", "_")}/${kind}_${metric}`, numbers![k] as number] as const
      )
    )
  );
  const flat = Object.fromEntries(named);
  void emit({ kind: "evaluation", step, scores: flat });
  scalars(step, Object.fromEntries(named.map(([name, value]) => [`det_val/${name}`, value])));
}
