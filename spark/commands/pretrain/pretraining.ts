/** @file What a run computes: the compiled step, made of the options. */
import { alone, type Collective, type Device, random, type Tensor } from "../../../tensor/mod.ts";
import { dataKey, shuffled } from "../../../data/mod.ts";
import { cosineWeightDecay, type Model, type Schedule, warmupCosine } from "../../../nn/mod.ts";
import { startAverage } from "../../average.ts";
import { nameNotFinite } from "../../blame.ts";
import { startLossScale } from "../../loss_scale.ts";
import { pretrainOptimizer } from "../../recipe.ts";
import type { TrainState } from "../../train_state.ts";
import { init, type TrainStepOptions } from "../../train_step.ts";
import { makeModel, modelEntry } from "../../train/model_file.ts";
import { accumulatedStep, type Conclude, partOf, wholeStep } from "../../train/pretrain_step.ts";
import { textsOfAll } from "../../train/ranks/agreement.ts";
import { type RunLengths, shifted } from "../../train/run_lengths.ts";
import { concluded, type Training } from "../../train/training.ts";
import type { PretrainOptions } from "../shared/pretrain_options.ts";
import { requireStages } from "../shared/checkpoint_stages.ts";
import { ablationOf } from "../shared/settled_options.ts";
import { sharingOf } from "../shared/shared_run.ts";

/** What a run computes. */
export interface Pretraining extends Training<TrainState, Tensor> {
  /** The model. */
  readonly model: Model;
}

/** The schedules of the recipe: a rate that grows with the batch, and weight decay. */
function schedulesOf(
  options: PretrainOptions,
  lengths: RunLengths,
): Record<"learningRate" | "weightDecay", Schedule> {
  const { baseLr, batchSize, weightDecay: start, weightDecayEnd: end } = options;
  const total = lengths.total + lengths.scheduleShift;
  const rate = warmupCosine({ peak: baseLr * batchSize / 256, warmup: lengths.warmup, total });
  return {
    learningRate: shifted(rate, lengths),
    weightDecay: shifted(cosineWeightDecay({ start, end, total }), lengths),
  };
}

/** What of a step decides no bit of its results but for rounding, and who shares it. */
export interface PretrainingSettings {
  /** The state before a step is kept, so that it can be explained. */
  readonly debug?: boolean;
  /** Inner values of blocks are computed again for gradients: in all stages, or in so many. */
  readonly checkpoint?: boolean | number;
  /** Ranks that share each step; none if not given. */
  readonly collective?: Collective;
}

/** What one process alone can do: statistics over parts of the batch, and its images in another order. */
function aloneOf(
  { normParts, permuteBatch, batchSize }: PretrainOptions,
): Pick<TrainStepOptions, "statistics" | "order"> {
  return {
    ...permuteBatch !== null && { order: permuted(batchSize, normParts, permuteBatch) },
    ...normParts > 1 && { statistics: { parts: normParts } },
  };
}

/** Numbers of the images of a batch in another order, those of each part among themselves. */
function permuted(batchSize: number, parts: number, seed: number): readonly number[] {
  const size = batchSize / parts;
  return Array.from(
    { length: parts },
    (_, part) => [...shuffled(dataKey(seed, part), size)].map((i) => part * size + i),
  )
    .flat();
}

/**
 * Makes the step of a run.
 *
 * @param options Options of the run.
 * @param lengths Steps of the run and of its warm-up.
 * @param device Where to compute.
 * @param settings What is kept, and who shares the step.
 * @returns Model, first state and step.
 */
export function makePretraining(
  options: PretrainOptions,
  lengths: RunLengths,
  device: Device,
  { debug = false, checkpoint = false, collective = alone() }: PretrainingSettings = {},
): Pretraining {
  const { recipe } = modelEntry(options.model);
  const model = makeModel(options.model, options.inChannels);
  const { learningRate, weightDecay } = schedulesOf(options, lengths);
  const { optimizer: rule, inputSize, maskRatio, dropPath } = options;
  const optimizer = pretrainOptimizer({ learningRate, weightDecay, b2: model.recipe.beta2, rule });
  const sharing = collective.size === 1 ? aloneOf(options) : sharingOf(options, collective);
  requireStages(model, checkpoint);
  const method = { maskRatio, dropPath, checkpoint, ...ablationOf(options, model), ...sharing };
  const conclude: Conclude = (before, out, metrics) =>
    concluded(before, out, metrics, {
      learningRate: learningRate(before.optimizer.step),
      weightDecay: weightDecay(before.optimizer.step),
      ema: options.ema,
      lossScale: before.lossScale?.scale,
    });
  const settings = { model, optimizer, method, conclude, device, donate: !debug };
  const decoder = {
    decoderWidth: options.decoderWidth ?? recipe.decoderWidth,
    scales: options.scales ?? model.channels.length,
  };
  const unscaled = init(model, optimizer, random.key(options.seed), { inputSize, ...decoder });
  const fresh = options.precision === "f16" ? startLossScale(unscaled) : unscaled;
  return {
    model,
    initial: options.ema === null ? fresh : startAverage(fresh),
    step: options.accumulate === 1 ? wholeStep(settings) : accumulatedStep(settings, options.accumulate),
    ...(debug ? { explain: explainer(model, { ...method, device }, options.accumulate) } : {}),
  };
}

/**
 * Looks for the layer in each small batch of the step, on all ranks together. Statistics and keys are those before the first.
 */
function explainer(
  model: Model,
  options: Parameters<typeof nameNotFinite>[3],
  parts: number,
): NonNullable<Pretraining["explain"]> {
  const { collective = alone() } = options;
  return async (train, images) => {
    for (let part = 0; part < parts; part++) {
      const own = await nameNotFinite(model, train, { images: partOf(images, part, parts) }, options);
      const found = textsOfAll(collective, own ?? "");
      const rank = found.findIndex((text) => text !== "");
      if (rank < 0) continue;
      return found[rank]! + (found.includes("") ? `, of images of rank ${rank}` : "");
    }
    return null;
  };
}
