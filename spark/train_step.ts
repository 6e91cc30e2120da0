import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import { STEP_OPTIONS } from "./step_options.ts";
import { add, div, mul, random, type Shape, take, type Tensor, treeMap, valueAndGrad } from "../tensor/mod.ts";
import { applyUpdates, globalNorm, type Model, type Optimizer } from "../nn/mod.ts";
import type { SparsePattern } from "../sparse/mod.ts";
import {
  forward,
  type ForwardOptions,
  initParams,
  type InitParamsOptions,
  type SparkParams,
  type SparkState,
} from "./forward.ts";
import { inputGrid } from "./input_grid.ts";
import { type LossOptions, patchLoss } from "./loss.ts";
import { type SharedStepOptions, shareOf, together } from "./shared_step.ts";
import { skipOverflow } from "./loss_scale.ts";
import { sampleMask } from "./mask.ts";
import { streamOf, type StreamVersion } from "./random_stream.ts";
import type { TrainState, TrainStepOutput } from "./train_state.ts";

/** Options of `init`. */
export interface InitOptions extends InitParamsOptions {
  /** Height and width of the images; checked against the stride if given. */
  readonly inputSize?: readonly [number, number];
}

/** Options of `trainStep`. */
export interface TrainStepOptions
  extends Pick<ForwardOptions, "masking" | "positions" | "checkpoint">, LossOptions, SharedStepOptions {
  /** Share of patches to mask; 0.6 if not given. */
  readonly maskRatio?: number;
  /** Drop-path rate of the last block; the model's recipe if not given. */
  readonly dropPath?: number;
  /** Height and width of the patches that are masked, a multiple of the model's stride; the stride if not given. */
  readonly patchSize?: number;
  /** Number of the first image of the batch among all of the step, 0 if not given: where machines share a step's images,
   * each draws what one machine would draw for them. */
  readonly first?: number;
  /** Which random bits are drawn; those of new runs if not given. */
  readonly randomStream?: StreamVersion;
  /** Order in which the images are computed, with what each draws: their numbers, each once. The same step but for rounding. */
  readonly order?: readonly number[];
}

/** What a training step reads. */
export interface ImageBatch {
  /** Normalised images `[B, H, W, 3]`. */
  readonly images: Tensor;
}

/**
 * Makes the state in which a run starts.
 *
 * @param model The model to pre-train.
 * @param optimizer Its moments are part of the state.
 * @param key Random key: of the first weights, and of all masks afterwards.
 * @param options Size of the images, width of the decoder, scales that it reads, dtype.
 * @returns The state before the first step.
 * @throws {RangeError} If the images do not divide by the model's stride, with the nearest sizes that do.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, pretrainOptimizer } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const optimizer = pretrainOptimizer({ learningRate: 1e-3 });
 * const train = init(tinyResnet(), optimizer, random.key(0), { inputSize: [96, 96], decoderWidth: 64 });
 * deepStrictEqual(train.key.shape, [2]);
 * ```
 */
export function init(model: Model, optimizer: Optimizer, key: Tensor, options: InitOptions = {}): TrainState {
  requireOptions("init", options, { inputSize: true, decoderWidth: true, scales: true, dtype: true });
  const { inputSize, ...rest } = options;
  if (inputSize) inputGrid(model, inputSize);
  const [weightKey, runKey] = random.split(key);
  const { params, state } = initParams(model, weightKey, rest);
  return { params, state, optimizer: optimizer.init(params), key: runKey };
}

/** Of a batch that is part of a step. */
export interface ShareOption {
  /** Its share in the loss, which is multiplied by it; 1 if not given. */
  readonly share?: number;
}

/**
 * Differentiates the loss of one batch.
 *
 * @param model The model.
 * @param weights `params` and `state`; with `lossScale` gradients are computed times the scale, and returned without it.
 * @param input `images` and the `pattern` of their visible patches.
 * @param options As of `forward` and `patchLoss`.
 * @returns Loss, gradients of the form of the parameters, and the state afterwards.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { initParams, lossAndGradients, sampleMask } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const weights = initParams(tinyResnet(), random.key(0), { decoderWidth: 64 });
 * const pattern = sampleMask(random.key(1), { batch: 2, grid: [6, 6], maskRatio: 0.6 });
 * const { gradients } = lossAndGradients(tinyResnet(), weights, { images: ones([2, 96, 96, 3]), pattern }, { train: true });
 * deepStrictEqual(gradients.densify.maskTokens[0]!.shape, [256]);
 * ```
 */
