/** @file The moving average of the weights, which is often better than the last ones. */
import { requireOptions } from "../tensor/kernel.ts";
import { add, cast, div, full, less, type Tensor, type Tree, treeMap, where } from "../tensor/mod.ts";
import { ema } from "../nn/mod.ts";
import type { TrainState } from "./train_state.ts";

/** A state of which an average can be kept: of pre-training or of fine-tuning. */
export interface Averaged {
  /** Parameters. */
  readonly params: Tree;
  /** Running statistics. */
  readonly state: Tree;
  /** Has the step counter. */
  readonly optimizer: Pick<TrainState["optimizer"], "step">;
  /** The average of parameters and statistics. */
  readonly average?: { readonly params: Tree; readonly state: Tree };
}

/**
 * Starts an average at the weights of a state.
 *
 * @param train A state without average.
 * @returns The state with one, in memory of its own.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { init, pretrainOptimizer, startAverage } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * ok(startAverage(init(tinyResnet(), pretrainOptimizer({ learningRate: 1 }), random.key(0), { decoderWidth: 16 })).average);
 * ```
 */
export function startAverage<T extends Averaged>(train: T): T {
  const copy = (x: Tensor) => add(x, 0); // both are given away to the step, so they must not share memory
  return { ...train, average: treeMap(copy, { params: train.params, state: train.state }) };
}

/**
 * Moves the average on: by `decay`, and by less in the first steps, `(1 + step) / (10 + step)`, so that short runs do
 * not end with what they began with.
 *
 * @param before State before the step, with an average.
 * @param after State after the step.
 * @param options Share of the old average, in [0, 1].
 * @returns The state after the step, with the new average.
 * @throws {TypeError} If there is no average.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { averageWeights, init, pretrainOptimizer, startAverage } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const train = startAverage(init(tinyResnet(), pretrainOptimizer({ learningRate: 1 }), random.key(0), { decoderWidth: 16 }));
 * ok(averageWeights(train, train, { decay: 0.999 }).average);
 * ```
 */
export function averageWeights<T extends Averaged>(before: T, after: T, options: { readonly decay: number }): T {
  requireOptions("averageWeights", options, { decay: true });
  const { decay } = options;
  if (!before.average) {
    throw new TypeError("Cannot average weights as the state must have an average: current average is undefined");
  }
  const step = cast(before.optimizer.step, "float32");
  const early = div(add(step, 1), add(step, 10));
  const share = where(less(early, decay), early, full([], decay));
  return { ...after, average: ema(before.average, { params: after.params, state: after.state }, share) };
}
