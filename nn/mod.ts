/**
 * Layers as functions of parameter records, for dense and sparse features alike; ResNets and ConvNeXts; optimizers and
 * schedules.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv2d, initConv2d, relu } from "@tessera/tessera/nn";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const params = initConv2d(random.key(0), { inChannels: 3, outChannels: 8, kernel: 3 });
 * const y = relu(conv2d(params, ones([1, 16, 16, 3]), { padding: 1 }));
 * deepStrictEqual(y.shape, [1, 16, 16, 8]);
 * ```
 *
 * @module
 */
export { addFeatures, type Features, isSparse, mapFeatures, shapeOf, valuesOf } from "./layers/features.ts";
export {
  type DTypeOption,
  type Fan,
  type Initializer,
  kaimingNormal,
  smallNormal,
  torchUniform,
  zeroInitializer,
} from "./layers/initializer.ts";
export * from "./layers/linear.ts";
export * from "./layers/conv2d.ts";
export * from "./layers/conv_transpose2d.ts";
export * from "./layers/batch_norm.ts";
export * from "./layers/batch_norm_rows.ts";
export * from "./layers/layer_norm.ts";
export * from "./layers/group_norm.ts";
export * from "./layers/instance_norm.ts";
export * from "./layers/rms_norm.ts";
export * from "./layers/global_response_norm.ts";
export * from "./layers/embedding.ts";
export * from "./layers/attention.ts";
export * from "./layers/recurrent.ts";
export * from "./layers/activation.ts";
export { type DropOptions, dropout, dropPath, layerScale } from "./layers/drop.ts";
export * from "./layers/pool.ts";
export * from "./layers/squeeze_excite.ts";
export {
  type Classifier,
  inChannelsOf,
  type InputOptions,
  type Model,
  type ModelOptions,
  type ModelOutput,
} from "./models/model.ts";
export { type BlockKind } from "./models/residual_block.ts";
export { resnet, type ResNetOptions } from "./models/resnet.ts";
export * from "./models/resnets.ts";
export { convnext, type ConvNeXtOptions } from "./models/convnext.ts";
export * from "./models/convnexts.ts";
export {
  cosineWeightDecay,
  type CosineWeightDecayOptions,
  type Schedule,
  warmupCosine,
  type WarmupCosineOptions,
} from "./optimizers/schedule.ts";
export * from "./optimizers/parameter_names.ts";
export * from "./optimizers/transformation.ts";
export { applyUpdates, chain, type Optimizer, type OptimizerState } from "./optimizers/chain.ts";
export * from "./optimizers/clip_by_global_norm.ts";
export { type AdamOptions, scaleByAdam } from "./optimizers/scale_by_adam.ts";
export * from "./optimizers/trace.ts";
export * from "./optimizers/add_decayed_weights.ts";
export * from "./optimizers/scale_by_trust_ratio.ts";
export * from "./optimizers/scale_by_learning_rate.ts";
export * from "./optimizers/sgd.ts";
export * from "./optimizers/adamw.ts";
export * from "./optimizers/lamb.ts";
export * from "./optimizers/layer_decay.ts";
export * from "./optimizers/moments.ts";
export * from "./optimizers/ema.ts";
export * from "./optimizers/schedules.ts";
export * from "./optimizers/clip_by_value.ts";
export * from "./optimizers/partition.ts";
export * from "./optimizers/multi_steps.ts";
export * from "./optimizers/lion.ts";
export * from "./optimizers/rmsprop.ts";
export * from "./optimizers/muon.ts";
export type { Reduction, ReductionOption } from "./losses/reduction.ts";
export { binaryCrossEntropy, isInTop, softCrossEntropy } from "./losses/soft_targets.ts";
export { crossEntropy, type CrossEntropyOptions, focalLoss, type FocalLossOptions } from "./losses/labels.ts";
export * from "./losses/regression.ts";
export * from "./metrics.ts";
export * from "./detection/mod.ts";
