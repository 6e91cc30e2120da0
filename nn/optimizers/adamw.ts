import { requireOptions } from "../../tensor/parts.ts";
import { addDecayedWeights } from "./add_decayed_weights.ts";
import { chain, type Optimizer } from "./chain.ts";
import { type AdamOptions, scaleByAdam } from "./scale_by_adam.ts";
import { scaleByLearningRate } from "./scale_by_learning_rate.ts";
import type { Schedule } from "./schedule.ts";
import type { ParameterMask } from "./transformation.ts";

/** Options of `adamw`. */
export interface AdamWOptions extends AdamOptions {
  /** Rate, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Decay of the parameters, or a schedule of it; 0.01 if not given. */
  readonly weightDecay?: number | Schedule;
  /** Which parameters decay; all if not given, as in PyTorch. */
  readonly mask?: ParameterMask;
}

/**
 * Adam with decoupled weight decay, with PyTorch's formula and defaults: `param · (1 - rate · decay) - rate · update`.
 * Weight decay 0 makes it Adam.
 *
 * @param options Rate; weight decay, 0.01 if not given; moments.
 * @returns The optimizer.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { adamw, applyUpdates } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = adamw({ learningRate: 0.1 });
 * const params = { w: tensor(1) };
 * const [updates] = optimizer.update({ w: tensor(2) }, optimizer.init(params), params);
 * equal((await applyUpdates(params, updates).w.item()).toFixed(4), "0.8990");
 * ```
 */
export function adamw(options: AdamWOptions): Optimizer {
  requireOptions("adamw", options, {
    learningRate: true,
    weightDecay: true,
    mask: true,
    b1: true,
    b2: true,
    epsilon: true,
    biasCorrected: true,
  });
  const { learningRate, weightDecay = 0.01, mask, ...moments } = options;
  return chain(
    scaleByAdam(moments),
    ...weightDecay === 0 ? [] : [addDecayedWeights(weightDecay, { mask })],
    scaleByLearningRate(learningRate),
  );
}

/** Options of `adam`. */
export interface AdamRuleOptions extends AdamOptions {
  /** Rate, or a schedule of it. */
  readonly learningRate: number | Schedule;
}

/**
 * Adam (Kingma and Ba 2015), with PyTorch's formula and defaults: `adamw` without weight decay.
 *
 * @param options Rate; moments.
 * @returns The optimizer.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { adam, applyUpdates } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = adam({ learningRate: 0.1 });
 * const params = { w: tensor(1) };
 * const [updates] = optimizer.update({ w: tensor(2) }, optimizer.init(params), params);
 * equal((await applyUpdates(params, updates).w.item()).toFixed(4), "0.9000");
 * ```
 */
export function adam(options: AdamRuleOptions): Optimizer {
  requireOptions("adam", options, { learningRate: true, b1: true, b2: true, epsilon: true, biasCorrected: true });
  return adamw({ ...options, weightDecay: 0 });
}
