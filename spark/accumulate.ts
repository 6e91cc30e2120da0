/** @file One step over several small batches, for batches that do not fit into memory at once. */
import { STEP_OPTIONS } from "./step_options.ts";
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import { add, div, mul, sizeOf, type Tensor, treeMap, zeros } from "../tensor/mod.ts";
import { globalNorm, type Model, type Optimizer } from "../nn/mod.ts";
import type { SparsePattern } from "../sparse/mod.ts";
import type { SparkParams } from "./forward.ts";
import { type SharedStepOptions, shareOf, together } from "./shared_step.ts";
import type { TrainState, TrainStepOutput } from "./train_state.ts";
import { streamOf } from "./random_stream.ts";
import { drawBatch, type ImageBatch, lossAndGradients, moved, type TrainStepOptions } from "./train_step.ts";

/** Sums over the small batches of a step so far. */
export interface GradientSums {
  /** Gradients, each times the number of patches of its batch that count. */
  readonly gradients: SparkParams;
  /** Losses, times the same numbers. */
  readonly loss: Tensor;
  /** These numbers. */
  readonly patches: Tensor;
  /** How many images there were, int32 scalar: what is drawn for an image depends on its place in the step, not in a part. */
  readonly images: Tensor;
  /** Random key of the step after this one, uint32 `[2]`; zeros before the first small batch. */
  readonly next: Tensor;
}

/**
 * Makes the sums before the first small batch.
 *
 * @param params The parameters.
 * @returns Zeros.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { initParams, zeroSums } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const { params } = initParams(tinyResnet(), random.key(0), { decoderWidth: 64 });
 * equal(await zeroSums(params).patches.item(), 0);
 * ```
 */
export function zeroSums(params: SparkParams): GradientSums {
  const gradients = treeMap((x: Tensor) => zeros(x.shape, { dtype: x.dtype }), params);
  return {
    ...{ gradients, loss: zeros([]), patches: zeros([]) },
    ...{ images: zeros([], { dtype: "int32" }), next: zeros([2], { dtype: "uint32" }) },
  };
}

/** Patches of a batch over which the loss is a mean. */
function countedPatches({ gridShape, indices }: SparsePattern, lossOn: string): number {
  return sizeOf(gridShape) - (lossOn === "all" ? 0 : indices.shape[0]!);
}

/**
 * Makes the function that adds the gradients of a small batch: draws its mask, differentiates its loss, weights both by
 * the number of patches that count. What `applySums` then divides is the loss over all patches of all small batches,
 * whatever their sizes. Batch statistics are those of each small batch. What is drawn is what `trainStep` draws for all
 * images at once, as long as they are of one size; with the random stream 1 each small batch has a key of its own instead.
 *
 * @param model The model.
 * @param options As of `trainStep`.
 * @returns From a state, sums and a small batch to the random key of the next small batch, the running statistics and the
 * sums with it.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { addGradients, applySums, init, pretrainOptimizer, zeroSums } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const optimizer = pretrainOptimizer({ learningRate: 1e-3 });
 * const train = init(tinyResnet(), optimizer, random.key(0), { decoderWidth: 16 });
 * const more = addGradients(tinyResnet());
 * const first = more(train, zeroSums(train.params), { images: ones([2, 64, 64, 3]) });
 * const second = more({ ...train, ...first }, first.sums, { images: ones([1, 96, 96, 3]) });
 * equal(applySums(optimizer)({ ...train, ...second }, second.sums).loss.dtype, "float32");
 * ```
 */
export function addGradients(model: Model, options: TrainStepOptions = {}): (
  train: Pick<TrainState, "params" | "state" | "key" | "lossScale">,
  sums: GradientSums,
  batch: ImageBatch,
) => Pick<TrainState, "state" | "key"> & { readonly sums: GradientSums } {
  requireOptions("addGradients", options, STEP_OPTIONS satisfies OptionNames<TrainStepOptions>);
  const { lossOn = "masked" } = options;
  return (train, sums, { images: given }) => {
    const { drawsParts } = streamOf(options.randomStream);
    const drawn = drawBatch(model, train.key, given, options, drawsParts ? sums.images : undefined);
    const { next, images, pattern, run } = drawn;
    const share = shareOf(images.shape[0]!, options); // before it is differentiated: batch norm may join the processes
    const of = { ...run, ...share !== undefined && { share } };
    const { loss, gradients, state } = lossAndGradients(model, train, { images, pattern }, of);
    const patches = countedPatches(pattern, lossOn);
    const weighted = (sum: Tensor, term: Tensor) => add(sum, mul(term, patches / (share ?? 1)));
    return {
      key: drawsParts ? train.key : next,
      state,
      sums: {
        gradients: treeMap(weighted, sums.gradients, gradients),
        loss: weighted(sums.loss, loss),
        patches: add(sums.patches, patches),
        images: add(sums.images, options.batchSize ?? images.shape[0]!),
        next,
      },
    };
  };
}

/**
 * Makes the function that ends a step of several small batches. Where the state has a loss scale, `skipOverflow` undoes the
 * step if it overflowed.
 *
 * @param optimizer The optimizer whose moments the state holds.
 * @param options Processes that share the step: the sums of all count.
 * @returns From the state after the last small batch, and the sums, to what `trainStep` returns.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { addGradients, applySums, init, pretrainOptimizer, zeroSums } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const optimizer = pretrainOptimizer({ learningRate: 1e-3 });
 * const train = init(tinyResnet(), optimizer, random.key(0), { decoderWidth: 16 });
 * const { sums, ...after } = addGradients(tinyResnet())(train, zeroSums(train.params), { images: ones([2, 64, 64, 3]) });
 * deepStrictEqual(applySums(optimizer)({ ...train, ...after }, sums).loss.shape, []);
 * ```
 */
export function applySums(
  optimizer: Optimizer,
  options: SharedStepOptions = {},
): (train: TrainState, sums: GradientSums) => TrainStepOutput {
  requireOptions("applySums", options, STEP_OPTIONS satisfies OptionNames<SharedStepOptions>);
  return (train, { gradients: own, patches: counted, loss: part, next }) => {
    const summed = together({ loss: part, gradients: { own, counted }, state: train.state }, options);
    const { loss, state, gradients: { own: gradients, counted: patches } } = summed;
    const mean = treeMap((sum: Tensor) => div(sum, patches), gradients);
    return {
      train: moved(optimizer, { ...train, state, key: next }, mean),
      loss: div(loss, patches),
      gradientNorm: globalNorm(mean),
    };
  };
}
