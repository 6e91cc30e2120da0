import { add, mul, sub } from "../../tensor/mod.ts";
import { clipByGlobalNorm, initState, type Optimizer, type OptimizerOptions, updateEach } from "./optimizer.ts";
import { scheduled } from "./schedule.ts";

/** Options of `sgd`. */
export interface SgdOptions extends OptimizerOptions {
  /** Decay of the velocity; 0.9 if not given. */
  readonly momentum?: number;
  /** True: the step looks ahead along the velocity. Default true. */
  readonly nesterov?: boolean;
}

/**
 * Gradient descent with momentum, as in PyTorch: weight decay is added to the gradient, the velocity starts at 0.
 *
 * @param options Rates; weight decay is 0 if not given.
 * @returns The optimizer.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sgd } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = sgd({ learningRate: 0.5, momentum: 0 });
 * const params = { bias: tensor([1]) };
 * const { params: next } = optimizer.update({ bias: tensor([1]) }, optimizer.init(params), params);
 * deepStrictEqual((await next.bias.item()).toFixed(4), "0.5000");
 * ```
 */
export function sgd(options: SgdOptions): Optimizer {
  const { learningRate, weightDecay = 0, maxGradientNorm = 5, momentum = 0.9, nesterov = true } = options;
  return {
    init: (params) => initState(params, ["velocity"]),
    update(gradients, state, params) {
      const clipped = clipByGlobalNorm(gradients, { maxNorm: maxGradientNorm, epsilon: 1e-6 });
      const updated = updateEach(params, clipped.gradients, state.moments, ({ param, gradient, moments, decays }) => {
        const decayed = decays && weightDecay !== 0
          ? add(gradient, mul(param, scheduled(weightDecay, state.step, param.dtype)))
          : gradient;
        const velocity = add(mul(moments.velocity!, momentum), decayed);
        const direction = nesterov ? add(decayed, mul(velocity, momentum)) : velocity;
        const rate = scheduled(learningRate, state.step, param.dtype);
        return { param: sub(param, mul(direction, rate)), moments: { velocity } };
      });
      return {
        params: updated.params,
        state: { step: add(state.step, 1), moments: updated.moments },
        learningRate: scheduled(learningRate, state.step, "float32"),
        gradientNorm: clipped.norm,
      };
    },
  };
}
