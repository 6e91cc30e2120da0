/** @file What a run computes: the compiled step, made of the options. */
import { appendRow, type Device, type Jitted, random, type Ring, stack, type Tensor } from "../../../tensor/mod.ts";
import { cosineWeightDecay, type Model, type Schedule, warmupCosine } from "../../../nn/mod.ts";
import { averageWeights, startAverage } from "../../average.ts";
import { nameNotFinite } from "../../blame.ts";
import { startLossScale } from "../../loss_scale.ts";
import { pretrainOptimizer } from "../../recipe.ts";
import { init, type TrainState, type TrainStepOptions } from "../../train_step.ts";
import { accumulatedStep, type Conclude, partOf, wholeStep } from "./compiled_step.ts";
import { MODELS } from "../../train/model_table.ts";
import type { RunLengths, RunOptions } from "../shared/options.ts";

/** Result of one compiled step. */
export interface StepResult {
  /** State after the step. */
  readonly train: TrainState;
  /** Loss, learning rate, weight decay, gradient norm, and the scale of the loss if there is one, of the last steps. */
  readonly metrics: Ring;
}

/** A step: takes state and metrics over, which must not be used afterwards. */
export type Step = (train: TrainState, metrics: Ring, images: Tensor) => StepResult;

/** A compiled step. */
export type CompiledStep = Pick<Jitted<Step>, "stats" | "prepare"> & Step;

/** What a run computes. */
export interface Training {
  /** The model. */
  readonly model: Model;
  /** State before the first step. Nothing is computed until it is used, so it also serves as a description. */
  readonly initial: TrainState;
  /** The compiled step. */
  readonly step: CompiledStep;
  /** Explains a step that is not finite, from the state before it; absent where that is not kept. */
  readonly explain?: (train: TrainState, images: Tensor) => Promise<string | null>;
}

/**
 * What the options say of the method, as the functions of the step take it.
 *
 * @param options Options of the run.
 * @param model The model.
 * @returns Patch size, masking, positions and loss.
 */
export function ablationOf(
  { patchSize, masking, positions, lossOn, distance, target }: RunOptions,
  model: Model,
): TrainStepOptions & { readonly patchSize: number } {
  const hasPositions = positions === "sincos";
  return { patchSize: patchSize ?? model.stride, masking, positions: hasPositions, lossOn, distance, target };
}

/** The schedules of the recipe: a rate that grows with the batch, and weight decay. */
function schedulesOf(
  options: RunOptions,
  { total, warmup }: RunLengths,
): Record<"learningRate" | "weightDecay", Schedule> {
  const { baseLr, batchSize, weightDecay: start, weightDecayEnd: end } = options;
  return {
    learningRate: warmupCosine({ peak: baseLr * batchSize / 256, warmup, total }),
    weightDecay: cosineWeightDecay({ start, end, total }),
  };
}

/**
 * Makes the step of a run.
 *
 * @param options Options of the run.
 * @param lengths Steps of the run and of its warm-up.
 * @param device Where to compute.
 * @param settings `debug`: the state before a step is kept, so that it can be explained.
 * @returns Model, first state and step.
 */
export function makeTraining(
  options: RunOptions,
  lengths: RunLengths,
  device: Device,
  { debug = false }: { readonly debug?: boolean } = {},
): Training {
  const { make, recipe } = MODELS[options.model]!;
  const model = make();
  const { learningRate, weightDecay } = schedulesOf(options, lengths);
  const { optimizer: rule, inputSize, maskRatio, dropPath } = options;
  const optimizer = pretrainOptimizer({ learningRate, weightDecay, b2: model.recipe.beta2, rule });
  const method = { maskRatio, dropPath, ...ablationOf(options, model) };
  const conclude: Conclude = (before, { train, loss, gradientNorm }, metrics) => {
    const scale = before.lossScale ? [before.lossScale.scale] : [];
    const rates = [learningRate, weightDecay].map((schedule) => schedule(before.optimizer.step));
    const row = stack([loss, ...rates, gradientNorm, ...scale], 0);
    const next = options.ema === null ? train : averageWeights(before, train, { decay: options.ema });
    return { train: next, metrics: appendRow(metrics, row) };
  };
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

/** Looks for the layer in each small batch of the step. Statistics and keys are those before the first. */
function explainer(
  model: Model,
  options: Parameters<typeof nameNotFinite>[3],
  parts: number,
): NonNullable<Training["explain"]> {
  return async (train, images) => {
    for (let part = 0; part < parts; part++) {
      const found = await nameNotFinite(model, train, { images: partOf(images, part, parts) }, options);
      if (found !== null) return found;
    }
    return null;
  };
}
