/** @file What a run computes: the compiled step, made of the options. */
import { appendRow, type Device, jit, type Jitted, key, type Ring, stack, type Tensor } from "../../tensor/mod.ts";
import { adamw, cosineWeightDecay, lamb, type Model, type Optimizer, sgd, warmupCosine } from "../../nn/mod.ts";
import { init, type TrainState, trainStep, type TrainStepOptions } from "../train_step.ts";
import { MODELS } from "./model_table.ts";
import type { RunLengths, RunOptions } from "./options.ts";

/** Result of one compiled step. */
export interface StepResult {
  /** State after the step. */
  readonly train: TrainState;
  /** Loss, learning rate, weight decay and gradient norm of the last steps: a row for each. */
  readonly metrics: Ring;
}

/** A compiled step: takes state and metrics over, which must not be used afterwards. */
export type CompiledStep = Jitted<(train: TrainState, metrics: Ring, images: Tensor) => StepResult>;

/** What a run computes. */
export interface Training {
  /** The model. */
  readonly model: Model;
  /** State before the first step. Nothing is computed until it is used, so it also serves as a description. */
  readonly initial: TrainState;
  /** The compiled step. */
  readonly step: CompiledStep;
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

/** β2 of the model's family for LAMB and AdamW; the schedules of the recipe for all. */
function makeOptimizer(options: RunOptions, { total, warmup }: RunLengths, beta2: number): Optimizer {
  const { baseLr, batchSize, weightDecay: start, weightDecayEnd: end } = options;
  const learningRate = warmupCosine({ peak: baseLr * batchSize / 256, warmup, total });
  const weightDecay = cosineWeightDecay({ start, end, total });
  if (options.optimizer === "sgd") return sgd({ learningRate, weightDecay });
  return (options.optimizer === "adamw" ? adamw : lamb)({ learningRate, weightDecay, beta2 });
}

/**
 * Makes the step of a run.
 *
 * @param options Options of the run.
 * @param lengths Steps of the run and of its warm-up.
 * @param device Where to compute.
 * @returns Model, first state and step.
 */
export function makeTraining(options: RunOptions, lengths: RunLengths, device: Device): Training {
  const { make, recipe } = MODELS[options.model]!;
  const model = make();
  const optimizer = makeOptimizer(options, lengths, model.recipe.beta2);
  const { inputSize, maskRatio, dropPath, weightDecay: start, weightDecayEnd: end } = options;
  const decay = cosineWeightDecay({ start, end, total: lengths.total });
  const inner = trainStep(model, optimizer, { maskRatio, dropPath, ...ablationOf(options, model) });
  const step = (train: TrainState, metrics: Ring, images: Tensor): StepResult => {
    const { train: next, loss, learningRate, gradientNorm } = inner(train, { images });
    const row = stack([loss, learningRate, decay(train.optimizer.step), gradientNorm], 0);
    return { train: next, metrics: appendRow(metrics, row) };
  };
  const decoder = {
    decoderWidth: options.decoderWidth ?? recipe.decoderWidth,
    scales: options.scales ?? model.channels.length,
  };
  return {
    model,
    initial: init(model, optimizer, key(options.seed), { inputSize, ...decoder }),
    step: jit(step, { donate: [0, 1], device }),
  };
}