export function lossAndGradients(
  model: Model,
  { params, state, lossScale }: Pick<TrainState, "params" | "state" | "lossScale">,
  input: { readonly images: Tensor; readonly pattern: SparsePattern },
  options: ForwardOptions & LossOptions & ShareOption = {},
): { readonly loss: Tensor; readonly gradients: SparkParams; readonly state: SparkState } {
  requireOptions(
    "lossAndGradients",
    options,
    STEP_OPTIONS satisfies OptionNames<ForwardOptions & LossOptions & ShareOption>,
  );
  const { share } = options;
  const lossOf = (primal: SparkParams) => {
    const out = forward(model, { params: primal, state }, input, options);
    const whole = patchLoss(input.images, out.pixels, input.pattern, options);
    const loss = share === undefined ? whole : mul(whole, share);
    return [lossScale ? mul(loss, lossScale.scale) : loss, { loss, state: out.state }] as const;
  };
  const [[, out], gradients] = valueAndGrad(lossOf, { hasAux: true })(params);
  return { ...out, gradients: lossScale ? treeMap((x: Tensor) => div(x, lossScale.scale), gradients) : gradients };
}

/**
 * All that is random in a batch, drawn from a key: its mask and what drop path drops; and the key of the next one. `before`
 * are images of the step that small batches before this one had (int32 scalar).
 */
export function drawBatch(
  model: Model,
  key: Tensor,
  given: Tensor,
  options: TrainStepOptions,
  before?: Tensor,
): {
  readonly next: Tensor;
  /** The images in the order in which they are computed. */
  readonly images: Tensor;
  readonly pattern: SparsePattern;
  readonly run: ForwardOptions & LossOptions;
} {
  const {
    maskRatio = 0.6,
    dropPath = model.recipe.dropPath,
    patchSize = model.stride,
    first: own = 0,
    randomStream,
    order,
    collective: _collective, // who shares the step draws nothing
    batchSize: _batchSize,
    bucketBytes: _bucketBytes,
    ...ablation
  } = options;
  const ordered = (x: Tensor) => order ? take(x, order) : x;
  const images = ordered(given);
  const [batch, height, width] = images.shape as [number, number, number];
  const stream = streamOf(randomStream);
  const first = before ? add(before, own) : own;
  const uniform = (key: Tensor, shape: Shape) => ordered(stream.uniform(key, shape, first));
  const grid = inputGrid(model, [height, width], patchSize);
  const [next, maskKey, dropKey] = stream.split(key, 3) as [Tensor, Tensor, Tensor];
  const pattern = sampleMask(maskKey, {
    ...{ batch, grid, maskRatio, first, ...order && { order }, ...randomStream && { randomStream } },
  });
  return { next, images, pattern, run: { train: true, key: dropKey, uniform, dropPath, ...ablation } };
}

/** The state after a step of the optimizer; statistics and key are as before. */
export function moved(optimizer: Optimizer, train: TrainState, gradients: SparkParams): TrainState {
  const [updates, next] = optimizer.update(gradients, train.optimizer, train.params);
  return { ...train, params: applyUpdates(train.params, updates), optimizer: next };
}

/**
 * Makes the training step: draws a mask, differentiates the loss, updates. A pure function, to be compiled with
 * `jit(trainStep(model, optimizer), { donate: [0] })`. With a loss scale in the state, a step that is not finite changes
 * nothing but key and scale.
 *
 * @param model The model.
 * @param optimizer The optimizer whose moments the state holds.
 * @param options Mask ratio, patch size and drop path; ablations; processes that share the step.
 * @returns From a state and a batch to the state after it, with loss and gradient norm.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, pretrainOptimizer, trainStep } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const optimizer = pretrainOptimizer({ learningRate: 1e-3 });
 * const train = init(tinyResnet(), optimizer, random.key(0), { inputSize: [96, 96], decoderWidth: 64 });
 * const step = trainStep(tinyResnet(), optimizer); // jit(step, { donate: [0] }) to run it
 * deepStrictEqual(step(train, { images: ones([2, 96, 96, 3]) }).loss.shape, []);
 * ```
 */
export function trainStep(
  model: Model,
  optimizer: Optimizer,
  options: TrainStepOptions = {},
): (train: TrainState, batch: ImageBatch) => TrainStepOutput {
  requireOptions("trainStep", options, STEP_OPTIONS satisfies OptionNames<TrainStepOptions>);
  return (train, { images: given }) => {
    const { next, images, pattern, run } = drawBatch(model, train.key, given, options);
    const share = shareOf(images.shape[0]!, options);
    const part = lossAndGradients(model, train, { images, pattern }, { ...run, ...share !== undefined && { share } });
    const { loss, gradients, state } = together(part, options);
    const after = { ...moved(optimizer, train, gradients), state, key: next };
    return skipOverflow(train, { train: after, loss, gradientNorm: globalNorm(gradients) });
  };
}
