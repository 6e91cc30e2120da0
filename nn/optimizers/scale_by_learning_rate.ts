import { mul, neg } from "../../tensor/core.ts";
import { requireRate, type Schedule, scheduled } from "./schedule.ts";
import { type GradientTransformation, leafwise } from "./transformation.ts";

/**
 * Multiplies the updates by minus the learning rate: down the gradient. The last link of most chains.
 *
 * @param learningRate Rate, or a schedule of the steps done.
 * @returns The transformation.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { chain, scaleByLearningRate } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const descent = chain(scaleByLearningRate(0.5));
 * const params = { w: tensor(1) };
 * equal(await descent.update({ w: tensor(3) }, descent.init(params), params)[0].w.item(), -1.5);
 * ```
 */
export function scaleByLearningRate(learningRate: number | Schedule): GradientTransformation {
  requireRate("scaleByLearningRate", "learningRate", learningRate);
  return leafwise([], ({ update, step }) => ({
    update: mul(update, neg(scheduled(learningRate, step, update.dtype))),
  }));
}
