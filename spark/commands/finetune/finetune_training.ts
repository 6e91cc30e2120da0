/** @file What fine-tuning computes: the compiled step, made of the options. */
import { appendRow, type Device, full, jit, type Jitted, random, type Ring, stack } from "../../../tensor/mod.ts";
import { type Classifier, type Schedule, warmupCosine } from "../../../nn/mod.ts";
import { averageWeights, startAverage } from "../../average.ts";
import { type FinetuneState, finetuneStep, initFinetune, type TargetBatch } from "../../finetune.ts";
import { finetuneOptimizer } from "../../recipe.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import type { FinetuneOptions } from "../shared/finetune_options.ts";
import { MODELS } from "../../train/model_table.ts";
import type { RunLengths } from "../shared/options.ts";

/** State and metrics after a step. */
export interface FinetuneStepResult {
  /** State after the step. */
  readonly train: FinetuneState;
  /** Loss, learning rate, weight decay and gradient norm of the last steps: a row for each. */
  readonly metrics: Ring;
}

/** Takes state and metrics over, which must not be used afterwards. */
type Step = (train: FinetuneState, metrics: Ring, batch: TargetBatch) => FinetuneStepResult;

/** What fine-tuning computes. */
export interface FinetuneTraining {
  /** The model. */
  readonly model: Classifier;
  /** State before the first step; nothing is computed until it is used. */
  readonly initial: FinetuneState;
  /** The compiled step. */
  readonly step: Step & Pick<Jitted<Step>, "stats" | "prepare">;
}

/** Rate of the head: warm-up and cosine to a peak that grows with the batch. */
function finetuneRate({ baseLr, batchSize }: FinetuneOptions, { total, warmup }: RunLengths): Schedule {
  return warmupCosine({ peak: baseLr * batchSize / 256, warmup, total });
}

/**
 * Makes the step of a run.
 *
 * @param options Options of the run.
 * @param lengths Steps of the run and of its warm-up.
 * @param start Number of classes, and the pre-trained network if there is one.
 * @param device Where to compute.
 * @returns Model, first state and step.
 */
export function makeFinetuning(
  options: FinetuneOptions,
  lengths: RunLengths,
  { classes, backbone }: { readonly classes: number; readonly backbone: Backbone | null },
  device: Device,
): FinetuneTraining {
  const model = MODELS[options.model]!.make();
  const learningRate = finetuneRate(options, lengths);
  const { weightDecay, layerDecay, optimizer: rule } = options;
  const optimizer = finetuneOptimizer({ learningRate, weightDecay, layerDecay, rule });
  const inner = finetuneStep(model, optimizer, { loss: options.loss, dropPath: options.dropPath });
  const step: Step = (before, metrics, batch) => {
    const { train, loss, gradientNorm } = inner(before, batch);
    const row = stack([loss, learningRate(before.optimizer.step), full([], weightDecay), gradientNorm], 0);
    const next = options.ema === null ? train : averageWeights(before, train, { decay: options.ema });
    return { train: next, metrics: appendRow(metrics, row) };
  };
  const fresh = initFinetune(model, optimizer, random.key(options.seed), {
    classes,
    ...(backbone ? { backbone } : {}),
  });
  return {
    model,
    initial: options.ema === null ? fresh : startAverage(fresh),
    step: jit(step, { donate: [0, 1], device }),
  };
}
