import { add, div, mul, sqrt, square, sub } from "../../tensor/mod.ts";
import {
  biasCorrection,
  clipByGlobalNorm,
  initState,
  type Optimizer,
  type OptimizerOptions,
  updateEach,
} from "./optimizer.ts";
import { scheduled } from "./schedule.ts";

/** Options of `adamw`. */
export interface AdamWOptions extends OptimizerOptions {
  /** Decay of the first moment; 0.9 if not given. */
  readonly beta1?: number;
  /** Decay of the second moment; 0.999 if not given. */
  readonly beta2?: number;
  /** Added to the root of the second moment; 1e-8 if not given. */
  readonly epsilon?: number;
}

/**
 * Adam with decoupled weight decay, as in PyTorch: `param · (1 - rate · decay) - rate · update`.
 *
 * @param options Rates; weight decay is 0.01 if not given.
 * @returns The optimizer.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adamw } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = adamw({ learningRate: 0.1 });
 * const params = { bias: tensor([1]) };
 * const { params: next } = optimizer.update({ bias: tensor([2]) }, optimizer.init(params), params);
 * deepStrictEqual((await next.bias.item()).toFixed(4), "0.9000");
 * ```
 */
export function adamw(options: AdamWOptions): Optimizer {
  const { learningRate, weightDecay = 0.01, maxGradientNorm = 5, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  return {
    init: (params) => initState(params, ["first", "second"]),
    update(gradients, state, params) {
      const clipped = clipByGlobalNorm(gradients, { maxNorm: maxGradientNorm, epsilon: 1e-6 });
      const step = add(state.step, 1);
      const updated = updateEach(params, clipped.gradients, state.moments, ({ param, gradient, moments, decays }) => {
        const first = add(mul(moments.first!, beta1), mul(gradient, 1 - beta1));
        const second = add(mul(moments.second!, beta2), mul(square(gradient), 1 - beta2));
        const root = div(sqrt(second), sqrt(biasCorrection(beta2, step, param)));
        const adam = div(div(first, biasCorrection(beta1, step, param)), add(root, epsilon));
        const rate = scheduled(learningRate, state.step, param.dtype);
        const decay = mul(param, scheduled(decays ? weightDecay : 0, state.step, param.dtype));
        return { param: sub(param, mul(decays ? add(adam, decay) : adam, rate)), moments: { first, second } };
      });
      return {
        params: updated.params,
        state: { step, moments: updated.moments },
        learningRate: scheduled(learningRate, state.step, "float32"),
        gradientNorm: clipped.norm,
      };
    },
  };
}
