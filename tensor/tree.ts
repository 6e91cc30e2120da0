import { Tensor } from "./tensor.ts";

/** A tensor, a plain value, or a nested record or array of such: arguments and results of transformed functions. */
// deno-lint-ignore no-explicit-any
export type Tree = any;

/** How a tree is nested, without its leaves. Equal structures have equal text. */
export type TreeStructure =
  | { readonly kind: "leaf" }
  | { readonly kind: "array"; readonly items: readonly TreeStructure[] }
  | { readonly kind: "record"; readonly keys: readonly string[]; readonly items: readonly TreeStructure[] };

const LEAF: TreeStructure = { kind: "leaf" };

function isRecord(x: unknown): x is Record<string, unknown> {
  if (typeof x !== "object" || x === null || x instanceof Tensor) return false;
  const prototype = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Takes a tree apart.
 *
 * @param tree Nested arrays and plain records. Anything else, such as a tensor, a number or `null`, is a leaf.
 * @returns The leaves, records in key order of insertion, and the structure.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treeFlatten } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(treeFlatten({ a: 1, b: [2, 3] }).leaves, [1, 2, 3]);
 * ```
 */
export function treeFlatten(tree: Tree): { readonly leaves: readonly unknown[]; readonly structure: TreeStructure } {
  const leaves: unknown[] = [];
  const visit = (node: unknown): TreeStructure => {
    if (Array.isArray(node)) return { kind: "array", items: node.map(visit) };
    if (isRecord(node)) {
      const keys = Object.keys(node);
      return { kind: "record", keys, items: keys.map((key) => visit(node[key])) };
    }
    leaves.push(node);
    return LEAF;
  };
  const structure = visit(tree);
  return { leaves, structure };
}

/**
 * Puts a tree together again.
 *
 * @param structure Of `treeFlatten`.
 * @param leaves One for each leaf of the structure, in order.
 * @returns The tree.
 * @throws {RangeError} If there are fewer or more leaves than the structure has.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treeFlatten, treeUnflatten } from "@tessera/tessera/tensor";
 *
 * const { leaves, structure } = treeFlatten({ a: 1, b: [2] });
 * deepStrictEqual(treeUnflatten(structure, leaves), { a: 1, b: [2] });
 * ```
 */
export function treeUnflatten(structure: TreeStructure, leaves: readonly unknown[]): Tree {
  let next = 0;
  const build = (node: TreeStructure): unknown => {
    if (node.kind === "leaf") return leaves[next++];
    if (node.kind === "array") return node.items.map(build);
    return Object.fromEntries(node.keys.map((key, i) => [key, build(node.items[i]!)]));
  };
  const tree = build(structure);
  if (next !== leaves.length) {
    throw new RangeError(`Cannot build a tree as it must have ${next} leaves: current number is ${leaves.length}`);
  }
  return tree;
}

/**
 * Lists the leaves of a tree.
 *
 * @param tree Any tree.
 * @returns Its leaves, in order.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treeLeaves } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(treeLeaves([1, { a: 2 }]), [1, 2]);
 * ```
 */
export function treeLeaves(tree: Tree): readonly unknown[] {
  return treeFlatten(tree).leaves;
}

/**
 * Applies a function to the leaves of one tree, or to corresponding leaves of several.
 *
 * @param f Takes one leaf of each tree.
 * @param tree The tree whose structure the result has.
 * @param rest Trees of the same structure.
 * @returns The tree of the results.
 * @throws {TypeError} If the structures differ.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treeMap } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(treeMap((x: number, y: number) => x + y, { a: 1 }, { a: 2 }), { a: 3 });
 * ```
 */
export function treeMap<T extends Tree>(f: (...leaves: Tree[]) => Tree, tree: T, ...rest: readonly Tree[]): T {
  const { leaves, structure } = treeFlatten(tree);
  const expected = JSON.stringify(structure);
  const others = rest.map((other, i) => {
    const flat = treeFlatten(other);
    if (JSON.stringify(flat.structure) === expected) return flat.leaves;
    throw new TypeError(
      `Cannot map over trees as all must have one structure: current structure of tree ${i + 2} is ` +
        `${JSON.stringify(flat.structure)}, of the first ${expected}`,
    );
  });
  return treeUnflatten(structure, leaves.map((leaf, i) => f(leaf, ...others.map((leaves) => leaves[i]))));
}
