/** @file The log of a run: one JSON object per step and line. */

/** What is known of one step. */
export interface StepRecord {
  /** Number of the step, the first is 1. */
  readonly step: number;
  /** Passes over the data set after it. */
  readonly epoch: number;
  /** Loss before the update. */
  readonly loss: number;
  /** Learning rate of the update. */
  readonly learningRate: number;
  /** Weight decay of the update. */
  readonly weightDecay: number;
  /** Norm of all gradients together, before clipping. */
  readonly gradientNorm: number;
  /** Images per second, over the steps since the last reading. */
  readonly imagesPerSecond: number;
}

/**
 * Reads a log up to a step. A last line that a killed process left unfinished is passed over.
 *
 * @param path The log; a missing one counts as empty.
 * @param lastStep Later steps are left out.
 * @returns Records in order.
 */
export function readStepLog(path: string, lastStep: number): readonly StepRecord[] {
  return textOf(path).split("\n").flatMap((line) => {
    try {
      const record = JSON.parse(line) as StepRecord;
      return record.step <= lastStep ? [record] : [];
    } catch {
      return []; // empty or unfinished
    }
  });
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * Writes records as lines.
 *
 * @param records Any number.
 * @returns JSON, a line each. A loss that is not finite reads `null`.
 */
export function stepLines(records: readonly StepRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

/**
 * Adds records to a log.
 *
 * @param path The log.
 * @param records Any number.
 */
export function appendStepLog(path: string, records: readonly StepRecord[]): void {
  if (records.length > 0) Deno.writeTextFileSync(path, stepLines(records), { append: true });
}
