/** @file Compiled steps of pre-training: of a whole batch at once, or of several small ones. */
import { type Device, jit, slice, type Tensor } from "../../tensor/mod.ts";
import { leaf, leafSource, type Ring } from "../../tensor/kernel.ts";
import type { Model, Optimizer } from "../../nn/mod.ts";
import { addGradients, applySums, type GradientSums, zeroSums } from "../accumulate.ts";
import { skipOverflow } from "../loss_scale.ts";
import type { TrainState, TrainStepOutput } from "../train_state.ts";
import { trainStep, type TrainStepOptions } from "../train_step.ts";
import { smallBatches } from "./small_batches.ts";
import type { CompiledStep, StepResult } from "./training.ts";

/** A compiled step of pre-training; its batches are images `[B, H, W, 3]`. */
export type PretrainStep = CompiledStep<TrainState, Tensor>;

/** Ends a step: notes its metrics and moves averages on. */
export type Conclude = (before: TrainState, out: TrainStepOutput, metrics: Ring) => StepResult<TrainState>;

/** What a step is compiled of. */
export interface StepSettings {
  /** The model. */
  readonly model: Model;
  /** The optimizer. */
  readonly optimizer: Optimizer;
  /** Mask, loss, drop path. */
  readonly method: TrainStepOptions;
  /** Ends the step. */
  readonly conclude: Conclude;
  /** Where to compute. */
  readonly device: Device;
  /** Whether the memory of the state before may be used again. */
  readonly donate: boolean;
}

/**
 * Compiles a step of a whole batch.
 *
 * @param settings What it is made of.
 * @returns The step.
 */
export function wholeStep({ model, optimizer, method, conclude, device, donate }: StepSettings): PretrainStep {
  const inner = trainStep(model, optimizer, method);
  const step = (train: TrainState, metrics: Ring, images: Tensor) => conclude(train, inner(train, { images }), metrics);
  return jit(step, { donate: donate ? [0, 1] : [1], device });
}

/**
 * Takes one of the small batches of a batch.
 *
 * @param images `[B, H, W, 3]`.
 * @param part Which, from 0.
 * @param parts How many there are.
 * @returns `[B / parts, H, W, 3]`, rounded down; images on the host are not copied.
 */
export function partOf(images: Tensor, part: number, parts: number): Tensor {
  const [batch, ...rest] = images.shape as readonly [number, ...number[]];
  const shape = [Math.floor(batch / parts), ...rest];
  const source = leafSource(images);
  if (!source || !("host" in source)) {
    return slice(images, { start: [part * shape[0]!, ...rest.map(() => 0)], size: shape });
  }
  const size = shape.reduce((product, side) => product * side, 1);
  return leaf({ shape, dtype: images.dtype }, { host: source.host.subarray(part * size, (part + 1) * size) });
}

/** What a small batch needs of the state. */
type Small = Pick<TrainState, "params" | "state" | "key" | "lossScale">;

/**
 * Compiles a step of several small batches, in memory for one of them and the sums.
 *
 * @param settings What it is made of.
 * @param parts How many small batches.
 * @returns The step, for batches that divide by `parts`.
 */
export function accumulatedStep(settings: StepSettings, parts: number): PretrainStep {
  const { model, optimizer, method, conclude, device, donate } = settings;
  const { collective, statistics, bucketBytes } = method;
  const shared = {
    ...{ ...collective && { collective }, ...statistics && { statistics } },
    ...bucketBytes !== undefined && { bucketBytes },
  };
  const [more, apply] = [addGradients(model, method), applySums(optimizer, shared)];
  return smallBatches<TrainState, Tensor, Small, GradientSums>({
    ...{ device, donate, parts },
    smallOf: ({ params, state, key, lossScale }) => ({ ...{ params, state, key }, ...lossScale && { lossScale } }),
    zero: zeroSums,
    add: (small, sums, images) => more(small, sums, { images }),
    finish: (train, after, sums, metrics) =>
      conclude(train, skipOverflow(train, apply({ ...train, ...after }, sums)), metrics),
    partOf,
  });
}
