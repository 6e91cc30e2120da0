import type { ClassifierScores } from "../scores/evaluation.ts";

/** The best evaluation of a run so far. */
export interface Best {
  /** Share of the images that were right. */
  readonly top1: number;
  /** Steps done by then. */
  readonly step: number;
  /** Which weights it were, where a moving average is evaluated too; runs of before do not say. */
  readonly set?: "raw" | "average";
}

/** A line of the log for each evaluation. */
export interface EvaluationRecord {
  /** Steps done. */
  readonly evaluated: number;
  /** Of the weights. */
  readonly val: ClassifierScores;
  /** Of their moving average, if one is kept. */
  readonly ema?: ClassifierScores;
  /** The best so far. */
  readonly best: Best;
}

/**
 * Says when the best evaluation was, and of which weights.
 *
 * @param best The best so far.
 * @returns `after step 12 (average)`.
 */
export function bestText({ step, set }: Best): string {
  return `after step ${step}${set === undefined ? "" : ` (${set})`}`;
}

/**
 * Finds the records of a kind in a log.
 *
 * @param text The log.
 * @param key A key that only such records have.
 * @returns The records, in order.
 */
export function recordsIn<T>(text: string, key: string): readonly T[] {
  return text.split("\n").filter((line) => line.includes(`"${key}"`)).map((line) => JSON.parse(line))
    .filter((record) => Object.hasOwn(record, key));
}
