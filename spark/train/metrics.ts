/** @file Reading what steps computed, many at a time, so that a device need not wait for the host. */
import type { Device } from "../../tensor/mod.ts";
import { emptyRing, readRing, type Ring } from "../../tensor/kernel.ts";

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
  /** How many ranks shared the step, where there are several. */
  readonly ranks?: number;
  /** Seconds of the step for which each rank has waited for others, in their order; a mean over steps that are read together. */
  readonly waited?: readonly number[];
  /** Images per second of each rank, in the time in which it did not wait. */
  readonly rankSpeeds?: readonly number[];
  /** Losses that the loss is the sum of, by name. */
  readonly parts?: Readonly<Record<string, number>>;
}

/** Steps that were queued but not read. */
export interface MetricsReader {
  /** The metrics of the last steps, which the next step takes over: rows as of `StepResult`. */
  ring(): Ring;
  /** Takes the metrics after a step. */
  push(step: number, metrics: Ring): void;
  /** Steps that were not read. */
  pending(): number;
  /** Waits for them and reads them. */
  read(): Promise<readonly StepRecord[]>;
  /** Leaves the time since the last reading out of the speed. */
  restartClock(): void;
}

/** Loss, rate, weight decay, norm of the gradient, and what else there is. */
type Row = [number, number, number, number, ...number[]];

/** What a reader of metrics needs to know. */
export interface MetricsOptions {
  /** Where they lie. */
  readonly device: Device;
  /** Steps that may be queued. */
  readonly length: number;
  /** Images of a step. */
  readonly batchSize: number;
  /** Steps of an epoch. */
  readonly stepsPerEpoch: number;
  /** What is added to a step for its place in the epochs; 0 if not given. */
  readonly shift?: number;
  /** True if the loss is scaled, and the scale among the metrics. */
  readonly scaled?: boolean;
  /** Names of the losses that the loss is the sum of; none if not given. */
  readonly parts?: readonly string[];
  /** Clock in milliseconds. */
  readonly now: () => number;
}

/**
 * Collects the metrics of steps.
 *
 * @param options Where they lie, and how they are counted.
 * @returns The reader.
 */
export function makeMetricsReader(options: MetricsOptions): MetricsReader {
  const { device, length, batchSize, stepsPerEpoch, shift = 0, scaled = false, parts = [], now } = options;
  const state = { ring: emptyRing({ length, width: (scaled ? 5 : 4) + parts.length }), appended: 0 };
  const queue: number[] = [];
  const clock = { last: now() };
  return {
    ring: () => state.ring,
    push(step, metrics) {
      queue.push(step);
      state.ring = metrics;
      state.appended++;
    },
    pending: () => queue.length,
    restartClock: () => void (clock.last = now()),
    async read() {
      const steps = queue.splice(0);
      const rows = await readRing(state.ring, { appended: state.appended, last: steps.length, device });
      const seconds = (now() - clock.last) / 1000;
      clock.last = now();
      return steps.map((step, i) => {
        const [loss, learningRate, weightDecay, gradientNorm, ...more] = [...rows[i]!] as Row;
        const imagesPerSecond = batchSize * steps.length / Math.max(seconds, 1e-9);
        const epoch = (step + shift) / stepsPerEpoch;
        return {
          ...{ step, epoch, loss, learningRate, weightDecay, gradientNorm, imagesPerSecond },
          ...(scaled ? { lossScale: more[0]! } : {}),
          ...(parts.length > 0 ? { parts: namedParts(parts, more.slice(scaled ? 1 : 0)) } : {}),
        };
      });
    },
  };
}

function namedParts(names: readonly string[], values: readonly number[]): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name, k) => [name, values[k]!]));
}
