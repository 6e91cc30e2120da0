/** @file What a run with evaluations keeps besides log and checkpoint: evaluations, the best checkpoint, report, result. */
import { appendFile, type SourceAccount, writeFileAtomic } from "../../../data/mod.ts";
import { save } from "../checkpoint.ts";
import { classAccuracies, type Confusion, confusionCsv } from "../scores/confusion.ts";
import type { FinetuneState } from "../../finetune.ts";
import { type Evaluate, unreadTeller } from "../scores/evaluation.ts";
import type { RunFolder } from "../run_folder.ts";
import type { RunLogger } from "../run_logger.ts";
import { type Best, bestText, type EvaluationRecord, recordsIn } from "./evaluation_record.ts";
import { evaluationReportHtml, percent } from "./evaluation_report.ts";
import { openRunEvents } from "./run_events.ts";
import type { LogSoFar } from "./run_log.ts";
import type { Keepsakes } from "./run_results.ts";

/** What is known of a run when its evaluations begin. */
export interface EvaluationOptions {
  /** Title of the report. */
  readonly title: string;
  /** What was logged before. */
  readonly before: LogSoFar;
  /** What the report lists. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** What checkpoints say of the run, but for the step and the best evaluation. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** What the result says of the run. */
  readonly options: unknown;
  /** The best evaluation before. */
  readonly best: Best | null;
  /** Steps between evaluations. */
  readonly evalEvery: number;
  /** Steps of the run. */
  readonly total: number;
  /** What the sources of images held: stands in the result. */
  readonly sources: readonly SourceAccount[];
  /** Evaluates weights. */
  readonly evaluate: Evaluate;
  /** Tells of an evaluation, in a line. */
  readonly tell: (line: string) => void;
  /** Told of evaluations. */
  readonly emit: RunLogger;
}

/**
 * Prepares evaluating a run as it goes on.
 *
 * @param folder Paths of the run.
 * @param run What is known of the run.
 * @returns Evaluates before a state is kept, if it is time to; keeps the best one, report and events; at the end, writes
 * the result.
 */
export function evaluationResults(folder: RunFolder, run: EvaluationOptions): Keepsakes<FinetuneState> {
  const { configuration, evaluate, evalEvery, total, before, title, about, classes } = run;
  const [records, unread] = [[...before.records], unreadTeller()];
  const evaluations = [...recordsIn<EvaluationRecord>(before.text, "evaluated")];
  const state: { best: Best | null; confusion: Confusion | null } = { best: run.best, confusion: null };
  const done = records.at(-1)?.step ?? 0;
  const events = openRunEvents(folder.events, { total, done, leastLoss: Infinity, now: Date.now, tag: "ft" });
  return {
    log(added, epochs) {
      records.push(...added);
      events.steps(added, epochs);
    },
    async beforeSave(train, step) {
      if (step % evalEvery !== 0 && step !== total) return { best: state.best };
      const { record, confusion } = await evaluationOf(evaluate, train, step, state.best);
      const { best } = record;
      Object.assign(state, { best, confusion });
      evaluations.push(record);
      appendFile(folder.log, `${JSON.stringify(record)}\n`);
      run.tell(lineOf(record) + unread(record.val, step === total));
      tellOf(record, { emit: run.emit, scalars: events.scalars });
      if (best.step === step) await saveBest(folder, train, { ...configuration, step, best });
      return { best };
    },
    async afterSave() {
      const { confusion } = state;
      if (!confusion) return;
      const report = { title, records, evaluations, total, configuration: about, confusion, classes };
      await writeFileAtomic(folder.report, evaluationReportHtml(report));
      await writeFileAtomic(folder.confusion, confusionCsv(confusion, classes));
    },
    async end() {
      const byClass = state.confusion && classAccuracies(state.confusion, classes);
      const result = { ...evaluations.at(-1), classes: byClass, options: run.options, sources: run.sources };
      await writeFileAtomic(folder.result, `${JSON.stringify(result, null, 2)}\n`);
    },
  };
}

/** Keeps a state, of which those weights are read that scored best. */
async function saveBest(
  folder: RunFolder,
  train: FinetuneState,
  configuration: Readonly<Record<string, unknown>> & { readonly best: Best },
): Promise<void> {
  const { set } = configuration.best;
  await save(folder.best, train, { configuration, ...set && { set } });
}

/** Evaluates weights and average; the better of the two counts, and of equal ones the earlier. */
async function evaluationOf(
  evaluate: Evaluate,
  train: FinetuneState,
  step: number,
  before: Best | null,
): Promise<{ readonly record: EvaluationRecord; readonly confusion: Confusion }> {
  const own = await evaluate(train);
  const averaged = train.average ? await evaluate(train.average) : undefined;
  const isAverage = averaged !== undefined && averaged.scores.top1 > own.scores.top1;
  const { scores: { top1 }, confusion } = isAverage ? averaged : own;
  const now: Best = { top1, step, ...averaged && { set: isAverage ? "average" : "raw" } };
  const best = before && before.top1 >= top1 ? before : now;
  return {
    record: { evaluated: step, val: own.scores, ...(averaged ? { ema: averaged.scores } : {}), best },
    confusion,
  };
}

function tellOf(
  { evaluated: step, val, ema }: EvaluationRecord,
  { emit, scalars }: { readonly emit: RunLogger; readonly scalars: ReturnType<typeof openRunEvents>["scalars"] },
): void {
  const { top1, top5, loss, images } = val;
  const average = ema ? { averageTop1: ema.top1, averageTop5: ema.top5, averageLoss: ema.loss } : {};
  const scores = { top1, top5, loss, images, ...average };
  void emit({ kind: "evaluation", step, scores });
  scalars(step, Object.fromEntries(Object.entries(scores).map(([name, value]) => [`ft_val/${name}`, value])));
}

/** What was evaluated, in a line. */
function lineOf({ evaluated, val, ema, best }: EvaluationRecord): string {
  const average = ema ? `, average top-1 ${percent(ema.top1)}, top-5 ${percent(ema.top5)}` : "";
  return `step ${evaluated}: top-1 ${percent(val.top1)}, top-5 ${percent(val.top5)}, loss ${val.loss.toFixed(4)}` +
    `${average}; best ${percent(best.top1)} ${bestText(best)}`;
}
