/** @file What the log says of a step. */

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
  /** Factor of the loss of the step, where float16 holds the gradients. */
  readonly lossScale?: number;
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
