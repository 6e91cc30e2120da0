import { requireOptions } from "../../tensor/parts.ts";
import { add, div, maximum, mul, sqrt, square, sub } from "../../tensor/core.ts";
import { addDecayedWeights } from "./add_decayed_weights.ts";
import { chain, type Optimizer } from "./chain.ts";
import { scaleByLearningRate } from "./scale_by_learning_rate.ts";
import { requireWithin, type Schedule } from "./schedule.ts";
import { trace } from "./trace.ts";
import { type GradientTransformation, leafwise, type ParameterMask } from "./transformation.ts";

/** Options of `scaleByRms`. */
export interface RmsOptions {
  /** Share of the mean square that the next step keeps; 0.99 if not given, as in PyTorch. */
  readonly decay?: number;
  /** Added to the root; 1e-8 if not given. */
  readonly epsilon?: number;
  /** True: the mean of the gradients is taken off, so that their variance is left. Default false. */
  readonly centred?: boolean;
}

/**
 * Divides gradients by the root of the mean of their squares (Tieleman and Hinton 2012), as PyTorch's `RMSprop`.
 *
 * @param options Decay, epsilon, centring.
 * @returns The transformation. It keeps the moment `second`, and `first` if centred.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { chain, scaleByRms } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rule = chain(scaleByRms({ decay: 0.75 }));
 * const params = { w: tensor(0) };
 * equal((await rule.update({ w: tensor(3) }, rule.init(params), params)[0].w.item()).toFixed(4), "2.0000");
 * ```
 */
export function scaleByRms(
  options: RmsOptions = {},
): GradientTransformation {
  requireOptions("scaleByRms", options, { decay: true, epsilon: true, centred: true });
  const { decay = 0.99, epsilon = 1e-8, centred = false } = options;
  requireWithin("scaleByRms", { decay, epsilon });
  return leafwise(centred ? ["second", "first"] : ["second"], ({ update, kept }) => {
    const second = add(mul(kept.second!, decay), mul(square(update), 1 - decay));
    if (!centred) return { update: div(update, add(sqrt(second), epsilon)), kept: { second } };
    const first = add(mul(kept.first!, decay), mul(update, 1 - decay));
    const variance = maximum(sub(second, square(first)), 0); // rounding may take it below
    return { update: div(update, add(sqrt(variance), epsilon)), kept: { second, first } };
  });
}

/** Options of `rmsprop`. */
export interface RmspropOptions extends RmsOptions {
  /** Rate, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Share of the velocity that the next step keeps; 0 if not given: no velocity. */
  readonly momentum?: number;
  /** Decay of the parameters, or a schedule of it; it is added to the gradient. 0 if not given. */
  readonly weightDecay?: number | Schedule;
  /** Which parameters decay; all if not given. */
  readonly mask?: ParameterMask;
}

/**
 * RMSprop, with PyTorch's formula and defaults.
 *
 * @param options Rate; decay of the mean square, momentum, weight decay.
 * @returns The optimizer.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { applyUpdates, rmsprop } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = rmsprop({ learningRate: 0.1 });
 * const params = { w: tensor(1) };
 * const [updates] = optimizer.update({ w: tensor(5) }, optimizer.init(params), params);
 * equal((await applyUpdates(params, updates).w.item()).toFixed(4), "0.0000");
 * ```
 */
export function rmsprop(options: RmspropOptions): Optimizer {
  requireOptions("rmsprop", options, {
    learningRate: true,
    momentum: true,
    weightDecay: true,
    mask: true,
    decay: true,
    epsilon: true,
    centred: true,
  });
  const { learningRate, momentum = 0, weightDecay = 0, mask, ...squares } = options;
  requireWithin("rmsprop", { momentum });
  return chain(
    ...weightDecay === 0 ? [] : [addDecayedWeights(weightDecay, { mask })],
    scaleByRms(squares),
    ...momentum === 0 ? [] : [trace({ decay: momentum })],
    scaleByLearningRate(learningRate),
  );
}
