import { requireFunction, requireOptions } from "../../tensor/parts.ts";
import { add, mul } from "../../tensor/core.ts";
import { requireRate, type Schedule, scheduled } from "./schedule.ts";
import { type GradientTransformation, leafwise, type ParameterMask } from "./transformation.ts";

/**
 * Adds `rate · parameter` to the updates. Behind `scaleByAdam` it is the decoupled weight decay of AdamW (Loshchilov and
 * Hutter 2019); before the momentum, L2 regularisation as PyTorch's SGD has it.
 *
 * @param rate Weight decay, or a schedule of it.
 * @param options `mask`: which parameters decay, such as `notNormOrBias`; all if not given.
 * @returns The transformation.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { addDecayedWeights, chain, notNormOrBias } from "@tessera/tessera/nn";
 * import { tensor, zeros } from "@tessera/tessera/tensor";
 *
 * const decay = chain(addDecayedWeights(0.5, { mask: notNormOrBias }));
 * const params = { weight: tensor([[4]]), bias: tensor([4]) };
 * const [updates] = decay.update({ weight: zeros([1, 1]), bias: zeros([1]) }, decay.init(params), params);
 * deepStrictEqual([await updates.weight.item(), await updates.bias.item()], [2, 0]);
 * ```
 */
export function addDecayedWeights(
  rate: number | Schedule,
  options: { readonly mask?: ParameterMask | undefined } = {},
): GradientTransformation {
  requireOptions("addDecayedWeights", options, { mask: true });
  const { mask = () => true } = options;
  requireRate("addDecayedWeights", "weightDecay", rate);
  requireFunction("addDecayedWeights", "mask", mask);
  return leafwise([], ({ update, param, name, step }) => ({
    update: mask(name, param) ? add(update, mul(param, scheduled(rate, step, param.dtype))) : update,
  }));
}
