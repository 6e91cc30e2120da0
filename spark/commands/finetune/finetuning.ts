/** @file What fine-tuning computes: the compiled step, made of the options. */
import { alone, type Collective, type Device, full, jit, random } from "../../../tensor/mod.ts";
import type { Ring } from "../../../tensor/kernel.ts";
import { type Classifier, type Optimizer, type Schedule, warmupCosine } from "../../../nn/mod.ts";
import { startAverage } from "../../average.ts";
import {
  addFinetuneGradients,
  applyFinetuneSums,
  type FinetuneSmall,
  type FinetuneState,
  finetuneStep,
  type FinetuneStepOptions,
  type FinetuneStepOutput,
  type FinetuneSums,
  initFinetune,
  type TargetBatch,
  zeroFinetuneSums,
} from "../../finetune.ts";
import { skipOverflow, startLossScale } from "../../loss_scale.ts";
import { finetuneOptimizer } from "../../recipe.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { makeModel } from "../../train/model_file.ts";
import { partOf } from "../../train/pretrain_step.ts";
import { type RunLengths, shifted } from "../../train/run_lengths.ts";
import { smallBatches } from "../../train/small_batches.ts";
import { concluded, type Step, type StepResult, type Training } from "../../train/training.ts";
import { requireStages } from "../shared/checkpoint_stages.ts";
import { sharingOf } from "../shared/shared_run.ts";
import type { FinetuneOptions } from "./finetune_options.ts";

/** What fine-tuning computes. */
export interface Finetuning extends Training<FinetuneState, TargetBatch> {
  /** The model. */
  readonly model: Classifier;
}

/** Rate of the head: warm-up and cosine to a peak that grows with the batch. */
function finetuneRate({ baseLr, batchSize }: FinetuneOptions, { total, warmup, scheduleShift }: RunLengths): Schedule {
  return warmupCosine({ peak: baseLr * batchSize / 256, warmup, total: total + scheduleShift });
}

/**
 * Makes the step of a run.
 *
 * @param options Options of the run.
 * @param lengths Steps of the run and of its warm-up.
 * @param start Number of classes, the pre-trained network if there is one, in which stages blocks are computed twice, and
 * ranks that share each step.
 * @param device Where to compute.
 * @returns Model, first state and step.
 */
export function makeFinetuning(
  options: FinetuneOptions,
  lengths: RunLengths,
  { classes, backbone, checkpoint = false, collective = alone() }: {
    readonly classes: number;
    readonly backbone: Backbone | null;
    readonly checkpoint?: boolean | number;
    readonly collective?: Collective;
  },
  device: Device,
): Finetuning {
  const model = makeModel(options.model, options.inChannels);
  const learningRate = shifted(finetuneRate(options, lengths), lengths);
  const { weightDecay, layerDecay, optimizer: rule, loss, dropPath, randomStream, accumulate: parts } = options;
  const optimizer = finetuneOptimizer({ learningRate, weightDecay, layerDecay, rule });
  requireStages(model, checkpoint);
  const method = { loss, dropPath, randomStream, checkpoint, ...sharingOf(options, collective) };
  const conclude = (before: FinetuneState, out: FinetuneStepOutput, metrics: Ring) =>
    concluded(before, out, metrics, {
      learningRate: learningRate(before.optimizer.step),
      weightDecay: full([], weightDecay),
      ema: options.ema,
      lossScale: before.lossScale?.scale,
    });
  const unscaled = initFinetune(model, optimizer, random.key(options.seed), {
    classes,
    ...(backbone ? { backbone: { params: backbone.params, state: backbone.state } } : {}),
  });
  const fresh = options.precision === "f16" ? startLossScale(unscaled) : unscaled;
  return {
    model,
    initial: options.ema === null ? fresh : startAverage(fresh),
    step: parts === 1
      ? wholeStep(finetuneStep(model, optimizer, method), { conclude, device })
      : partedStep({ model, optimizer, method }, { conclude, device, parts }),
  };
}

/** How a step ends, and where it is computed. */
interface StepEnd {
  readonly conclude: (before: FinetuneState, out: FinetuneStepOutput, metrics: Ring) => StepResult<FinetuneState>;
  readonly device: Device;
}

function wholeStep(inner: ReturnType<typeof finetuneStep>, { conclude, device }: StepEnd): Finetuning["step"] {
  const step: Step<FinetuneState, TargetBatch> = (before, metrics, batch) =>
    conclude(before, inner(before, batch), metrics);
  return jit(step, { donate: [0, 1], device });
}

/** A step of several small batches. */
function partedStep(
  { model, optimizer, method }: {
    readonly model: Classifier;
    readonly optimizer: Optimizer;
    readonly method: FinetuneStepOptions;
  },
  { conclude, device, parts }: StepEnd & { readonly parts: number },
): Finetuning["step"] {
  const [add, apply] = [addFinetuneGradients(model, method), applyFinetuneSums(optimizer, method)];
  return smallBatches<FinetuneState, TargetBatch, FinetuneSmall, FinetuneSums>({
    ...{ device, donate: true, parts, zero: zeroFinetuneSums, add },
    smallOf: ({ params, state, key, lossScale }) => ({ ...{ params, state, key }, ...lossScale && { lossScale } }),
    finish: (train, after, sums, metrics) =>
      conclude(train, skipOverflow(train, apply({ ...train, ...after }, sums)), metrics),
    partOf: ({ images, targets }, part, of) => ({
      images: partOf(images, part, of),
      targets: partOf(targets, part, of),
    }),
  });
}
