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

/** Everything that training carries from step to step, whatever is trained: `Params` and the running statistics `State`. */
export interface TrainingState<Params extends object, State> {
  /** Parameters. */
  readonly params: Params;
  /** Running statistics. */
  readonly state: State;
  /** Step counter and moments. */
  readonly optimizer: OptimizerState<Params>;
  /** Random key of the next step, uint32 `[2]`. */
  readonly key: Tensor;
  /** Moving average of parameters and statistics, of `averageWeights`; absent if none is kept. */
  readonly average?: { readonly params: Params; readonly state: State };
  /** Factor of the loss, of `startLossScale`; absent where gradients are float32. */
  readonly lossScale?: LossScale;
}

/** Everything that a run of pre-training carries from step to step. */
export type TrainState = TrainingState<SparkParams, SparkState>;

/** What a training step returns. */
export interface TrainStepOutput {
  /** State after the step. */
  readonly train: TrainState;
  /** Loss before the step, scalar. */
  readonly loss: Tensor;
  /** Norm of the gradient before clipping, scalar. */
  readonly gradientNorm: Tensor;
}
