/** @file What optimizers keep, by name alone: the form in which it goes to files and comes from foreign ones. */
import type { Tensor, Tree } from "../../tensor/core.ts";
import type { OptimizerState } from "./chain.ts";

/** Steps and moments of an optimizer, whatever the chain that keeps them. */
export interface Moments<P extends Tree = Tree> {
  /** Steps done, int32 scalar. */
  readonly step: Tensor;
  /** Trees of the form of the parameters: `first` and `second` of Adam, `velocity` of momentum. */
  readonly moments: Readonly<Record<string, P>>;
}

/**
 * Takes the moments out of a state.
 *
 * @param state Of an optimizer.
 * @returns Steps and moments by name.
 * @throws {RangeError} If two links keep something under one name.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adamw, momentsOf } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const state = adamw({ learningRate: 0.1 }).init({ w: tensor([1]) });
 * deepStrictEqual(Object.keys(momentsOf(state).moments), ["first", "second"]);
 * ```
 */
export function momentsOf<P extends Tree>({ step, links }: OptimizerState<P>): Moments<P> {
  const named = links.flatMap((link) => Object.entries(link));
  const twice = named.find(([name], i) => named.findIndex(([other]) => other === name) !== i);
  if (twice) {
    throw new RangeError(
      `Cannot tell moments apart by name as each link must keep its own: current name ${twice[0]} is kept twice`,
    );
  }
  return { step, moments: Object.fromEntries(named) };
}

/**
 * Puts moments in the place of those of a state.
 *
 * @param state Of an optimizer's `init`.
 * @param moments What it is to go on from.
 * @returns The state with them.
 * @throws {RangeError} If a moment that the optimizer keeps is absent.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { adamw, momentsOf, withMoments } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const state = adamw({ learningRate: 0.1 }).init({ w: tensor([1]) });
 * const later = { ...momentsOf(state), step: tensor(7, { dtype: "int32" }) };
 * equal(await withMoments(state, later).step.item(), 7);
 * ```
 */
export function withMoments<P extends Tree>(
  { links }: OptimizerState<P>,
  { step, moments }: Moments<P>,
): OptimizerState<P> {
  const found = (name: string): P => {
    if (name in moments) return moments[name]!;
    const known = Object.keys(moments).join(", ") || "none";
    throw new RangeError(`Cannot go on as the moment ${name} must be there: current moments are ${known}`);
  };
  const filled = links.map((link) => Object.fromEntries(Object.keys(link).map((name) => [name, found(name)])));
  return { step, links: filled };
}
