import { requireKind } from "../../tensor/parts.ts";
import { add, DTYPES, mul, sub, Tensor, type Tree, treeMap } from "../../tensor/core.ts";

/**
 * Moves an exponential moving average on by a step: `average · decay + current · (1 - decay)` for floating leaves.
 * Integers, such as the count of a batch norm, are taken as they are.
 *
 * @param average The average so far, a tree of tensors.
 * @param current What comes in, of the same form.
 * @param decay Share of the old average, in [0, 1]: a number, or a scalar tensor if it depends on the step.
 * @returns The new average.
 * @throws {TypeError} If a setting is no number of its range, or a tensor.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { ema } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const { w } = ema({ w: tensor(1) }, { w: tensor(3) }, 0.75);
 * equal(await w.item(), 1.5);
 * ```
 */
export function ema<T>(average: T, current: T, decay: number | Tensor): T {
  // average + (current - average) · (1 - decay): what has converged stays put.
  const fits = decay instanceof Tensor || (decay >= 0 && decay <= 1 && Number.isFinite(decay));
  requireKind("ema", "decay", decay, fits, "a tensor, or a number in [0, 1]");
  const share = typeof decay === "number" ? 1 - decay : sub(1, decay);
  const blend = (old: Tensor, now: Tensor) => DTYPES[now.dtype].floating ? add(old, mul(sub(now, old), share)) : now;
  return treeMap(blend, average as Tree, current as Tree) as T;
}
