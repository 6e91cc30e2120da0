/** @file What fine-tuning computes: the compiled step, made of the options. */
import { appendRow, type Device, full, jit, type Jitted, random, type Ring, stack } from "../../../tensor/mod.ts";
import { adamw, type Classifier, lamb, type Optimizer, warmupCosine, withLayerDecay } from "../../../nn/mod.ts";
import { averageWeights, startAverage } from "../../average.ts";
import { type FinetuneState, finetuneStep, initFinetune, type TargetBatch } from "../../finetune.ts";
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

/**
 * The update rule as SparK's authors have it for fine-tuning: no clipping, weight decay and momenta constant; LAMB
 * scales every parameter and does not correct the moments.
 *
 * @param options Options of the run.
 * @param lengths Steps of the run and of its warm-up.
 * @returns The rule, with rates decayed by layer.
 */
export function finetuneOptimizer(
  { optimizer, baseLr, batchSize, weightDecay, layerDecay }: FinetuneOptions,
  { total, warmup }: RunLengths,
): Optimizer {
  const learningRate = warmupCosine({ peak: baseLr * batchSize / 256, warmup, total });
  const shared = { learningRate, weightDecay, beta2: 0.999, maxGradientNorm: NO_CLIPPING };
  const rule = optimizer === "adamw" ? adamw(shared) : lamb({ ...shared, biasCorrected: false, alwaysAdapts: true });
  return withLayerDecay(rule, layerDecay);
}

/** The authors' bound, which no gradient reaches. */
const NO_CLIPPING = 1e7;

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
  const optimizer = finetuneOptimizer(options, lengths);
  const inner = finetuneStep(model, optimizer, { loss: options.loss, dropPath: options.dropPath });
  const step: Step = (before, metrics, batch) => {
    const { train, loss, learningRate, gradientNorm } = inner(before, batch);
    const row = stack([loss, learningRate, full([], options.weightDecay), gradientNorm], 0);
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
