import { requireFunction, requireOptions } from "../../tensor/parts.ts";
import { div, greater, logicalAnd, mul, sqrt, square, sum, type Tensor, where } from "../../tensor/core.ts";
import { type GradientTransformation, leafwise, type ParameterMask } from "./transformation.ts";

/**
 * Scales the update of each parameter to the norm of that parameter, `‖parameter‖ / ‖update‖`, as LAMB does (You et al.
 * 2020). The ratio is 1 where one of the norms is 0, and has no upper bound.
 *
 * @param options `mask`: to which parameters the ratio applies, all if not given. In timm's LAMB it is those that decay.
 * @returns The transformation.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { chain, scaleByTrustRatio } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const trust = chain(scaleByTrustRatio());
 * const params = { w: tensor([6, 8]) };
 * const [{ w }] = trust.update({ w: tensor([0, 5]) }, trust.init(params), params);
 * deepStrictEqual(await w.data(), new Float32Array([0, 10]));
 * ```
 */
export function scaleByTrustRatio(
  options: { readonly mask?: ParameterMask | undefined } = {},
): GradientTransformation {
  requireOptions("scaleByTrustRatio", options, { mask: true });
  const { mask = () => true } = options;
  requireFunction("scaleByTrustRatio", "mask", mask);
  return leafwise([], ({ update, param, name }) => ({
    update: mask(name, param) ? mul(update, trustRatio(param, update)) : update,
  }));
}

/** ‖param‖ / ‖update‖, 1 where one of them is zero. */
function trustRatio(param: Tensor, update: Tensor): Tensor {
  const [paramNorm, updateNorm] = [sqrt(sum(square(param))), sqrt(sum(square(update)))];
  const both = logicalAnd(greater(paramNorm, 0), greater(updateNorm, 0));
  // The divisor is 1 where there is no ratio, so that no infinity arises.
  return where(both, div(paramNorm, where(both, updateNorm, 1)), 1);
}
