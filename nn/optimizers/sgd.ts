import { requireOptions } from "../../tensor/parts.ts";
import { addDecayedWeights } from "./add_decayed_weights.ts";
import { chain, type Optimizer } from "./chain.ts";
import { scaleByLearningRate } from "./scale_by_learning_rate.ts";
import { requireWithin, type Schedule } from "./schedule.ts";
import { trace } from "./trace.ts";
import type { ParameterMask } from "./transformation.ts";

/** Options of `sgd`. */
export interface SgdOptions {
  /** Rate, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Share of the velocity that the next step keeps; 0 if not given: no velocity. */
  readonly momentum?: number;
  /** True: the step looks ahead along the velocity. Default false. */
  readonly nesterov?: boolean;
  /** Decay of the parameters, or a schedule of it; it is added to the gradient. 0 if not given. */
  readonly weightDecay?: number | Schedule;
  /** Which parameters decay; all if not given. */
  readonly mask?: ParameterMask;
}

/**
 * Gradient descent, with PyTorch's formula and defaults: weight decay is added to the gradient, the velocity starts at 0.
 *
 * @param options Rate; momentum and weight decay, 0 if not given.
 * @returns The optimizer.
 * @throws {RangeError} If Nesterov's step is asked for without momentum.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { applyUpdates, sgd } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = sgd({ learningRate: 0.5 });
 * const params = { w: tensor(1) };
 * const [updates] = optimizer.update({ w: tensor(1) }, optimizer.init(params), params);
 * equal(await applyUpdates(params, updates).w.item(), 0.5);
 * ```
 */
export function sgd(options: SgdOptions): Optimizer {
  requireOptions("sgd", options, { learningRate: true, momentum: true, nesterov: true, weightDecay: true, mask: true });
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0, mask } = options;
  requireWithin("sgd", { momentum });
  if (nesterov && momentum === 0) {
    throw new RangeError("Cannot make sgd as nesterov needs a positive momentum: current momentum is 0");
  }
  return chain(
    ...weightDecay === 0 ? [] : [addDecayedWeights(weightDecay, { mask })],
    ...momentum === 0 ? [] : [trace({ decay: momentum, nesterov })],
    scaleByLearningRate(learningRate),
  );
}
