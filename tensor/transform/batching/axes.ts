/** @file Which axis of each leaf is mapped: trees of axes, that may be cut off where one holds for all below. */
import { shown } from "../../errors.ts";
import { pathText, treeFlatten, type TreeStructure } from "../../tree.ts";

/**
 * Which axes are mapped: a number for all tensors of a tree, negative from the end; `null` for none of them; or a tree of such
 * for what is below.
 */
export type Axes = number | null | readonly Axes[] | { readonly [key: string]: Axes };

function refuse(operation: string, name: string, wanted: string, axes: unknown): never {
  throw new TypeError(
    `Cannot ${operation} as axes must be whole numbers, null, or a tree like what they are of: current ${name} is ` +
      `${shown(axes)} where ${wanted} is`,
  );
}

/** Number of leaves below. */
function countOf(node: TreeStructure): number {
  if (node.kind === "leaf" || node.kind === "static") return Number(node.kind === "leaf");
  return node.items.reduce((sum, item) => sum + countOf(item), 0);
}

function expand(operation: string, name: string, axes: Axes, node: TreeStructure): readonly (number | null)[] {
  if (axes === null || Number.isInteger(axes)) {
    return new Array<number | null>(countOf(node)).fill(axes as number | null);
  }
  if (node.kind === "leaf") return refuse(operation, name, "a leaf", axes);
  if (node.kind === "static") return refuse(operation, name, "a static value, whose axes are null,", axes);
  const below = typeof axes === "object" ? Object.keys(axes).sort() : [];
  const keys = node.kind === "array" ? node.items.map((_, i) => `${i}`) : [...node.keys];
  if (Array.isArray(axes) !== (node.kind === "array") || [...keys].sort().join("\n") !== below.join("\n")) {
    return refuse(
      operation,
      name,
      node.kind === "array" ? `an array of ${keys.length}` : `{ ${keys.join(", ")} }`,
      axes,
    );
  }
  const order = node.kind === "array" ? keys : [...keys].sort();
  return order.flatMap((key) => {
    const step = node.kind === "array" ? Number(key) : key;
    const item = node.items[keys.indexOf(key)]!;
    return expand(operation, pathText(name, [step]), (axes as Readonly<Record<string, Axes>>)[key]!, item);
  });
}

/**
 * The axis of each leaf.
 *
 * @param operation Name of the transformation, for messages.
 * @param name Of the axes, for messages.
 * @param axes Of the tree.
 * @param tree Any tree.
 * @returns One axis for each leaf, in the order of `treeLeaves`.
 * @throws {TypeError} If the axes are no tree like this one, naming where they differ.
 */
export function axesOfLeaves(operation: string, name: string, axes: Axes, tree: unknown): readonly (number | null)[] {
  return expand(operation, name, axes, treeFlatten(tree).structure);
}
