/** @file Transformations of gradients: pairs of pure functions, which `chain` strings together to an optimizer. */
import { type Tensor, type Tree, treeFlatten, treeMap, treeUnflatten, zerosLike } from "../../tensor/core.ts";
import { namesOf } from "./parameter_names.ts";
import { paired } from "./paired.ts";

/** What one transformation keeps between steps: trees of the form of the parameters, by name; `{}` if it keeps none. */
export type LinkState<P> = Readonly<Record<string, P>>;

/**
 * A link of an optimizer, in the form of optax: from gradients, or what the link before made of them, to updates. Pure:
 * what it keeps goes in and comes out. The chain counts the steps and tells each link how many are done.
 */
export interface GradientTransformation {
  /** First state for given parameters. */
  init<P extends Tree>(params: P): LinkState<P>;
  /**
   * One step.
   *
   * @param updates Gradients, or what the link before returned; of the form of the parameters.
   * @param state What the step before kept.
   * @param params Parameters before the step.
   * @param step Steps done, int32 scalar.
   * @returns Updates for the next link, and what to keep.
   */
  update<P extends Tree>(
    updates: P,
    state: NoInfer<LinkState<P>>,
    params: NoInfer<P>,
    step: Tensor,
  ): readonly [updates: P, state: LinkState<P>];
}

/** Chooses parameters by name, such as `encoder.conv1.weight`, and value. */
export type ParameterMask = (name: string, param: Tensor) => boolean;

/** One parameter in one step, as a rule of `leafwise` sees it. */
export interface LeafStep {
  /** Its gradient, or what the link before made of it. */
  readonly update: Tensor;
  /** Its value before the step. */
  readonly param: Tensor;
  /** Its way from the root of the parameters, such as `encoder.conv1.weight`. */
  readonly name: string;
  /** What is kept of it, by name. */
  readonly kept: Readonly<Record<string, Tensor>>;
  /** Steps done, int32 scalar. */
  readonly step: Tensor;
}

/** What a rule makes of one parameter. */
export interface LeafUpdate {
  /** For the next link. */
  readonly update: Tensor;
  /** To keep, under the same names; may be left out by rules that keep nothing. */
  readonly kept?: Readonly<Record<string, Tensor>>;
}

/**
 * Makes a transformation that treats each parameter by itself.
 *
 * @param keeps Names of what it keeps of each parameter, which starts at zero.
 * @param rule Makes the update of one parameter.
 * @returns The transformation. Gradients and what is kept are paired with the parameters by key.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { applyUpdates, chain, leafwise, scaleByLearningRate } from "@tessera/tessera/nn";
 * import { sign, tensor } from "@tessera/tessera/tensor";
 *
 * const signs = leafwise([], ({ update }) => ({ update: sign(update) }));
 * const optimizer = chain(signs, scaleByLearningRate(0.5));
 * const params = { w: tensor([1, 1]) };
 * const [updates] = optimizer.update({ w: tensor([9, -7]) }, optimizer.init(params), params);
 * deepStrictEqual(await applyUpdates(params, updates).w.data(), new Float32Array([0.5, 1.5]));
 * ```
 */
export function leafwise(keeps: readonly string[], rule: (leaf: LeafStep) => LeafUpdate): GradientTransformation {
  return {
    init: <P extends Tree>(params: P): LinkState<P> =>
      Object.fromEntries(keeps.map((name) => [name, treeMap(zerosLike, params as Tree) as P])),
    update(updates, state, params, step) {
      const { leaves, structure } = treeFlatten<Tree>(params);
      const gradients = paired(updates, params, "gradient");
      const kept = keeps.map((name) => paired(state[name]!, params, name));
      const after = namesOf(params).map((name, i) => {
        const own = Object.fromEntries(keeps.map((kind, k) => [kind, kept[k]![i]!]));
        return rule({ update: gradients[i]!, param: leaves[i]!, name, kept: own, step });
      });
      const tree = (pick: (leaf: LeafUpdate) => Tensor) => treeUnflatten(structure, after.map(pick)) as typeof updates;
      return [
        tree(({ update }) => update),
        Object.fromEntries(keeps.map((kind) => [kind, tree((leaf) => leaf.kept![kind]!)])),
      ];
    },
  };
}
