/** @file What a run with evaluations keeps besides log and checkpoint: evaluations, the best checkpoint, the result. */
import { appendFile, type SourceAccount, writeFileAtomic } from "../../../data/mod.ts";
import { save } from "../checkpoint.ts";
import type { FinetuneState } from "../../finetune.ts";
import { type Evaluate, type Evaluation, unreadText } from "../evaluation.ts";
import type { RunFolder } from "../run_folder.ts";
import type { Keepsakes } from "./run_results.ts";

/** The best evaluation of a run so far. */
export interface Best {
  /** Share of the images that were right. */
  readonly top1: number;
  /** Steps done by then. */
  readonly step: number;
}

/** A line of the log for each evaluation. */
export interface EvaluationRecord {
  /** Steps done. */
  readonly evaluated: number;
  /** Of the weights. */
  readonly val: Evaluation;
  /** Of their moving average, if one is kept. */
  readonly ema?: Evaluation;
  /** The best so far. */
  readonly best: Best;
}

/** What is known of a run when its evaluations begin. */
export interface EvaluationOptions {
  /** What checkpoints say of the run, but for the step and the best evaluation. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** What the result says of the run. */
  readonly options: unknown;
  /** What the sources of images held: stands in the result. */
  readonly sources: readonly SourceAccount[];
  /** The best evaluation before. */
  readonly best: Best | null;
  /** Steps between evaluations. */
  readonly evalEvery: number;
  /** Steps of the run. */
  readonly total: number;
  /** Evaluates weights. */
  readonly evaluate: Evaluate;
  /** Tells of an evaluation. */
  readonly tell: (line: string) => void;
}

/**
 * Prepares evaluating a run as it goes on.
 *
 * @param folder Paths of the run.
 * @param run What is known of the run.
 * @returns Evaluates before a state is kept, if it is time to; keeps the best one; at the end, writes the result.
 */
export function evaluationResults(folder: RunFolder, run: EvaluationOptions): Keepsakes<FinetuneState> {
  const { configuration, evaluate, evalEvery, total } = run;
  const state: { best: Best | null; last: EvaluationRecord | null } = { best: run.best, last: null };
  return {
    async beforeSave(train, step) {
      if (step % evalEvery !== 0 && step !== total) return { best: state.best };
      const record = await evaluationOf(evaluate, train, step, state.best);
      const { best } = record;
      Object.assign(state, { best, last: record });
      appendFile(folder.log, `${JSON.stringify(record)}\n`);
      run.tell(lineOf(record));
      if (best.step === step) await save(folder.best, train, { configuration: { ...configuration, step, best } });
      return { best };
    },
    async end() {
      const result = { ...state.last, options: run.options, sources: run.sources };
      await writeFileAtomic(folder.result, new TextEncoder().encode(`${JSON.stringify(result, null, 2)}\n`));
    },
  };
}

/** Evaluates weights and average; the better of the two counts, and of equal ones the earlier. */
async function evaluationOf(
  evaluate: Evaluate,
  train: FinetuneState,
  step: number,
  before: Best | null,
): Promise<EvaluationRecord> {
  const val = await evaluate(train);
  const ema = train.average ? await evaluate(train.average) : undefined;
  const top1 = Math.max(val.top1, ema?.top1 ?? 0);
  const best = before && before.top1 >= top1 ? before : { top1, step };
  return { evaluated: step, val, ...(ema ? { ema } : {}), best };
}

/** What was evaluated, in a line. */
function lineOf({ evaluated, val, ema, best }: EvaluationRecord): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const average = ema ? `, average top-1 ${percent(ema.top1)}, top-5 ${percent(ema.top5)}` : "";
  return `step ${evaluated}: top-1 ${percent(val.top1)}, top-5 ${percent(val.top5)}, loss ${val.loss.toFixed(4)}` +
    `${average}; best ${percent(best.top1)} after step ${best.step}${unreadText(val)}`;
}
