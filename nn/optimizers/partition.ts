import { type Tensor, type Tree, treeFlatten, treeLeaves, treeUnflatten } from "../../tensor/core.ts";
import { prefixed, stateUnder } from "./nested_state.ts";
import { paired } from "./paired.ts";
import { namesOf } from "./parameter_names.ts";
import type { GradientTransformation, LinkState } from "./transformation.ts";

/** Parameters of one part, by name. */
type Part = Readonly<Record<string, Tensor>>;

/**
 * Gives each parameter to one of several transformations, as optax's `multi_transform`: matrices to Muon and vectors to
 * Adam, a backbone that stands still and a head that learns.
 *
 * @param parts The transformations, by label.
 * @param labelOf The label of a parameter, from its name, such as `encoder.conv1.weight`, and its value.
 * @returns The transformation. What a part keeps of its own parameters is kept under `label.name`; nothing is kept of the
 * others.
 * @throws {RangeError} When it is first used, if a parameter has a label that is none, with its name.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { chain, partition, scaleByLearningRate, trace } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rule = chain(partition(
 *   { slow: scaleByLearningRate(0.125), fast: trace({ decay: 0.5 }) },
 *   (name) => name.startsWith("backbone") ? "slow" : "fast",
 * ));
 * const params = { backbone: tensor(1), head: tensor(1) };
 * const [updates] = rule.update({ backbone: tensor(4), head: tensor(4) }, rule.init(params), params);
 * deepStrictEqual([await updates.backbone.item(), await updates.head.item()], [-0.5, 4]);
 * ```
 */
export function partition<Label extends string>(
  parts: Readonly<Record<Label, GradientTransformation>>,
  labelOf: (name: string, param: Tensor) => Label,
): GradientTransformation {
  const labels = Object.keys(parts) as Label[];
  const labelsOf = (params: Tree): readonly Label[] => {
    const leaves = treeLeaves(params) as readonly Tensor[];
    return namesOf(params).map((name, i) => known(labelOf(name, leaves[i]!), labels, name));
  };
  return {
    init<P extends Tree>(params: P): LinkState<P> {
      const [names, chosen, leaves] = [namesOf(params), labelsOf(params), treeLeaves(params) as readonly Tensor[]];
      const kept = labels.flatMap((label) =>
        Object.entries(parts[label].init(partOf(label, chosen, names, leaves))).map((
          [name, tree],
        ) => [`${label}.${name}`, tree])
      );
      return Object.fromEntries(kept) as LinkState<P>;
    },
    update(updates, state, params, step) {
      const { leaves, structure } = treeFlatten<Tree>(params);
      const [names, chosen, gradients] = [namesOf(params), labelsOf(params), paired(updates, params, "gradient")];
      const after = new Map<string, Tensor>();
      const kept: [string, Tree][] = [];
      for (const label of labels) {
        const own = stateUnder(label, state as LinkState<Tree>) as LinkState<Part>;
        const part = (all: readonly Tensor[]) => partOf(label, chosen, names, all);
        const [moved, next] = parts[label].update(part(gradients), own, part(leaves as readonly Tensor[]), step);
        Object.entries(moved).forEach(([name, update]) => after.set(name, update));
        kept.push(...prefixed<Tree>(label, next));
      }
      const moves = names.map((name) => after.get(name)!);
      return [treeUnflatten(structure, moves) as typeof updates, Object.fromEntries(kept) as typeof state];
    },
  };
}

/** The parameters that have a label, by name. */
function partOf(label: string, chosen: readonly string[], names: readonly string[], leaves: readonly Tensor[]): Part {
  return Object.fromEntries(names.flatMap((name, i) => chosen[i] === label ? [[name, leaves[i]!]] : []));
}

function known<Label extends string>(label: Label, labels: readonly Label[], name: string): Label {
  if (labels.includes(label)) return label;
  throw new RangeError(
    `Cannot partition parameters as each must have one of the labels ${
      labels.join(", ")
    }: current label of ${name} is ${label}`,
  );
}
