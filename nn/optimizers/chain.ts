/** @file Optimizers: chains of transformations. */
import { requireKind } from "../../tensor/parts.ts";
import { add, DTYPES, Tensor, type Tree, treeFlatten, treeLeaves, treeUnflatten, zeros } from "../../tensor/core.ts";
import { paired } from "./paired.ts";
import { namesOf } from "./parameter_names.ts";
import type { GradientTransformation, LinkState } from "./transformation.ts";

/** What an optimizer keeps between steps, for parameters of form `P`. */
export interface OptimizerState<P extends Tree = Tree> {
  /** Steps done, int32 scalar. */
  readonly step: Tensor;
  /** What each link keeps, in the order of the chain. */
  readonly links: readonly LinkState<P>[];
}

/** A rule that turns gradients into updates, to be added to the parameters. Pure: its state goes in and comes out. */
export interface Optimizer {
  /** The transformations, from the gradients on. */
  readonly links: readonly GradientTransformation[];
  /** First state for given parameters. */
  init<P extends Tree>(params: P): OptimizerState<P>;
  /** One step. */
  update<P extends Tree>(
    gradients: NoInfer<P>,
    state: NoInfer<OptimizerState<P>>,
    params: P,
  ): readonly [updates: P, state: OptimizerState<P>];
}

/**
 * Strings transformations together, as optax's `chain`: the first is given the gradients, each other what the one before
 * returned; what the last returns is added to the parameters. The chain counts the steps.
 *
 * @param links Transformations, or optimizers, whose links are taken over: `chain(clipByGlobalNorm(1), adamw(…))`.
 * @returns The optimizer. Its `update` pairs gradients, state and parameters by key, and throws a `TypeError` that names
 * the leaf if one is absent, too many, or of another shape or dtype.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { addDecayedWeights, applyUpdates, chain, clipByGlobalNorm, scaleByAdam, scaleByLearningRate } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = chain(clipByGlobalNorm(5), scaleByAdam({ b2: 0.95 }), addDecayedWeights(0.5), scaleByLearningRate(0.1));
 * const params = { w: tensor([1]) };
 * const [updates, state] = optimizer.update({ w: tensor([2]) }, optimizer.init(params), params);
 * deepStrictEqual((await applyUpdates(params, updates).w.item()).toFixed(4), "0.8500");
 * deepStrictEqual(await state.step.item(), 1);
 * ```
 */
export function chain(...links: readonly (GradientTransformation | Optimizer)[]): Optimizer {
  links.forEach((link, i) =>
    requireKind("chain", `link ${i}`, link, typeof link?.init === "function", "a transformation")
  );
  const all = links.flatMap((link) => "links" in link ? link.links : [link]);
  return {
    links: all,
    init(params) {
      requireFloats(params);
      return { step: zeros([], { dtype: "int32" }), links: all.map((link) => link.init(params)) };
    },
    update(gradients, state, params) {
      requireLinks(state, all.length);
      const ordered = treeUnflatten(treeFlatten(params).structure, paired(gradients, params, "gradient"));
      const after: LinkState<typeof params>[] = [];
      const updates = all.reduce((current, link, i) => {
        const [next, kept] = link.update(current, state.links[i]!, params, state.step);
        after.push(kept);
        return next;
      }, ordered as typeof params);
      return [updates, { step: add(state.step, 1), links: after }];
    },
  };
}

function requireFloats(params: Tree): void {
  const [leaves, names] = [treeLeaves(params), namesOf(params)];
  const bad = leaves.findIndex((x) => !(x instanceof Tensor && DTYPES[x.dtype].floating));
  if (bad < 0) return;
  const x = leaves[bad];
  throw new TypeError(
    "Cannot make the state of an optimizer as every parameter must be a floating tensor: current parameter " +
      `${names[bad]} is ${x instanceof Tensor ? x.dtype : String(x)}`,
  );
}

function requireLinks({ links }: OptimizerState, count: number): void {
  if (links?.length === count) return;
  throw new TypeError(
    `Cannot update as the state must be of this optimizer, of ${count} links: current number is ${links?.length}`,
  );
}

/**
 * Adds updates to parameters.
 *
 * @param params Parameters before the step.
 * @param updates Of an optimizer, of the form of the parameters.
 * @returns Parameters after the step.
 * @throws {TypeError} If an update is absent, too many, or of another shape or dtype, with its name.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { applyUpdates, sgd } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = sgd({ learningRate: 0.1 });
 * const params = { w: tensor([10]) };
 * const [updates] = optimizer.update({ w: tensor([30]) }, optimizer.init(params), params);
 * deepStrictEqual(await applyUpdates(params, updates).w.data(), new Float32Array([7]));
 * ```
 */
export function applyUpdates<P extends Tree>(params: P, updates: NoInfer<P>): P {
  const { leaves, structure } = treeFlatten<Tree>(params);
  const moves = paired(updates, params, "update");
  return treeUnflatten(structure, leaves.map((param, i) => add(param, moves[i]!))) as P;
}
