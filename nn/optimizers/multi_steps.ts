import {
  add,
  cast,
  div,
  equal,
  floorDivide,
  remainder,
  sub,
  type Tensor,
  type Tree,
  treeMap,
  where,
  zerosLike,
} from "../../tensor/core.ts";
import { chain, type Optimizer } from "./chain.ts";
import { prefixed, stateUnder } from "./nested_state.ts";
import type { LinkState } from "./transformation.ts";

/**
 * Takes one step of an optimizer for every `every` gradients, by their mean, as optax's `MultiSteps`: large batches in
 * small memory. In between, updates are zero and the optimizer's state stands still.
 *
 * @param optimizer What takes the steps; its schedules count its own steps.
 * @param every Gradients that make a step, at least 1.
 * @returns The optimizer. It keeps the mean so far as `accumulated`, and what each link keeps as `number.name`.
 * @throws {RangeError} If `every` is no whole number from 1.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { multiSteps, sgd } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = multiSteps(sgd({ learningRate: 1 }), 2);
 * const params = { w: tensor(0) };
 * const [first, state] = optimizer.update({ w: tensor(1) }, optimizer.init(params), params);
 * const [second] = optimizer.update({ w: tensor(3) }, state, params);
 * equal(await first.w.item() + 0, 0);
 * equal(await second.w.item(), -2); // the mean of 1 and 3
 * ```
 */
export function multiSteps({ links }: Optimizer, every: number): Optimizer {
  if (!(Number.isInteger(every) && every >= 1)) {
    throw new RangeError(`Cannot make multiSteps as every must be a whole number from 1: current every is ${every}`);
  }
  return chain({
    init<P extends Tree>(params: P): LinkState<P> {
      const inner = links.flatMap((link, i) => prefixed(i, link.init(params)));
      return { accumulated: treeMap(zerosLike, params as Tree) as P, ...Object.fromEntries(inner) };
    },
    update(updates, state, params, step) {
      type P = typeof updates;
      const [part, whole] = [remainder(step, every), floorDivide(step, every)];
      const last = equal(part, every - 1);
      const choose = (now: Tree, old: Tree) => treeMap((a: Tensor, b: Tensor) => where(last, a, b), now, old) as P;
      const mean = (old: Tensor, update: Tensor) => add(old, div(sub(update, old), cast(add(part, 1), update.dtype)));
      const accumulated = treeMap(mean, state.accumulated as Tree, updates as Tree) as P;
      const kept: [string, P][] = [];
      const moved = links.reduce((current, link, i) => {
        const [next, own] = link.update(current, stateUnder(i, state), params, whole);
        kept.push(...prefixed(i, own).map(([name, tree]): [string, P] => [name, choose(tree, state[name]!)]));
        return next;
      }, accumulated);
      const nothing = treeMap(zerosLike, moved as Tree);
      return [choose(moved, nothing), { accumulated: choose(nothing, accumulated), ...Object.fromEntries(kept) }];
    },
  });
}
