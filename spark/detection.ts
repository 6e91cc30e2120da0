/** @file Training of detectors as pure functions: the state and the step. */
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import {
  add,
  div,
  mul,
  random,
  stack,
  sum,
  type Tensor,
  type Tree,
  treeMap,
  valueAndGrad,
  zeros,
} from "../tensor/mod.ts";
import {
  applyUpdates,
  type BatchStatistics,
  type DetectionBatch,
  detectionLosses,
  type Detector,
  type DetectorParams,
  type DetectorState,
  globalNorm,
  type Optimizer,
} from "../nn/mod.ts";
import { skipOverflow } from "./loss_scale.ts";
import { type SharedStepOptions, together } from "./shared_step.ts";
import type { TrainingState } from "./train_state.ts";

/** Everything that the training of a detector carries from step to step. */
export type DetectionState = TrainingState<DetectorParams, DetectorState>;

/**
 * Makes the state in which the training of a detector starts: a pre-trained or fresh backbone under fresh heads.
 *
 * @param model The detector.
 * @param optimizer Its moments are part of the state.
 * @param key Random key: of fresh weights, and of what is drawn afterwards.
 * @param options `backbone`: parameters and statistics of the backbone, of `loadBackbone`; fresh if not given.
 * @returns The state before the first step.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { adamw, detector, tinyResnet } from "@tessera/tessera/nn";
 * import { initDetection } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const model = detector({ backbone: tinyResnet(), classes: 2, fpnChannels: 8, boxFcs: [8], maskConvs: [8] });
 * const train = initDetection(model, adamw({ learningRate: 1e-3 }), random.key(0));
 * equal(train.params.box.logits.weight.shape.join(), "8,3");
 * ```
 */
export function initDetection(
  model: Detector,
  optimizer: Optimizer,
  key: Tensor,
  options: { readonly backbone?: { readonly params: Tree; readonly state: Tree } } = {},
): DetectionState {
  requireOptions("initDetection", options, { backbone: true });
  const [weightKey, runKey] = random.split(key, 2) as [Tensor, Tensor];
  const fresh = model.init(weightKey);
  const { backbone } = options;
  const params = backbone ? { ...fresh.params, backbone: backbone.params } : fresh.params;
  const state = backbone ? { ...fresh.state, backbone: backbone.state } : fresh.state;
  return { params, state, optimizer: optimizer.init(params), key: runKey };
}

/** Options of the step. */
export interface DetectionStepOptions extends Omit<SharedStepOptions, "statistics"> {
  /** Drop-path rate of the backbone's last block; 0 if not given. */
  readonly dropPath?: number;
  /** Number of the first image of the batch among all of the step, 0 if not given. */
  readonly first?: number;
  /** Over what norms take their statistics; over the images and proposals here if not given. */
  readonly statistics?: Pick<BatchStatistics, "collective">;
}

const STEP_OPTIONS = {
  ...{ dropPath: true, first: true },
  ...{ collective: true, batchSize: true, bucketBytes: true, statistics: true },
} satisfies OptionNames<DetectionStepOptions>;

/** What a step returns. */
export interface DetectionStepOutput {
  /** State after the step. */
  readonly train: DetectionState;
  /** Loss before the step, scalar: the sum of all. */
  readonly loss: Tensor;
  /** Norm of the gradient, scalar. */
  readonly gradientNorm: Tensor;
  /** The losses that it is the sum of, in the order of `lossNames`. */
  readonly parts: Tensor;
}

/**
 * Names of the losses of a detector.
 *
 * @param model The detector.
 * @returns Of Mask R-CNN five, of Faster R-CNN four.
 */
export function lossNames(model: Pick<Detector, "settings">): readonly string[] {
  return ["objectness", "rpnBox", "class", "box", ...model.settings.masks ? ["mask"] : []];
}

/** Of a state, what a batch is differentiated with. */
export type DetectionSmall = Pick<DetectionState, "params" | "state" | "key" | "lossScale">;

/** Sums over the small batches of a step so far. */
export interface DetectionSums {
  /** Gradients, each of the losses of its small batch, or the share of this process in it. */
  readonly gradients: DetectorParams;
  /** Losses, in the order of `lossNames`, likewise. */
  readonly parts: Tensor;
  /** How many small batches, scalar; null: one. */
  readonly count: Tensor | null;
}

/** Makes the function that differentiates the loss of a batch. */
function differentiated(model: Detector, { dropPath = 0, bucketBytes: _, ...shared }: DetectionStepOptions) {
  const names = lossNames(model);
  return ({ params, state, key, lossScale }: DetectionSmall, batch: DetectionBatch) => {
    const [next, own] = random.split(key, 2) as [Tensor, Tensor];
    const lossOf = (primal: DetectorParams) => {
      const scale = lossScale && { scale: lossScale.scale };
      const out = detectionLosses(model, { params: primal, state }, batch, { key: own, dropPath, ...shared, ...scale });
      const parts = stack(names.map((name) => out.losses[name as keyof typeof out.losses]!), { axis: 0 });
      const loss = sum(parts);
      return [lossScale ? mul(loss, lossScale.scale) : loss, { parts, after: out.state }] as const;
    };
    const [[, { parts, after }], scaled] = valueAndGrad(lossOf, { hasAux: true })(
      params,
    );
    const gradients = lossScale ? treeMap((x: Tensor) => div(x, lossScale.scale), scaled) : scaled;
    return { parts, gradients, state: after, key: next };
  };
}

