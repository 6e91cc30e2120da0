/** @file Fine-tuning as pure functions: the state, the step, and the scores of an evaluation. */
import { requireOptions } from "../tensor/kernel.ts";
import {
  add,
  div,
  mul,
  random,
  type Shape,
  type Tensor,
  type Tree,
  treeLeaves,
  treeMap,
  valueAndGrad,
  zeros,
} from "../tensor/mod.ts";
import {
  applyUpdates,
  binaryCrossEntropy,
  type Classifier,
  globalNorm,
  type Optimizer,
  softCrossEntropy,
} from "../nn/mod.ts";

import { skipOverflow } from "./loss_scale.ts";
import { type SharedStepOptions, shareOf, together } from "./shared_step.ts";
import type { TrainingState } from "./train_state.ts";
import { streamOf, type StreamVersion } from "./random_stream.ts";

/** Parameters and statistics of a classifier. */
export interface ClassifierWeights {
  /** Parameters of the network and of its head. */
  readonly params: { readonly encoder: Tree; readonly head: Tree };
  /** Running statistics. */
  readonly state: { readonly encoder: Tree };
}

/** Everything that fine-tuning carries from step to step. */
export type FinetuneState = TrainingState<ClassifierWeights["params"], ClassifierWeights["state"]>;

/** Options of `initFinetune`. */
export interface InitFinetuneOptions {
  /** Number of classes. */
  readonly classes: number;
  /**
   * Pre-trained network, of `loadBackbone`; fresh weights if not given. Its `head` is kept if there is one, and must then
   * be of as many classes: leave it out, or give `null`, for a fresh one.
   */
  readonly backbone?: { readonly params: Tree; readonly state: Tree; readonly head?: Tree | null };
}

/**
 * Makes the state in which fine-tuning starts: a pre-trained or fresh network under a fresh head.
 *
 * @param model The model.
 * @param optimizer Its moments are part of the state.
 * @param key Random key: of head and fresh weights, and of what is dropped afterwards.
 * @param options Number of classes; pre-trained network.
 * @returns The state before the first step.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adamw, tinyResnet } from "@tessera/tessera/nn";
 * import { initFinetune } from "@tessera/tessera/spark";
 * import { random, treeLeaves } from "@tessera/tessera/tensor";
 *
 * const train = initFinetune(tinyResnet(), adamw({ learningRate: 1e-3 }), random.key(0), { classes: 10 });
 * deepStrictEqual(treeLeaves(train.params.head).map(({ shape }) => shape), [[10], [256, 10]]);
 * ```
 */
export function initFinetune(
  model: Classifier,
  optimizer: Optimizer,
  key: Tensor,
  options: InitFinetuneOptions,
): FinetuneState {
  requireOptions("initFinetune", options, { classes: true, backbone: true });
  const { classes, backbone } = options;
  const [weightKey, headKey, runKey] = random.split(key, 3);
  const { params: encoder, state } = backbone ?? model.init(weightKey);
  const fresh = model.initHead(headKey, { classes });
  const head = backbone?.head ?? fresh;
  requireClasses(head, fresh, classes);
  const params = { encoder, head };
  return { params, state: { encoder: state }, optimizer: optimizer.init(params), key: runKey };
}

function requireClasses(head: Tree, fresh: Tree, classes: number): void {
  const shapes = (tree: Tree) => (treeLeaves(tree) as readonly Tensor[]).map(({ shape }) => `[${shape}]`).join(", ");
  if (head === fresh || shapes(head) === shapes(fresh)) return;
  throw new RangeError(
    `Cannot fine-tune as the head of the backbone must be of ${classes} classes, shapes ${
      shapes(fresh)
    }: current shapes ` +
      `are ${shapes(head)}; give head: null for a fresh one`,
  );
}

/** Options of `finetuneStep`. */
export interface FinetuneStepOptions extends SharedStepOptions {
  /** `ce`: cross-entropy of soft targets. `bce`: binary cross-entropy of each class by itself. `ce` if not given. */
  readonly loss?: "ce" | "bce";
  /** Drop-path rate of the last block; 0 if not given. */
  readonly dropPath?: number;
  /** Stages in which inner values of blocks are computed again for gradients, the first ones; true: all. None if not given. */
  readonly checkpoint?: boolean | number;
  /** Number of the first image of the batch among all of the step, 0 if not given. */
  readonly first?: number;
  /** Which random bits are drawn; those of new runs if not given. */
  readonly randomStream?: StreamVersion;
}

/** What a step of fine-tuning reads. */
export interface TargetBatch {
  /** Normalised images `[B, H, W, 3]`. */
  readonly images: Tensor;
  /** Probabilities `[B, classes]`. */
  readonly targets: Tensor;
}

/** What a step of fine-tuning returns. */
export interface FinetuneStepOutput {
  /** State after the step. */
  readonly train: FinetuneState;
  /** Loss before the step, scalar. */
  readonly loss: Tensor;
  /** Norm of the gradient before clipping, scalar. */
  readonly gradientNorm: Tensor;
}

/**
 * Makes the step of fine-tuning. A pure function, to be compiled with `jit`.
 *
 * @param model The model.
 * @param optimizer The optimizer whose moments the state holds.
 * @param options Loss and drop path.
 * @returns From a state and a batch to the state after it, with loss and gradient norm.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adamw, tinyResnet } from "@tessera/tessera/nn";
 * import { finetuneStep, initFinetune } from "@tessera/tessera/spark";
 * import { full, ones, random } from "@tessera/tessera/tensor";
 *
 * const optimizer = adamw({ learningRate: 1e-3 });
 * const train = initFinetune(tinyResnet(), optimizer, random.key(0), { classes: 10 });
 * const batch = { images: ones([2, 32, 32, 3]), targets: full([2, 10], 0.1) };
 * deepStrictEqual(finetuneStep(tinyResnet(), optimizer)(train, batch).loss.shape, []);
 * ```
 */
