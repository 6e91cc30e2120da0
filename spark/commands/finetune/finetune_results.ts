/** @file What fine-tuning keeps: log, evaluations, last and best checkpoint. */
import { appendFile, writeFileAtomic } from "../../../data/mod.ts";
import { save } from "../../train/checkpoint.ts";
import type { FinetuneState } from "../../finetune.ts";
import type { Evaluate, Evaluation } from "../../train/evaluation.ts";
import type { Best, FinetuneConfiguration } from "./finetune_start.ts";
import type { RunFolder } from "../../train/run_folder.ts";
import { type EpochLengths, type LogSoFar, logWriter, type RunHead } from "../../train/run_log.ts";
import type { StepRecord } from "../../train/step_log.ts";

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

/** Keeps what a run yields. */
export interface FinetuneResults {
  /** Adds records to the log. */
  log(records: readonly StepRecord[]): void;
  /** Evaluates if it is time to, and keeps the state. */
  save(train: FinetuneState, done: number): Promise<void>;
  /** The last evaluation of this process. */
  last(): EvaluationRecord | null;
}

/** What is known of a run when its results are opened. */
export interface FinetuneResultsOptions {
  /** What checkpoints say of the run. */
  readonly configuration: Omit<FinetuneConfiguration, "step" | "best">;
  /** The best evaluation before. */
  readonly best: Best | null;
  /** What was logged before. */
  readonly before: LogSoFar;
  /** Line of the log that says what runs. */
  readonly head: RunHead;
  /** Lengths of the run, and the steps between evaluations. */
  readonly lengths: EpochLengths & { readonly evalEvery: number };
  /** Evaluates weights. */
  readonly evaluate: Evaluate;
  /** Tells of an evaluation. */
  readonly tell: (record: EvaluationRecord) => void;
}

/**
 * Prepares keeping results in a run folder: its log starts with the lines so far.
 *
 * @param folder Paths of the run.
 * @param run What is known of the run.
 * @returns Keeps results.
 */
export async function openFinetuneResults(folder: RunFolder, run: FinetuneResultsOptions): Promise<FinetuneResults> {
  const { before, head, lengths, configuration, evaluate } = run;
  await writeFileAtomic(folder.log, new TextEncoder().encode(`${before.text}${JSON.stringify(head)}\n`));
  const write = logWriter(lengths, before.records, Date.now);
  const state: { best: Best | null; last: EvaluationRecord | null } = { best: run.best, last: null };
  const isDue = (step: number) => step % lengths.evalEvery === 0 || step === lengths.total;
  return {
    log(records) {
      const { lines } = write(records);
      if (lines !== "") appendFile(folder.log, lines);
    },
    async save(train, step) {
      if (isDue(step)) {
        const record = await evaluationOf(evaluate, train, step, state.best);
        const isBest = record.best.step === step;
        Object.assign(state, { best: record.best, last: record });
        appendFile(folder.log, `${JSON.stringify(record)}\n`);
        run.tell(record);
        if (isBest) await save(folder.best, train, { configuration: { ...configuration, step, best: state.best } });
      }
      await save(folder.checkpoint, train, { configuration: { ...configuration, step, best: state.best } });
    },
    last: () => state.last,
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
