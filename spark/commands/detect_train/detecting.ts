/** @file What the training of a detector computes: model and compiled step, made of the options. */
import { alone, type Collective, type Device, full, jit, random, type Tensor } from "../../../tensor/mod.ts";
import type { Ring } from "../../../tensor/kernel.ts";
import {
  type DetectionBatch,
  type Detector,
  detector,
  joinSchedules,
  type Model,
  type Optimizer,
  piecewiseConstantSchedule,
  polynomialSchedule,
  type Schedule,
  warmupCosine,
} from "../../../nn/mod.ts";
import { startAverage } from "../../average.ts";
import {
  addDetectionGradients,
  applyDetectionSums,
  type DetectionSmall,
  type DetectionState,
  detectionStep,
  type DetectionStepOptions,
  type DetectionStepOutput,
  type DetectionSums,
  initDetection,
  zeroDetectionSums,
} from "../../detection.ts";
import { skipOverflow, startLossScale } from "../../loss_scale.ts";
import { detectionOptimizer } from "../../recipe.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { modelEntry } from "../../train/model_file.ts";
import { partOf } from "../../train/pretrain_step.ts";
import { type RunLengths, shifted } from "../../train/run_lengths.ts";
import { smallBatches } from "../../train/small_batches.ts";
import { concluded, type Step, type StepResult, type Training } from "../../train/training.ts";
import { sharingOf } from "../shared/shared_run.ts";
import type { DetectOptions } from "./detect_options.ts";
import { detectorPart, numbersIn } from "./settled_detect_options.ts";

/** What the training of a detector computes. */
export interface Detecting extends Training<DetectionState, DetectionBatch> {
  /** The detector. */
  readonly model: Detector;
}

/** Share of the peak that the warm-up begins with, as in detectron2; of ConvNeXts as in mmdetection's recipe. */
const WARMUP_START = { bn: 0.01, ln: 0.001, none: 0.01 } as const;

/** Warm-up, then a cosine, or steps. */
function rateOf(
  options: DetectOptions,
  { total, warmup, scheduleShift }: RunLengths,
  { densifyNorm }: Pick<Model, "densifyNorm">,
): Schedule {
  const { baseLr, batchSize, schedule, decayAt, decayFactor } = options;
  const [peak, whole] = [baseLr * batchSize / 16, total + scheduleShift];
  if (schedule === "cosine") return warmupCosine({ peak, warmup, total: whole });
  const falls = numbersIn(decayAt, "decayAt").map((share) =>
    [Math.round(share * whole) - warmup, decayFactor] as const
  );
  const steps = piecewiseConstantSchedule(peak, Object.fromEntries(falls));
  if (warmup === 0) return steps;
  return joinSchedules([
    polynomialSchedule({ start: WARMUP_START[densifyNorm] * peak, end: peak, steps: warmup }),
    steps,
  ], [warmup]);
}

/** The detector of a run. */
export function detectorOf(options: DetectOptions, classes: number): Detector {
  return detector({ backbone: modelEntry(options.model).make(), ...detectorPart(options, classes) });
}

/**
 * Makes the step of a run.
 *
 * @param options Options of the run.
 * @param lengths Steps of the run and of its warm-up.
 * @param start Number of classes, the pre-trained backbone if there is one, and ranks that share each step.
 * @param device Where to compute.
 * @returns Model, first state and step.
 */
export function makeDetecting(
  options: DetectOptions,
  lengths: RunLengths,
  { classes, backbone, collective = alone() }: {
    readonly classes: number;
    readonly backbone: Backbone | null;
    readonly collective?: Collective;
  },
  device: Device,
): Detecting {
  const model = detectorOf(options, classes);
  const { backbone: network } = model.settings;
  const learningRate = shifted(rateOf(options, lengths, network), lengths);
  const { weightDecay, layerDecay, dropPath, accumulate: parts, clip } = options;
  const { freezeAt } = model.settings;
  const optimizer = detectionOptimizer({
    ...{ learningRate, weightDecay, layerDecay, maxGradientNorm: clip === 0 ? null : clip },
    ...{ freezeAt },
    without: network.densifyNorm === "bn" ? "norms" : "vectors",
  });
  const method = { dropPath, ...sharingOf(options, collective) };
  const ema = options.ema === 0 ? null : options.ema;
  const conclude = (before: DetectionState, out: DetectionStepOutput, metrics: Ring) =>
    concluded(before, out, metrics, {
      learningRate: learningRate(before.optimizer.step),
      weightDecay: full([], weightDecay),
      ema,
      lossScale: before.lossScale?.scale,
    });
  const unscaled = initDetection(model, optimizer, random.key(options.seed), backbone ? { backbone } : {});
  const fresh = options.precision === "f16" ? startLossScale(unscaled) : unscaled;
  return {
    model,
    initial: ema === null ? fresh : startAverage(fresh),
    step: parts === 1
      ? wholeStep(detectionStep(model, optimizer, method), { conclude, device })
      : partedStep({ model, optimizer, method }, { conclude, device, parts }),
  };
}

/** How a step ends, and where it is computed. */
interface StepEnd {
  readonly conclude: (
    before: DetectionState,
    out: DetectionStepOutput,
    metrics: Ring,
  ) => StepResult<DetectionState>;
  readonly device: Device;
}

function wholeStep(inner: ReturnType<typeof detectionStep>, { conclude, device }: StepEnd): Detecting["step"] {
  const step: Step<DetectionState, DetectionBatch> = (before, metrics, batch) =>
    conclude(before, inner(before, batch), metrics);
  return jit(step, { donate: [0, 1], device });
}

/** A step of several small batches. */
function partedStep(
  { model, optimizer, method }: {
    readonly model: Detector;
    readonly optimizer: Optimizer;
    readonly method: DetectionStepOptions;
  },
  { conclude, device, parts }: StepEnd & { readonly parts: number },
): Detecting["step"] {
  const [add, apply] = [addDetectionGradients(model, method), applyDetectionSums(optimizer, method)];
  return smallBatches<DetectionState, DetectionBatch, DetectionSmall, DetectionSums>({
    ...{ device, donate: true, parts, add },
    zero: (params) => zeroDetectionSums(model, params),
    smallOf: ({ params, state, key, lossScale }) => ({ ...{ params, state, key }, ...lossScale && { lossScale } }),
    finish: (train, after, sums, metrics) => {
      const out = apply({ ...train, ...after }, sums);
      return conclude(train, { ...out, ...skipOverflow(train, out) }, metrics);
    },
    partOf: (batch, part, of) =>
      Object.fromEntries(
        Object.entries(batch).map(([name, x]) => [name, partOf(x as Tensor, part, of)]),
      ) as unknown as DetectionBatch,
  });
}