export function finetuneStep(
  model: Classifier,
  optimizer: Optimizer,
  options: FinetuneStepOptions = {},
): (train: FinetuneState, batch: TargetBatch) => FinetuneStepOutput {
  requireOptions("finetuneStep", options, STEP_OPTIONS);
  const differentiate = finetuneGradients(model, options);
  const apply = applyFinetuneSums(optimizer, options);
  return (train, batch) => {
    const { gradients, loss, ...after } = differentiate(train, batch);
    return skipOverflow(train, apply({ ...train, ...after }, { gradients, loss, count: null }));
  };
}

/** What `FinetuneStepOptions` has. */
const STEP_OPTIONS = {
  loss: true,
  dropPath: true,
  checkpoint: true,
  first: true,
  randomStream: true,
  collective: true,
  batchSize: true,
  bucketBytes: true,
  statistics: true,
} as const;

/** Of a state, what a batch is differentiated with. */
export type FinetuneSmall = Pick<FinetuneState, "params" | "state" | "key" | "lossScale">;

/** Sums over the small batches of a step so far. */
export interface FinetuneSums {
  /** Gradients, each a mean over its small batch, or the share of this process in it. */
  readonly gradients: ClassifierWeights["params"];
  /** Losses, likewise. */
  readonly loss: Tensor;
  /** How many small batches, scalar; null: one. */
  readonly count: Tensor | null;
}

/** Makes the function that differentiates the loss of a batch: loss, gradients, statistics and key afterwards. */
function finetuneGradients(
  model: Classifier,
  { loss: kind = "ce", dropPath = 0, checkpoint = false, first = 0, randomStream, ...shared }: FinetuneStepOptions,
) {
  const criterion = kind === "bce" ? binaryCrossEntropy : softCrossEntropy;
  const stream = streamOf(randomStream);
  const uniform = (key: Tensor, shape: Shape) => stream.uniform(key, shape, first);
  return ({ params, state, key, lossScale }: FinetuneSmall, { images, targets }: TargetBatch) => {
    const [next, dropKey] = stream.split(key, 2) as [Tensor, Tensor];
    const share = shareOf(images.shape[0]!, shared);
    const lossOf = (primal: ClassifierWeights["params"]) => {
      const { statistics } = shared;
      const run = { train: true, key: dropKey, uniform, dropPath, checkpoint, ...statistics && { statistics } };
      const out = model.logits(primal, state.encoder, images, run);
      const own = criterion(out.logits, targets);
      const loss = share === undefined ? own : mul(own, share);
      return [lossScale ? mul(loss, lossScale.scale) : loss, { loss, after: out.state }] as const;
    };
    const [[, { loss, after }], scaled] = valueAndGrad(lossOf, { hasAux: true })(params);
    const gradients = lossScale ? treeMap((x: Tensor) => div(x, lossScale.scale), scaled) : scaled;
    return { loss, gradients, state: { encoder: after }, key: next };
  };
}

/** Makes the sums before the first small batch. */
export function zeroFinetuneSums(params: ClassifierWeights["params"]): FinetuneSums {
  const gradients = treeMap((x: Tensor) => zeros(x.shape, { dtype: x.dtype }), params);
  return { gradients, loss: zeros([]), count: zeros([]) };
}

/**
 * Makes the function that adds the gradients of a small batch. Batch statistics are those of each small batch.
 *
 * @param model The model.
 * @param options As of `finetuneStep`.
 * @returns From a state, sums and a small batch to statistics, key and sums with it.
 */
export function addFinetuneGradients(model: Classifier, options: FinetuneStepOptions = {}): (
  small: FinetuneSmall,
  sums: FinetuneSums,
  batch: TargetBatch,
) => Pick<FinetuneState, "state" | "key"> & { readonly sums: FinetuneSums } {
  requireOptions("addFinetuneGradients", options, STEP_OPTIONS);
  const differentiate = finetuneGradients(model, options);
  return (small, { gradients, loss, count }, batch) => {
    const { state, key, ...more } = differentiate(small, batch);
    const sums = {
      gradients: treeMap((sum: Tensor, x: Tensor) => add(sum, x), gradients, more.gradients),
      loss: add(loss, more.loss),
      count: add(count!, 1),
    };
    return { state, key, sums };
  };
}

/**
 * Makes the function that ends a step of one batch or of several small ones of the same size.
 *
 * @param optimizer The optimizer whose moments the state holds.
 * @param shared How processes share the step.
 * @returns From the state after the last small batch, and the sums, to what `finetuneStep` returns.
 */
export function applyFinetuneSums(
  optimizer: Optimizer,
  shared: SharedStepOptions = {},
): (train: FinetuneState, sums: FinetuneSums) => FinetuneStepOutput {
  return (train, { gradients, loss, count }) => {
    const mean = (sum: Tensor) => count ? div(sum, count) : sum;
    const own = { loss: mean(loss), gradients: treeMap(mean, gradients), state: train.state };
    const whole = together(own, shared);
    const [updates, next] = optimizer.update(whole.gradients, train.optimizer, train.params);
    const params = applyUpdates(train.params, updates);
    const moved = { ...train, params, state: whole.state, optimizer: next };
    return { train: moved, loss: whole.loss, gradientNorm: globalNorm(whole.gradients) };
  };
}
