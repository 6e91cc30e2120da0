/**
 * Layers as functions of parameter records, for dense and sparse features alike; ResNets and ConvNeXts; optimizers and
 * schedules.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { conv2d, initConv2d, relu } from "@tessera/tessera/nn";
 * import { key, ones } from "@tessera/tessera/tensor";
 *
 * const params = initConv2d(key(0), { inChannels: 3, outChannels: 8, kernel: 3 });
 * const y = relu(conv2d(params, ones([1, 16, 16, 3]), { padding: 1 }));
 * deepStrictEqual(y.shape, [1, 16, 16, 8]);
 * ```
 *
 * @module
 */
export * from "./features.ts";
export {
  type DTypeOption,
  type Fan,
  type Initializer,
  kaimingNormal,
  smallNormal,
  tokenNormal,
  torchUniform,
  zeroInitializer,
} from "./initializer.ts";
export * from "./linear.ts";
export * from "./conv2d.ts";
export * from "./conv_transpose2d.ts";
export * from "./batch_norm.ts";
export * from "./layer_norm.ts";
export * from "./group_norm.ts";
export * from "./activation.ts";
export { type DropOptions, dropout, dropPath, layerScale } from "./drop.ts";
export * from "./pool.ts";
export * from "./squeeze_excite.ts";
export { type Classifier, type Model, type ModelOptions, type ModelOutput } from "./model.ts";
export { type BlockKind } from "./residual_block.ts";
export { resnet, type ResNetOptions } from "./resnet.ts";
export * from "./resnets.ts";
export { convnext, type ConvNeXtOptions } from "./convnext.ts";
export * from "./convnexts.ts";
export {
  cosineWeightDecay,
  type CosineWeightDecayOptions,
  type Schedule,
  warmupCosine,
  type WarmupCosineOptions,
} from "./schedule.ts";
export * from "./parameter_names.ts";
export {
  clipByGlobalNorm,
  globalNorm,
  type Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type OptimizerUpdate,
} from "./optimizer.ts";
export * from "./sgd.ts";
export * from "./adamw.ts";
export * from "./lamb.ts";
export * from "./ema.ts";
export * from "./layer_decay.ts";
export * from "./losses.ts";