/** Makes the sums before the first small batch. */
export function zeroDetectionSums(model: Pick<Detector, "settings">, params: DetectorParams): DetectionSums {
  const gradients = treeMap((x: Tensor) => zeros(x.shape, { dtype: x.dtype }), params);
  return { gradients, parts: zeros([lossNames(model).length]), count: zeros([]) };
}

/**
 * Makes the function that adds the gradients of a small batch. Batch statistics are those of each small batch.
 *
 * @param model The detector.
 * @param options As of `detectionStep`.
 * @returns From a state, sums and a small batch to statistics, key and sums with it.
 */
export function addDetectionGradients(model: Detector, options: DetectionStepOptions = {}): (
  small: DetectionSmall,
  sums: DetectionSums,
  batch: DetectionBatch,
) => Pick<DetectionState, "state" | "key"> & { readonly sums: DetectionSums } {
  requireOptions("addDetectionGradients", options, STEP_OPTIONS);
  const differentiate = differentiated(model, options);
  return (small, { gradients, parts, count }, batch) => {
    const { state, key, ...more } = differentiate(small, batch);
    const added = treeMap((x: Tensor, y: Tensor) => add(x, y), gradients, more.gradients);
    const sums = { gradients: added, parts: add(parts, more.parts), count: add(count!, 1) };
    return { state, key, sums };
  };
}

/**
 * Makes the function that ends a step of one batch or of several small ones of the same size.
 *
 * @param optimizer The optimizer whose moments the state holds.
 * @param shared How processes share the step.
 * @returns From the state after the last small batch, and the sums, to what `detectionStep` returns.
 */
export function applyDetectionSums(
  optimizer: Optimizer,
  shared: SharedStepOptions = {},
): (train: DetectionState, sums: DetectionSums) => DetectionStepOutput {
  return (train, { gradients, parts, count }) => {
    const mean = (x: Tensor) => count ? div(x, count) : x;
    const own = { loss: mean(parts), gradients: treeMap(mean, gradients), state: train.state };
    const { loss: losses, gradients: whole, state } = together(own, shared);
    const [updates, next] = optimizer.update(whole, train.optimizer, train.params);
    const params = applyUpdates(train.params, updates);
    return {
      train: { ...train, params, state, optimizer: next },
      loss: sum(losses),
      gradientNorm: globalNorm(whole),
      parts: losses,
    };
  };
}

/**
 * Makes the step of training a detector. A pure function, to be compiled with `jit`: nothing is read back.
 *
 * @param model The detector.
 * @param optimizer The optimizer whose moments the state holds.
 * @param options Drop path; processes that share the step.
 * @returns From a state and a batch (of `sceneFields`) to the state after it, with the losses and the norm of the gradient.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adamw, anchorOptionsOf, detector, tinyResnet } from "@tessera/tessera/nn";
 * import { fieldBatches, sceneFields, scenePaste } from "@tessera/tessera/data";
 * import { detectionStep, initDetection } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const scenes = await scenePaste({ size: 64 });
 * const classes = scenes.labelNames!.length;
 * const model = detector({ backbone: tinyResnet(), classes, fpnChannels: 8, boxFcs: [8], maskConvs: [8] });
 * const fields = sceneFields({
 *   canvases: [{ size: [64, 64], shorts: [64] }],
 *   transform: { kind: "shortestEdge", longest: 64 },
 *   targets: { objects: 12, masks: true, anchors: anchorOptionsOf(model) },
 * });
 * const optimizer = adamw({ learningRate: 1e-3 });
 * for await (const batch of fieldBatches(scenes, { fields, batchSize: 1, seed: 0, steps: 1, workers: 0 })) {
 *   const { loss } = detectionStep(model, optimizer)(initDetection(model, optimizer, random.key(0)), batch.fields as never);
 *   deepStrictEqual(loss.shape, []);
 * }
 * ```
 */
export function detectionStep(
  model: Detector,
  optimizer: Optimizer,
  options: DetectionStepOptions = {},
): (train: DetectionState, batch: DetectionBatch) => DetectionStepOutput {
  requireOptions("detectionStep", options, STEP_OPTIONS);
  const differentiate = differentiated(model, options);
  const apply = applyDetectionSums(optimizer, options);
  return (train, batch) => {
    const { gradients, parts, ...after } = differentiate(train, batch);
    const out = apply({ ...train, ...after }, { gradients, parts, count: null });
    return { ...out, ...skipOverflow(train, out) };
  };
}
