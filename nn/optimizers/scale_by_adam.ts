import { requireOptions } from "../../tensor/parts.ts";
import { add, cast, div, exp, full, greater, mul, sqrt, square, type Tensor, where } from "../../tensor/core.ts";
import { requireWithin } from "./schedule.ts";
import { type GradientTransformation, leafwise } from "./transformation.ts";

/** Options of `scaleByAdam`. */
export interface AdamOptions {
  /** Decay of the first moment, the mean of the gradients; 0.9 if not given. */
  readonly b1?: number;
  /** Decay of the second moment, the mean of their squares; 0.999 if not given. */
  readonly b2?: number;
  /** Added to the root of the second moment; 1e-8 if not given. */
  readonly epsilon?: number;
  /** Whether the moments are corrected for their start at zero; true if not given. */
  readonly biasCorrected?: boolean;
}

/**
 * Divides the mean of the gradients by the root of the mean of their squares: Adam (Kingma and Ba 2015), as in PyTorch,
 * `first / (√second + epsilon)`.
 *
 * @param options Decays of the moments, and epsilon.
 * @returns The transformation. It keeps the moments `first` and `second`.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { chain, scaleByAdam } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const adam = chain(scaleByAdam());
 * const params = { w: tensor([0]) };
 * const [{ w }] = adam.update({ w: tensor([7]) }, adam.init(params), params);
 * equal((await w.item()).toFixed(4), "1.0000");
 * ```
 */
export function scaleByAdam(options: AdamOptions = {}): GradientTransformation {
  requireOptions("scaleByAdam", options, { b1: true, b2: true, epsilon: true, biasCorrected: true });
  const { b1 = 0.9, b2 = 0.999, epsilon = 1e-8, biasCorrected = true } = options;
  requireWithin("scaleByAdam", { b1, b2 }, { end: 1 });
  requireWithin("scaleByAdam", { epsilon });
  return leafwise(["first", "second"], ({ update, kept, step }) => {
    const first = add(mul(kept.first!, b1), mul(update, 1 - b1));
    const second = add(mul(kept.second!, b2), mul(square(update), 1 - b2));
    const after = add(step, 1);
    const root = biasCorrected ? div(sqrt(second), sqrt(biasCorrection(b2, after, update))) : sqrt(second);
    const mean = biasCorrected ? div(first, biasCorrection(b1, after, update)) : first;
    return { update: div(mean, add(root, epsilon)), kept: { first, second } };
  });
}

/** `1 - beta^step` without cancellation, as a scalar of `like`'s dtype: what corrects the bias of a moment. */
export function biasCorrection(beta: number, step: Tensor, like: Tensor): Tensor {
  const y = mul(cast(step, like.dtype), -Math.log(beta)); // beta^step = e^-y, y > 0
  // Below 0.1 the alternating series of 1 - e^-y, to a relative 1e-12.
  const series = [7, 6, 5, 4, 3, 2].reduce(
    (inner, n) => add(mul(mul(y, -1 / n), inner), 1),
    full([], 1, { dtype: like.dtype }),
  );
  return where(greater(y, 0.1), add(mul(exp(mul(y, -1)), -1), 1), mul(y, series));
}
