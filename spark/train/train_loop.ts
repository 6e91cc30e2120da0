/** @file The loop: next batch, compiled step, log. All that it does to the world is in the functions that it is given. */
import type { Ring } from "../../tensor/kernel.ts";
import type { MetricsReader } from "./metrics.ts";
import { nextTurn } from "./interrupt.ts";
import type { Standing } from "./progress.ts";
import type { StepRecord } from "./metrics.ts";

/** What the loop is made of. */
export interface TrainLoop<State, Batch> {
  /** State before the first step. */
  readonly train: State;
  /** Steps that were done before. */
  readonly done: number;
  /** Steps of the whole run. */
  readonly total: number;
  /** Images per step. */
  readonly batchSize: number;
  /** Steps between saves. */
  readonly saveEvery: number;
  /** Steps between readings of the metrics, which wait for the device. */
  readonly readEvery: number;
  /** Batches, from that of step `done` on. */
  readonly batches: AsyncIterable<Batch>;
  /** The step. */
  readonly step: (train: State, metrics: Ring, batch: Batch) => { readonly train: State; readonly metrics: Ring };
  /** Reads the metrics. */
  readonly reader: MetricsReader;
  /** Keeps records. */
  readonly log: (records: readonly StepRecord[]) => void;
  /** Shows where the run stands. */
  readonly show: (standing: Standing) => void;
  /** Keeps the state after a number of steps. */
  readonly save: (train: State, done: number) => Promise<void>;
  /** Explains a step that is not finite, if its state is kept. */
  readonly explain?: ((train: State, batch: Batch) => Promise<string | null>) | undefined;
  /** What finds the cause of a step that is not finite, where the state before it is not kept. */
  readonly advice?: string;
  /** True once the user wants the run to end. */
  readonly interrupted: () => boolean;
}

/**
 * Runs steps until the run is complete or interrupted. Whatever the end, the last state was saved; except that a state
 * is never saved after a loss or a gradient that is not finite.
 *
 * @param loop What it is made of.
 * @returns Steps done.
 * @throws {RangeError} If a loss or a gradient norm is not finite, naming the step; where the loss is scaled, only if it still is not at the smallest scale, as steps that overflow are skipped.
 */
export async function trainLoop<State, Batch>(loop: TrainLoop<State, Batch>): Promise<number> {
  const { total, saveEvery, readEvery, reader, interrupted } = loop;
  let { train, done } = loop;
  let saved = done;
  const pace = makePace(loop.batchSize, total);
  for await (const batch of loop.batches) {
    const before = train;
    const result = loop.step(train, reader.ring(), batch);
    train = result.train;
    reader.push(++done, result.metrics);
    await nextTurn();
    const last = done === total || interrupted();
    const saves = last || done % saveEvery === 0;
    if (saves || reader.pending() >= readEvery) {
      const records = await reader.read();
      loop.log(records);
      const bad = records.find(isBeyondHelp);
      if (bad) refuseNotFinite(bad, saved, await causeOf(loop, before, batch));
      loop.show(pace(records));
    }
    if (saves) {
      await loop.save(train, done);
      saved = done;
      reader.restartClock();
    }
    if (last) break;
  }
  return done;
}

/** Follows the speed: a mean that forgets, so that the time left is steady. */
function makePace(batchSize: number, total: number): (records: readonly StepRecord[]) => Standing {
  const mean = { secondsPerStep: NaN };
  return (records) => {
    const { step, loss, imagesPerSecond } = records.at(-1)!;
    const seconds = batchSize / imagesPerSecond;
    mean.secondsPerStep = Number.isNaN(mean.secondsPerStep) ? seconds : 0.9 * mean.secondsPerStep + 0.1 * seconds;
    const secondsLeft = (total - step) * mean.secondsPerStep;
    return { step, total, loss, imagesPerSecond: batchSize / mean.secondsPerStep, secondsLeft };
  };
}

/** Not finite, and not because of the scale of the loss. */
const isBeyondHelp = ({ loss, gradientNorm, lossScale = 1 }: StepRecord) =>
  lossScale <= 1 && !(Number.isFinite(loss) && Number.isFinite(gradientNorm));

/** What is known, or could be, of the cause of a step that is not finite; may be empty. */
async function causeOf<State, Batch>(
  { explain, advice }: TrainLoop<State, Batch>,
  before: State,
  batch: Batch,
): Promise<string> {
  if (!explain) return advice === undefined ? "" : `${advice}; `;
  const found = await explain(before, batch);
  return `the first that is not finite is ${found ?? "nowhere when the step is computed again"}; `;
}

/** Ends the run. */
function refuseNotFinite(bad: StepRecord, saved: number, cause: string): never {
  const kept = saved > 0 ? `the checkpoint of step ${saved} is kept` : "there is no checkpoint yet";
  throw new RangeError(
    `Cannot go on after step ${bad.step} as loss and gradient must be finite: current loss is ${bad.loss}, norm of ` +
      `the gradient is ${bad.gradientNorm}; ${cause}${kept}; lower --base-lr`,
  );
}
