import { requireOptions } from "../../tensor/parts.ts";
import { add, mul, sign } from "../../tensor/core.ts";
import { addDecayedWeights } from "./add_decayed_weights.ts";
import { chain, type Optimizer } from "./chain.ts";
import { scaleByLearningRate } from "./scale_by_learning_rate.ts";
import { requireWithin, type Schedule } from "./schedule.ts";
import { type GradientTransformation, leafwise, type ParameterMask } from "./transformation.ts";

/** Options of `scaleByLion`. */
export interface LionMomentOptions {
  /** Share of the moment in the step; 0.9 if not given. */
  readonly b1?: number;
  /** Share of the moment that the next step keeps; 0.99 if not given. */
  readonly b2?: number;
}

/**
 * The sign of a mean of moment and gradient (Chen et al. 2023): every number moves by the same amount.
 *
 * @param options Both shares.
 * @returns The transformation. It keeps the moment `first`.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { chain, scaleByLion } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rule = chain(scaleByLion());
 * const params = { w: tensor(0) };
 * equal(await rule.update({ w: tensor(-7) }, rule.init(params), params)[0].w.item(), -1);
 * ```
 */
export function scaleByLion(options: LionMomentOptions = {}): GradientTransformation {
  requireOptions("scaleByLion", options, { b1: true, b2: true });
  const { b1 = 0.9, b2 = 0.99 } = options;
  requireWithin("scaleByLion", { b1, b2 }, { end: 1 });
  return leafwise(["first"], ({ update, kept }) => ({
    update: sign(add(mul(kept.first!, b1), mul(update, 1 - b1))),
    kept: { first: add(mul(kept.first!, b2), mul(update, 1 - b2)) },
  }));
}

/** Options of `lion`. */
export interface LionOptions extends LionMomentOptions {
  /** Rate, or a schedule of it: a third to a tenth of Adam's. */
  readonly learningRate: number | Schedule;
  /** Decay of the parameters, or a schedule of it; 0 if not given. */
  readonly weightDecay?: number | Schedule;
  /** Which parameters decay; all if not given. */
  readonly mask?: ParameterMask;
}

/**
 * Lion (Chen et al. 2023): signs of moments, with decoupled weight decay. One moment where Adam keeps two.
 *
 * @param options Rate, moments, weight decay.
 * @returns The optimizer.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { applyUpdates, lion } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = lion({ learningRate: 0.5 });
 * const params = { w: tensor(1) };
 * const [updates] = optimizer.update({ w: tensor(3) }, optimizer.init(params), params);
 * equal(await applyUpdates(params, updates).w.item(), 0.5);
 * ```
 */
export function lion(options: LionOptions): Optimizer {
  requireOptions("lion", options, { learningRate: true, weightDecay: true, mask: true, b1: true, b2: true });
  const { learningRate, weightDecay = 0, mask, ...moments } = options;
  return chain(
    scaleByLion(moments),
    ...weightDecay === 0 ? [] : [addDecayedWeights(weightDecay, { mask })],
    scaleByLearningRate(learningRate),
  );
}
