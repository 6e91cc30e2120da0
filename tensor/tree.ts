/** @file Trees: tensors and plain values in nested arrays and records, taken apart, put together and mapped with their types. */
import { requireFunction, requireKind } from "./errors.ts";
import { Static } from "./static.ts";
import { Tensor } from "./tensor.ts";
import { textOf } from "./text_of.ts";

/**
 * A tree of tensors whose form is not known here, such as the parameters of any model: it can be passed on and mapped, but
 * its fields cannot be read. Where the form is known, its own type or interface is used instead, and kept by all functions.
 */
export type Tree = object;

/** Values that are leaves by their type. */
export type Leaf =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | symbol
  | null
  | undefined
  | ((...args: never) => unknown);

/** True of `Tree` itself, whose leaves are tensors; false of an empty record. */
export type IsTree<T> = (<X>() => X extends T ? 1 : 2) extends (<X>() => X extends Tree ? 1 : 2) ? true : false;

/** Type of the leaves of a tree; `Tensor` where the form is not known. */
export type LeafOf<T> = unknown extends T ? unknown : IsTree<T> extends true ? Tensor : KnownLeafOf<T>;

/** `LeafOf` of a form that is known. */
export type KnownLeafOf<T> = T extends Leaf ? T
  : T extends Static ? never
  : T extends readonly (infer Item)[] ? LeafOf<Item>
  : LeafOf<Required<T>[keyof T]>;

/** The tree with each leaf replaced by a `Result`. */
export type Mapped<T, Result> = unknown extends T ? unknown : IsTree<T> extends true ? Tree : KnownMapped<T, Result>;

/** `Mapped` of a form that is known. */
export type KnownMapped<T, Result> = T extends undefined ? never
  : T extends Leaf ? Result
  : T extends Static ? T
  : { [Key in keyof T]: Mapped<T[Key], Result> };

/** How a tree is nested, without its leaves. The order of a record's keys is that of the tree, and does not matter. */
export type TreeStructure<T = unknown> = { readonly like?: T } & StructureNode;

/** One level of a structure. */
export type StructureNode =
  | { readonly kind: "leaf" }
  | { readonly kind: "static"; readonly value: Static }
  | { readonly kind: "array"; readonly items: readonly StructureNode[] }
  | { readonly kind: "record"; readonly keys: readonly string[]; readonly items: readonly StructureNode[] };

/** The way from the root of a tree to a leaf: keys of records, positions in arrays. */
export type TreePath = readonly (string | number)[];

const LEAF: StructureNode = { kind: "leaf" };

