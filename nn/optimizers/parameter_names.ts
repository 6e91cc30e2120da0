import { type Tensor, treePaths } from "../../tensor/core.ts";

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
 * Tells matrices and kernels from biases and the scales of norms: a mask of what weight decay is for.
 *
 * @param name Name of the parameter.
 * @param param The parameter.
 * @returns False for one axis or none, and for names that end with `bias`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { notNormOrBias } from "@tessera/tessera/nn";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual([notNormOrBias("fc.weight", ones([2, 2])), notNormOrBias("norm.scale", ones([2]))], [true, false]);
 * ```
 */
export function notNormOrBias(name: string, { shape }: Pick<Tensor, "shape">): boolean {
  return shape.length > 1 && !/(^|\.)bias$/i.test(name);
}
