import { add, type Tensor } from "../../tensor/mod.ts";

/** Lengths of a run, in steps. */
export interface RunLengths {
  /** Steps in which as many images are seen as there are. */
  readonly stepsPerEpoch: number;
  /** Steps of the run. */
  readonly total: number;
  /** Steps of the warm-up. */
  readonly warmup: number;
  /**
   * What is added to a step for its place in the epochs: 0, but in a run that went on with another batch size, whose
   * earlier steps saw more or fewer images each.
   */
  readonly shift: number;
  /** What is added to a step for its place in the schedules: the shift where the run is counted in epochs. */
  readonly scheduleShift: number;
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
  /** As of `RunLengths`; 0 if not given. */
  readonly shift?: number;
}

/**
 * Counts the steps of a run. The warm-up is rounded to whole steps as the official code does it, halves to even.
 *
 * @param wanted What was asked for.
 * @param stepsPerEpoch Steps in which as many images are seen as there are.
 * @returns Lengths in steps.
 * @throws {RangeError} If the warm-up is as long as the run.
 */
export function runLengths(
  { steps, epochs, warmupEpochs, warmupShare, shift = 0 }: WantedLengths,
  stepsPerEpoch: number,
): RunLengths {
  const total = steps ?? epochs * stepsPerEpoch - shift;
  const scheduleShift = steps === null ? shift : 0;
  const whole = total + scheduleShift;
  const warmup = roundHalfEven(warmupEpochs === null ? whole * warmupShare : warmupEpochs * stepsPerEpoch);
  if (warmup < whole) return { stepsPerEpoch, total, warmup, shift, scheduleShift };
  throw new RangeError(
    `Cannot warm up for ${warmup} steps as that must be less than the whole run: current run has ${whole} steps of ` +
      `which ${stepsPerEpoch} are an epoch; lower --warmup-epochs`,
  );
}

/** As Python's `round`. A product that is a half but for its rounding counts as one. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const isHalf = Math.abs(value - below - 0.5) < 1e-9 * Math.max(1, value);
  return isHalf ? below + below % 2 : Math.round(value);
}

/**
 * Where a run that goes on with another batch size stands in the epochs: as many images are behind it as before.
 *
 * @param before Steps of an epoch, shift and steps done so far.
 * @param stepsPerEpoch Steps of an epoch from now on.
 * @returns The new shift.
 */
export function shiftAfter(
  { stepsPerEpoch: old, shift, done }: {
    readonly stepsPerEpoch: number;
    readonly shift: number;
    readonly done: number;
  },
  stepsPerEpoch: number,
): number {
  return old === stepsPerEpoch ? shift : Math.round((done + shift) * stepsPerEpoch / old) - done;
}

/** A schedule by the place of a step in it. */
export function shifted<T>(schedule: (step: Tensor) => T, { scheduleShift }: RunLengths): (step: Tensor) => T {
  return scheduleShift === 0 ? schedule : (step) => schedule(add(step, scheduleShift));
}