function isRecord(x: unknown): x is Readonly<Record<string, unknown>> {
  if (typeof x !== "object" || x === null || x instanceof Tensor) return false;
  const prototype = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

/** Positions of a record's keys, in the order of its leaves: that of the sorted keys. */
function sortedPlaces(keys: readonly string[]): readonly number[] {
  return [...keys.keys()].sort((a, b) => keys[a]! < keys[b]! ? -1 : 1);
}

/** Deepest nesting of a tree: walks over it use the call stack. */
const DEEPEST = 1000;

/** Visits the leaves in order: arrays by position, records by sorted keys. */
function visitLeaves(node: unknown, visit: (leaf: unknown) => void, depth = 0): StructureNode {
  if (depth > DEEPEST) {
    throw new RangeError(
      `Cannot take a tree apart as it must be nested at most ${DEEPEST} deep: current depth is more; keep what is chained ` +
        "in one array, and let no tree contain itself",
    );
  }
  if (Array.isArray(node)) return { kind: "array", items: Array.from(node, (x) => visitLeaves(x, visit, depth + 1)) };
  if (node instanceof Static) return { kind: "static", value: node };
  if (!isRecord(node)) {
    visit(node);
    return LEAF;
  }
  const keys = Object.keys(node);
  const items = new Array<StructureNode>(keys.length);
  for (const place of sortedPlaces(keys)) items[place] = visitLeaves(node[keys[place]!], visit, depth + 1);
  return { kind: "record", keys, items };
}

/**
 * Takes a tree apart.
 *
 * @param tree Nested arrays and plain records. Anything else, such as a tensor, a number or `null`, is a leaf.
 * @returns The leaves, those of a record in the order of its sorted keys, and the structure.
 * @throws {RangeError} If the tree is nested more than 1,000 deep, or contains itself.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treeFlatten } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(treeFlatten({ b: [2, 3], a: 1 }).leaves, [1, 2, 3]);
 * ```
 */
export function treeFlatten<T>(
  tree: T,
): { readonly leaves: readonly LeafOf<T>[]; readonly structure: TreeStructure<T> } {
  const leaves: LeafOf<T>[] = [];
  const structure = visitLeaves(tree, (leaf) => leaves.push(leaf as LeafOf<T>));
  return { leaves, structure };
}

/**
 * Puts a tree together again.
 *
 * @param structure Of `treeFlatten`.
 * @param leaves One for each leaf of the structure, in its order.
 * @returns The tree; keys of records stand as they stood in the tree that was taken apart.
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
export function treeUnflatten<T, Result>(structure: TreeStructure<T>, leaves: readonly Result[]): Mapped<T, Result> {
  let next = 0;
  const build = (node: StructureNode): unknown => {
    if (node.kind === "leaf") return leaves[next++];
    if (node.kind === "static") return node.value;
    if (node.kind === "array") return node.items.map(build);
    const values = new Array<unknown>(node.keys.length);
    for (const place of sortedPlaces(node.keys)) values[place] = build(node.items[place]!);
    return Object.fromEntries(node.keys.map((key, place) => [key, values[place]]));
  };
  const tree = build(structure);
  if (next !== leaves.length) {
    throw new RangeError(`Cannot build a tree as it must have ${next} leaves: current number is ${leaves.length}`);
  }
  return tree as Mapped<T, Result>;
}

/**
 * Lists the leaves of a tree.
 *
 * @param tree Any tree.
 * @returns Its leaves, in the order of `treeFlatten`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treeLeaves } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(treeLeaves([1, { a: 2 }]), [1, 2]);
 * ```
 */
export function treeLeaves<T>(tree: T): readonly LeafOf<T>[] {
  return treeFlatten(tree).leaves;
}

/**
 * Lists the ways to the leaves of a tree.
 *
 * @param tree Any tree.
 * @returns One path per leaf, in the order of `treeLeaves`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treePaths } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(treePaths({ a: [1, { b: 2 }] }), [["a", 0], ["a", 1, "b"]]);
 * ```
 */
export function treePaths(tree: unknown): readonly TreePath[] {
  return pathsIn(treeFlatten(tree).structure);
}

function pathsIn(node: StructureNode): readonly TreePath[] {
  if (node.kind === "leaf") return [[]];
  if (node.kind === "static") return [];
  const below = (step: string | number, item: StructureNode) => pathsIn(item).map((path) => [step, ...path]);
  if (node.kind === "array") return node.items.flatMap((item, i) => below(i, item));
  return sortedPlaces(node.keys).flatMap((place) => below(node.keys[place]!, node.items[place]!));
}

/** Refuses what is neither a tensor nor a record or an array: what is done with the tensors of a tree would be done with none. */
export function requireTree(operation: string, tree: unknown): void {
  const fits = tree instanceof Tensor || Array.isArray(tree) || isRecord(tree);
  requireKind(operation, "tree", tree, fits, "a tensor, or a record or an array of such");
}

/** A path as it is written in code behind `root`: `params.layers[2].weight`. */
export function pathText(root: string, path: TreePath): string {
  return path.reduce<string>((text, step) => typeof step === "number" ? `${text}[${step}]` : `${text}.${step}`, root);
}

/** Where two structures differ first, in words; `null` if they are one. */
function differenceOf(first: StructureNode, second: StructureNode, path: string): string | null {
  if (first.kind !== second.kind) return `${path} is a ${first.kind} in the first and a ${second.kind} in the other`;
  if (first.kind === "leaf" || second.kind === "leaf") return null;
  if (first.kind === "static" || second.kind === "static") return staticDifference(first, second, path);
  const [own, other] = [childrenOf(first, path), childrenOf(second, path)];
  for (const name of new Set([...own.keys(), ...other.keys()].sort())) {
    const [a, b] = [own.get(name), other.get(name)];
    if (!a || !b) return `${name} is in the ${a ? "first" : "other"} only`;
    const difference = differenceOf(a, b, name);
    if (difference) return difference;
  }
  return null;
}

function staticDifference(first: StructureNode, second: StructureNode, path: string): string | null {
  const [own, other] = [first, second].map((node) => textOf((node as { readonly value: Static }).value.value));
  return own === other ? null : `${path} is static ${own} in the first and ${other} in the other`;
}

function childrenOf(
  node: Exclude<StructureNode, { readonly kind: "leaf" | "static" }>,
  path: string,
): ReadonlyMap<string, StructureNode> {
  const steps = node.kind === "array" ? [...node.items.keys()] : node.keys;
  return new Map(node.items.map((item, i) => [pathText(path, [steps[i]!]), item]));
}

/**
 * Flattens several trees of one structure.
 *
 * @param operation What it is for, named in the error.
 * @param trees Trees by name; the first says the structure.
 * @returns The leaves of each, in corresponding order, and the structure.
 * @throws {TypeError} If a structure differs from the first, naming the key.
 */
export function treeFlattenAll<T>(
  operation: string,
  trees: readonly (readonly [name: string, tree: unknown])[],
): { readonly leaves: readonly (readonly unknown[])[]; readonly structure: TreeStructure<T> } {
  const flat = trees.map(([, tree]) => treeFlatten(tree));
  const { structure } = flat[0]!;
  flat.forEach((other, i) => {
    const difference = differenceOf(structure, other.structure, trees[i]![0]);
    if (difference === null) return;
    throw new TypeError(`Cannot ${operation} as all trees must have one structure: current ${difference}`);
  });
  return { leaves: flat.map(({ leaves }) => leaves), structure: structure as TreeStructure<T> };
}

/**
 * Applies a function to the leaves of one tree, or to corresponding leaves of several: those under equal keys.
 *
 * @param f Takes one leaf of each tree.
 * @param tree The tree whose structure the result has.
 * @param rest Trees of the same structure; the order of keys does not matter.
 * @returns The tree of the results, with the type of the first tree.
 * @throws {TypeError} If the structures differ, naming the first key that does.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { treeMap } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(treeMap((x, y) => x + y, { a: 1, b: 10 }, { b: 20, a: 2 }), { a: 3, b: 30 });
 * ```
 */
export function treeMap<T, Rest extends readonly unknown[], Result>(
  f: (leaf: LeafOf<NoInfer<T>>, ...rest: { [Place in keyof Rest]: LeafOf<NoInfer<Rest[Place]>> }) => Result,
  tree: T,
  ...rest: Rest
): Mapped<T, Result> {
  requireFunction("treeMap", "f", f);
  const trees = [tree, ...rest].map((tree, i) => [i === 0 ? "tree" : `tree ${i + 1}`, tree] as const);
  const { leaves: [first, ...others], structure } = treeFlattenAll<T>("map over trees", trees);
  const apply = f as (...leaves: readonly unknown[]) => Result;
  return treeUnflatten(structure, first!.map((leaf, i) => apply(leaf, ...others.map((leaves) => leaves[i]))));
}
