import { requireOptions } from "../../tensor/parts.ts";
import { addDecayedWeights } from "./add_decayed_weights.ts";
import { chain, type Optimizer } from "./chain.ts";
import { clipByGlobalNorm } from "./clip_by_global_norm.ts";
import { type AdamOptions, scaleByAdam } from "./scale_by_adam.ts";
import { scaleByLearningRate } from "./scale_by_learning_rate.ts";
import { scaleByTrustRatio } from "./scale_by_trust_ratio.ts";
import type { Schedule } from "./schedule.ts";
import type { ParameterMask } from "./transformation.ts";

/** Options of `lamb`; its `epsilon` is 1e-6 if not given. */
export interface LambOptions extends AdamOptions {
  /** Rate, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Decay of the parameters, or a schedule of it; 0.01 if not given. */
  readonly weightDecay?: number | Schedule;
  /** Which parameters decay, and so are scaled by the trust ratio; all if not given. */
  readonly mask?: ParameterMask;
  /** Largest norm of all gradients together; larger ones are scaled down to it. 1 if not given; `null` for no bound. */
  readonly maxGradientNorm?: number | null;
  /** Whether parameters without weight decay are scaled by the trust ratio too; false if not given. */
  readonly alwaysAdapts?: boolean;
}

/**
 * LAMB, with the formula and defaults of timm 0.5.4: Adam whose update of each parameter that decays is scaled to that
 * parameter's norm. Gradients are first clipped by their common norm; parameters without decay get plain Adam.
 *
 * @param options Rate; weight decay, 0.01 if not given; moments.
 * @returns The optimizer.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { applyUpdates, lamb } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = lamb({ learningRate: 0.1 });
 * const params = { w: tensor([3, 4]) };
 * const [updates] = optimizer.update({ w: tensor([2, 2]) }, optimizer.init(params), params);
 * equal((await applyUpdates(params, updates).w.data())[0]!.toFixed(2), "2.65"); // the step is 0.1 · ‖w‖ = 0.5 long
 * ```
 */
export function lamb(options: LambOptions): Optimizer {
  requireOptions("lamb", options, {
    learningRate: true,
    weightDecay: true,
    mask: true,
    maxGradientNorm: true,
    alwaysAdapts: true,
    b1: true,
    b2: true,
    epsilon: true,
    biasCorrected: true,
  });
  const { learningRate, weightDecay = 0.01, mask, maxGradientNorm = 1, alwaysAdapts = false, ...moments } = options;
  const isDecaying = weightDecay !== 0;
  return chain(
    ...maxGradientNorm === null ? [] : [clipByGlobalNorm(maxGradientNorm)],
    scaleByAdam({ epsilon: 1e-6, ...moments }),
    ...isDecaying ? [addDecayedWeights(weightDecay, { mask })] : [],
    ...isDecaying || alwaysAdapts ? [scaleByTrustRatio(alwaysAdapts ? {} : { mask })] : [],
    scaleByLearningRate(learningRate),
  );
}
