/** @file What fine-tuning computes: the compiled step, made of the options. */
import { type Device, full, jit, random } from "../../../tensor/mod.ts";
import { type Classifier, type Schedule, warmupCosine } from "../../../nn/mod.ts";
import { startAverage } from "../../average.ts";
import { type FinetuneState, finetuneStep, initFinetune, type TargetBatch } from "../../finetune.ts";
import { finetuneOptimizer } from "../../recipe.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { modelEntry } from "../../train/model_file.ts";
import type { RunLengths } from "../../train/run_lengths.ts";
import { concluded, type Step, type Training } from "../../train/training.ts";
import type { FinetuneOptions } from "./finetune_options.ts";

/** What fine-tuning computes. */
export interface Finetuning extends Training<FinetuneState, TargetBatch> {
  /** The model. */
  readonly model: Classifier;
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
): Finetuning {
  const model = modelEntry(options.model).make();
  const learningRate = finetuneRate(options, lengths);
  const { weightDecay, layerDecay, optimizer: rule, loss, dropPath, randomStream } = options;
  const optimizer = finetuneOptimizer({ learningRate, weightDecay, layerDecay, rule });
  const inner = finetuneStep(model, optimizer, { loss, dropPath, randomStream });
  const step: Step<FinetuneState, TargetBatch> = (before, metrics, batch) =>
    concluded(before, inner(before, batch), metrics, {
      learningRate: learningRate(before.optimizer.step),
      weightDecay: full([], weightDecay),
      ema: options.ema,
    });
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
