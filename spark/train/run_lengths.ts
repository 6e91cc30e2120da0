/** Lengths of a run, in steps. */
export interface RunLengths {
  /** Steps in which as many images are seen as there are. */
  readonly stepsPerEpoch: number;
  /** Steps of the run. */
  readonly total: number;
  /** Steps of the warm-up. */
  readonly warmup: number;
}

/** What was asked for. */
export interface WantedLengths {
  /** Steps of the run; null: `epochs` count. */
  readonly steps: number | null;
  /** Passes over the images. */
  readonly epochs: number;
  /** Epochs of warm-up; null: `warmupShare` counts. */
  readonly warmupEpochs: number | null;
  /** Share of the run that the warm-up takes. */
  readonly warmupShare: number;
}

/**
 * Counts the steps of a run.
 *
 * @param wanted What was asked for.
 * @param stepsPerEpoch Steps in which as many images are seen as there are.
 * @returns Lengths in steps.
 * @throws {RangeError} If the warm-up is as long as the run.
 */
export function runLengths(
  { steps, epochs, warmupEpochs, warmupShare }: WantedLengths,
  stepsPerEpoch: number,
): RunLengths {
  const total = steps ?? epochs * stepsPerEpoch;
  const warmup = warmupEpochs === null ? Math.floor(total * warmupShare) : Math.round(warmupEpochs * stepsPerEpoch);
  if (warmup < total) return { stepsPerEpoch, total, warmup };
  throw new RangeError(
    `Cannot warm up for ${warmup} steps as that must be less than the whole run: current run has ${total} steps of ` +
      `which ${stepsPerEpoch} are an epoch; lower --warmup-epochs`,
  );
}
