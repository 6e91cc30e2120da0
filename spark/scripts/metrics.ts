/** @file Reading what steps computed, many at a time, so that a device need not wait for the host. */
import type { Device, Tensor } from "../../tensor/mod.ts";
import type { StepRecord } from "./step_log.ts";

/** Steps that were queued but not read. */
export interface MetricsReader {
  /** Takes the metrics of a step, `[4]`: loss, learning rate, weight decay, gradient norm. */
  push(step: number, metrics: Tensor): void;
  /** Steps that were not read. */
  pending(): number;
  /** Waits for them and reads them. */
  read(): Promise<readonly StepRecord[]>;
  /** Leaves the time since the last reading out of the speed. */
  restartClock(): void;
}

/**
 * Collects the metrics of steps.
 *
 * @param options Where they lie, images per step, steps per epoch, and a clock in milliseconds.
 * @returns The reader.
 */
export function makeMetricsReader(options: {
  readonly device: Device;
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  readonly now: () => number;
}): MetricsReader {
  const { device, batchSize, stepsPerEpoch, now } = options;
  const queue: { readonly step: number; readonly metrics: Tensor }[] = [];
  const clock = { last: now() };
  return {
    push: (step, metrics) => void queue.push({ step, metrics }),
    pending: () => queue.length,
    restartClock: () => void (clock.last = now()),
    async read() {
      const steps = queue.splice(0);
      const values = await Promise.all(steps.map(({ metrics }) => metrics.data({ device })));
      steps.forEach(({ metrics }) => metrics[Symbol.dispose]());
      const seconds = (now() - clock.last) / 1000;
      clock.last = now();
      return steps.map(({ step }, i) => {
        const [loss, learningRate, weightDecay, gradientNorm] = values[i] as unknown as [
          number,
          number,
          number,
          number,
        ];
        const imagesPerSecond = batchSize * steps.length / Math.max(seconds, 1e-9);
        const epoch = step / stepsPerEpoch;
        return { step, epoch, loss, learningRate, weightDecay, gradientNorm, imagesPerSecond };
      });
    },
  };
}
