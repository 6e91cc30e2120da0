/** @file Compiled steps of pre-training: of a whole batch at once, or of several small ones. */
import { type Device, type ExecutableStats, jit, slice, type Tensor } from "../../tensor/mod.ts";
import { leaf, leafSource, type Ring } from "../../tensor/kernel.ts";
import type { Model, Optimizer } from "../../nn/mod.ts";
import { addGradients, applySums, type GradientSums, zeroSums } from "../accumulate.ts";
import { skipOverflow } from "../loss_scale.ts";
import type { TrainState, TrainStepOutput } from "../train_state.ts";
import { trainStep, type TrainStepOptions } from "../train_step.ts";
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
  const [more, apply] = [addGradients(model, method), applySums(optimizer)];
  const zero = jit((params: TrainState["params"]) => zeroSums(params), { device });
  const next = jit(
    (small: Small, sums: GradientSums, images: Tensor) => more(small, sums, { images }),
    { donate: [1], device },
  );
  const finish = jit(
    (train: TrainState, after: Pick<TrainState, "state" | "key">, sums: GradientSums, metrics: Ring) =>
      conclude(train, skipOverflow(train, apply({ ...train, ...after }, sums)), metrics),
    { donate: donate ? [0, 1, 2, 3] : [1, 2, 3], device },
  );
  const step = (train: TrainState, metrics: Ring, images: Tensor): StepResult<TrainState> => {
    let small = smallOf(train);
    let sums: GradientSums = zero(train.params);
    for (let part = 0; part < parts; part++) {
      const out = next(small, sums, partOf(images, part, parts));
      small = { ...small, state: out.state, key: out.key };
      sums = out.sums;
    }
    return finish(train, { state: small.state, key: small.key }, sums, metrics);
  };
  const stats = (train: TrainState, metrics: Ring, images: Tensor) => {
    const { params, state, key } = train;
    const plan = next.stats(smallOf(train), zeroSums(params), partOf(images, 0, parts));
    return together(plan, finish.stats(train, { state, key }, zeroSums(params), metrics), parts);
  };
  const prepare = async (train: TrainState, metrics: Ring, images: Tensor) => {
    const { params, state, key } = train;
    const plans = await Promise.all([
      next.prepare(smallOf(train), zeroSums(params), partOf(images, 0, parts)),
      finish.prepare(train, { state, key }, zeroSums(params), metrics),
    ]);
    return together(plans[0], plans[1], parts);
  };
  return Object.assign(step, { stats, prepare });
}

const smallOf = ({ params, state, key, lossScale }: TrainState): Small => ({
  ...{ params, state, key },
  ...lossScale && { lossScale },
});

/** The costs of a step of small batches and its end. */
function together(small: ExecutableStats, end: ExecutableStats, parts: number): ExecutableStats {
  return {
    ...small,
    plannedBytes: Math.max(small.plannedBytes, end.plannedBytes),
    launches: parts * small.launches + end.launches,
  };
}
