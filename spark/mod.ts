/**
 * SparK: masked pre-training of convolutional networks with sparse encoders. Each line of the method is a pure function,
 * the mask a value among its arguments.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { forward, initParams, patchLoss, sampleMask } from "@tessera/tessera/spark";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const model = tinyResnet();
 * const weights = initParams(model, random.key(0), { decoderWidth: 64 });
 * const images = ones([2, 96, 96, 3]);
 * const pattern = sampleMask(random.key(1), { batch: 2, grid: [6, 6], maskRatio: 0.6 });
 * const { pixels } = forward(model, weights, { images, pattern }, { train: true });
 * deepStrictEqual(patchLoss(images, pixels, pattern).shape, []);
 * ```
 *
 * Any convolutional network can be pre-trained: write a record of the form of `Model`, of `@tessera/tessera/nn`.
 * `features` takes dense or sparse input and returns one map per scale, fine to coarse, each half as large as the one
 * before; the layers of that module take both kinds. `checkModel` says what does not fit.
 *
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { conv2d, type Conv2dParams, initConv2d, type Model, relu } from "@tessera/tessera/nn";
 * import { initParams } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const model: Model = {
 *   name: "two_convolutions",
 *   stride: 8,
 *   channels: [16, 32],
 *   densifyNorm: "none",
 *   recipe: { dropPath: 0, beta2: 0.95 },
 *   init: (key) => ({
 *     params: [
 *       initConv2d(random.foldIn(key, 0), { inChannels: 3, outChannels: 16, kernel: 4 }),
 *       initConv2d(random.foldIn(key, 1), { inChannels: 16, outChannels: 32, kernel: 2 }),
 *     ],
 *     state: {},
 *   }),
 *   features: (params: readonly [Conv2dParams, Conv2dParams], state, x) => {
 *     const fine = relu(conv2d(params[0], x, { stride: 4 }));
 *     return { features: [fine, relu(conv2d(params[1], fine, { stride: 2 }))], state };
 *   },
 * };
 * equal(initParams(model, random.key(0), { decoderWidth: 64 }).params.decoder.blocks.length, 3);
 * ```
 *
 * @module
 */
export * from "./random_stream.ts";
export * from "./mask.ts";
export * from "./input_grid.ts";
export * from "./densify.ts";
export * from "./decoder.ts";
export * from "./position_embedding.ts";
export * from "./loss.ts";
export * from "./reconstruction.ts";
export * from "./forward.ts";
export {
  type ImageBatch,
  init,
  type InitOptions,
  lossAndGradients,
  type ShareOption,
  trainStep,
  type TrainStepOptions,
} from "./train_step.ts";
export type { SharedStepOptions } from "./shared_step.ts";
export type { LossScale, TrainingState, TrainState, TrainStepOutput } from "./train_state.ts";
export * from "./recipe.ts";
export * from "./accumulate.ts";
export * from "./average.ts";
export * from "./loss_scale.ts";
export * from "./finetune.ts";
export * from "./detection.ts";
export * from "./score.ts";
export { type Checkpoint, load, readCheckpoint, restore, type Savable, save } from "./train/checkpoint.ts";
export * from "./weights/official_names.ts";
export * from "./blame.ts";
export { fromOfficial, type OfficialEntry, toOfficial } from "./weights/official_layout.ts";
export { type ReadNaming, renameWeight, WEIGHT_NAMINGS, type WeightNaming } from "./weights/weight_names.ts";
export { onnxModel, type OnnxOptions } from "./weights/onnx_graph.ts";
export { accountLines, type ReadSet, type WeightAccount } from "./weights/weight_account.ts";
export { type Backbone, backboneOf, loadBackbone, type LoadBackboneOptions } from "./weights/load_backbone.ts";
export { loadWeights, type SparkWeights, weightsOf } from "./weights/load_weights.ts";
export {
  backboneStateDict,
  flattenOfficial,
  officialCheckpoint,
  type OfficialCheckpointOptions,
  type StateDict,
} from "./weights/export_weights.ts";
export type { SourceNaming } from "./weights/weight_source.ts";
export {
  detectorEntries,
  type DetectorEntry,
  type DetectorEntryOptions,
  type DetectorWeights,
} from "./weights/detector_names.ts";
export type { DetectorNaming } from "./weights/detector_part_names.ts";
export * from "./weights/detector_sizes.ts";
export * from "./weights/detector_weights.ts";
