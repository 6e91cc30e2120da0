import { clip as clipValues } from "../../tensor/core.ts";
import { type GradientTransformation, leafwise } from "./transformation.ts";

/**
 * Clips every number of the updates to `[-bound, bound]`, as optax's `clip` and PyTorch's `clip_grad_value_`.
 *
 * @param bound The largest size, positive.
 * @returns The transformation.
 * @throws {RangeError} If the bound is not positive.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { chain, clipByValue } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rule = chain(clipByValue(2));
 * const params = { w: tensor([0, 0]) };
 * const [{ w }] = rule.update({ w: tensor([-7, 1]) }, rule.init(params), params);
 * deepStrictEqual(await w.data(), new Float32Array([-2, 1]));
 * ```
 */
export function clipByValue(bound: number): GradientTransformation {
  if (!(typeof bound === "number" && bound > 0)) {
    throw new RangeError(`Cannot clip by value as the bound must be positive: current bound is ${bound}`);
  }
  return leafwise([], ({ update }) => ({ update: clipValues(update, -bound, bound) }));
}
