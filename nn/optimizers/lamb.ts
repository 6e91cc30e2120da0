import { add, div, greater, logicalAnd, mul, sqrt, square, sub, sum, type Tensor, where } from "../../tensor/mod.ts";
import {
  biasCorrection,
  clipByGlobalNorm,
  initState,
  type Optimizer,
  type OptimizerOptions,
  updateEach,
} from "./optimizer.ts";
import { scheduled } from "./schedule.ts";

/** Options of `lamb`. */
export interface LambOptions extends OptimizerOptions {
  /** Decay of the first moment; 0.9 if not given. */
  readonly beta1?: number;
  /** Decay of the second moment; 0.95 if not given, as SparK has it for ResNets (0.999 for ConvNeXts). */
  readonly beta2?: number;
  /** Added to the root of the second moment; 1e-6 if not given. */
  readonly epsilon?: number;
  /** Whether the moments are corrected for their start at zero; true if not given, false in SparK's fine-tuning. */
  readonly biasCorrected?: boolean;
  /** Whether parameters without weight decay are scaled by the trust ratio too; false if not given, true in fine-tuning. */
  readonly alwaysAdapts?: boolean;
}

/** ‖param‖ / ‖update‖, 1 where one of them is zero. */
function trustRatio(param: Tensor, update: Tensor): Tensor {
  const [paramNorm, updateNorm] = [sqrt(sum(square(param))), sqrt(sum(square(update)))];
  const both = logicalAnd(greater(paramNorm, 0), greater(updateNorm, 0));
  // The divisor is 1 where there is no ratio, so that no infinity arises.
  return where(both, div(paramNorm, where(both, updateNorm, 1)), 1);
}

/**
 * LAMB as in timm 0.5.4: Adam whose update of each decayed parameter is scaled to that parameter's norm. Gradients are
 * first clipped by their common norm; parameters without decay get plain Adam; the ratio has no upper bound.
 *
 * @param options Rates; weight decay is 0.04 if not given.
 * @returns The optimizer.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { lamb } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = lamb({ learningRate: 0.1 });
 * const params = { bias: tensor([1]) };
 * const { params: next } = optimizer.update({ bias: tensor([2]) }, optimizer.init(params), params);
 * deepStrictEqual((await next.bias.item()).toFixed(4), "0.9000");
 * ```
 */
export function lamb(options: LambOptions): Optimizer {
  const { learningRate, weightDecay = 0.04, maxGradientNorm = 5, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-6 } = options;
  const { biasCorrected = true, alwaysAdapts = false } = options;
  return {
    init: (params) => initState(params, ["first", "second"]),
    update(gradients, state, params) {
      const clipped = clipByGlobalNorm(gradients, { maxNorm: maxGradientNorm });
      const step = add(state.step, 1);
      const updated = updateEach(params, clipped.gradients, state.moments, ({ param, gradient, moments, decays }) => {
        const first = add(mul(moments.first!, beta1), mul(gradient, 1 - beta1));
        const second = add(mul(moments.second!, beta2), mul(square(gradient), 1 - beta2));
        const root = biasCorrected ? div(sqrt(second), sqrt(biasCorrection(beta2, step, param))) : sqrt(second);
        const mean = biasCorrected ? div(first, biasCorrection(beta1, step, param)) : first;
        const adam = div(mean, add(root, epsilon));
        const rate = scheduled(learningRate, state.step, param.dtype);
        const hasDecay = decays && weightDecay !== 0;
        if (!hasDecay && !alwaysAdapts) return { param: sub(param, mul(adam, rate)), moments: { first, second } };
        const update = hasDecay ? add(adam, mul(param, scheduled(weightDecay, state.step, param.dtype))) : adam;
        const scaled = mul(update, mul(trustRatio(param, update), rate));
        return { param: sub(param, scaled), moments: { first, second } };
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
