import { treePaths } from "../../tensor/mod.ts";

/**
 * Names the leaves of a tree by their way from the root.
 *
 * @param tree Parameters.
 * @returns One name per leaf, in the order of `treeLeaves`, such as `encoder.layer1.0.conv1.weight`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { namesOf } from "@tessera/tessera/nn";
 *
 * deepStrictEqual(namesOf({ a: [1, { b: 2 }] }), ["a.0", "a.1.b"]);
 * ```
 */
export function namesOf(tree: unknown): readonly string[] {
  return treePaths(tree).map((path) => path.join("."));
}

/**
 * Tells whether weight decay applies to a parameter: to matrices and kernels, not to biases, scales and tokens.
 *
 * @param name Name of the parameter, ours or the official one.
 * @param rank Number of its axes.
 * @returns False for one axis or none, for names that end with `bias`, and for class tokens, position embeddings, mask
 * tokens and layer scales.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decays } from "@tessera/tessera/nn";
 *
 * deepStrictEqual([decays("conv1.weight", 4), decays("bn1.weight", 1), decays("mask_tokens.0", 4)], [true, false, false]);
 * ```
 */
export function decays(name: string, rank: number): boolean {
  return rank > 1 && !/(^|\.)bias$|cls_?token|pos_?embed|mask_?token|gamma/i.test(name);
}
