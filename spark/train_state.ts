/** @file What pre-training carries from step to step, and what a step returns. */
import type { Tensor } from "../tensor/mod.ts";
import type { OptimizerState } from "../nn/mod.ts";
import type { SparkParams, SparkState } from "./forward.ts";

/** A factor of the loss that finds its size while training. */
export interface LossScale {
  /** The factor, float32 scalar: a power of two, so that it costs no bits. */
  readonly scale: Tensor;
  /** Steps with finite gradients since it last changed, int32 scalar. */
  readonly steps: Tensor;
}

/** Everything that a training run carries from step to step. */
export interface TrainState {
  /** Parameters. */
  readonly params: SparkParams;
  /** Running statistics. */
  readonly state: SparkState;
  /** Step counter and moments. */
  readonly optimizer: OptimizerState<SparkParams>;
  /** Random key of the next step, uint32 `[2]`. */
  readonly key: Tensor;
  /** Moving average of parameters and statistics, of `averageWeights`; absent if none is kept. */
  readonly average?: { readonly params: SparkParams; readonly state: SparkState };
  /** Factor of the loss, of `startLossScale`; absent where gradients are float32. */
  readonly lossScale?: LossScale;
}

/** What a training step returns. */
export interface TrainStepOutput {
  /** State after the step. */
  readonly train: TrainState;
  /** Loss before the step, scalar. */
  readonly loss: Tensor;
  /** Norm of the gradient before clipping, scalar. */
  readonly gradientNorm: Tensor;
}
