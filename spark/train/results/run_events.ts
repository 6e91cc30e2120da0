/** @file The event file of a run, for TensorBoard, with the tags of the official code. */
import { appendFile, eventFileHead, eventRecord } from "../../../data/mod.ts";
import type { EpochRecord } from "./run_log.ts";
import type { StepRecord } from "../metrics.ts";

/** Writes events. */
export interface RunEvents {
  /** Steps, and the epochs that they end. */
  steps(records: readonly StepRecord[], epochs: readonly EpochRecord[]): void;
  /** A picture. */
  picture(step: number, png: Uint8Array): void;
  /** Numbers by their tags. */
  scalars(step: number, values: Readonly<Record<string, number>>): void;
}

/** At most about so many steps of a run are written: more cannot be told apart. */
const MOST_STEPS = 20_000;

/**
 * Opens a new event file; a run that goes on has several.
 *
 * @param folder Where it lies.
 * @param run Steps of the run and of those before, the smallest loss of an epoch before, a clock in milliseconds since
 * 1970, and what tags begin with: `pt`, as the official code has it, if not given.
 * @returns Writes events.
 */
export function openRunEvents(
  folder: string,
  { total, done, leastLoss, now, tag = "pt" }: {
    readonly total: number;
    readonly done: number;
    readonly leastLoss: number;
    readonly now: () => number;
    readonly tag?: "pt" | "ft" | "det";
  },
): RunEvents {
  Deno.mkdirSync(folder, { recursive: true });
  const path = `${folder}/events.out.tfevents.${Math.floor(now() / 1000)}.${done}`;
  appendFile(path, eventFileHead({ wallTime: now() / 1000, step: done + 1 }));
  const append = (step: number, rest: Pick<Parameters<typeof eventRecord>[0], "scalars" | "images">) =>
    appendFile(path, eventRecord({ wallTime: now() / 1000, step, ...rest }));
  const stride = Math.ceil(total / MOST_STEPS);
  const least = { loss: leastLoss };
  return {
    steps(records, epochs) {
      records.filter(({ step }) => step % stride === 0).forEach((record) =>
        append(record.step, { scalars: scalarsOf(record, tag) })
      );
      const last = records.at(-1)?.step ?? 0;
      for (const { "last_L": loss, rema } of epochs) {
        least.loss = Math.min(least.loss, loss);
        append(last, {
          scalars: { [`${tag}_train/min_loss`]: least.loss, [`${tag}_z_burnout/rest_hours`]: hours(rema) },
        });
      }
      if (last === total) append(last, { scalars: { [`${tag}_result/min_loss`]: least.loss } });
    },
    picture: (step, png) => append(step, { images: { [tag === "det" ? "detections" : "reconstructions"]: png } }),
    scalars: (step, values) => append(step, { scalars: values }),
  };
}

function scalarsOf(
  { loss, learningRate, weightDecay, gradientNorm, imagesPerSecond, lossScale, rankSpeeds = [], waited = [] }:
    StepRecord,
  tag: string,
): Readonly<Record<string, number>> {
  return {
    [`${tag}_train_loss/loss`]: loss,
    [`${tag}_train_hp/lr_max`]: learningRate, // the groups differ in decay only
    [`${tag}_train_hp/lr_min`]: learningRate,
    [`${tag}_train_hp/wd_max`]: weightDecay,
    [`${tag}_train_hp/wd_min`]: weightDecay, // of the group that has any
    [`${tag}_train_hp/orig_norm`]: gradientNorm,
    "speed/images_per_second": imagesPerSecond,
    ...byRank("images_per_second", rankSpeeds),
    ...byRank("seconds_waited", waited),
    ...lossScale !== undefined && { [`${tag}_train_hp/loss_scale`]: lossScale },
  };
}

function byRank(name: string, values: readonly number[]): Readonly<Record<string, number>> {
  return Object.fromEntries(values.map((value, rank) => [`speed/${name}_of_rank_${rank}`, value]));
}

/** Hours of `h:mm:ss`. */
function hours(clock: string): number {
  return clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) / 3600;
}
