import { Tensor, type Tree, treeLeaves } from "../../tensor/core.ts";
import { sameShape } from "../../tensor/parts.ts";
import { namesOf } from "./parameter_names.ts";

/**
 * Pairs the leaves of a tree with parameters, by key.
 *
 * @param tree Gradients, or what an optimizer keeps: one tensor for each parameter, whatever the order of keys.
 * @param params The parameters.
 * @param noun What a leaf of the tree is, for errors.
 * @returns The leaves of the tree, in the order of the parameters' leaves.
 * @throws {TypeError} If a leaf is absent, has no parameter, or is of another shape or dtype, with its name.
 */
export function paired(tree: Tree, params: Tree, noun: string): readonly Tensor[] {
  const leaves = treeLeaves(tree);
  const found = new Map(namesOf(tree).map((name, i) => [name, leaves[i]]));
  const names = namesOf(params);
  const known = new Set(names);
  const surplus = [...found.keys()].find((name) => !known.has(name));
  if (surplus !== undefined) {
    refuse(noun, `each ${noun} must be of a parameter`, `parameter of the ${noun} at ${place(surplus)} is absent`);
  }
  return treeLeaves(params).map((param, i) => {
    const [leaf, wanted] = [found.get(names[i]!), specText(param)];
    const at = `${noun} at ${place(names[i]!)}`;
    const fits = leaf instanceof Tensor && param instanceof Tensor && leaf.dtype === param.dtype &&
      sameShape(leaf.shape, param.shape);
    if (fits) return leaf;
    return refuse(noun, `the ${at} must be ${wanted} as its parameter is`, `${noun} is ${specText(leaf)}`);
  });
}

function refuse(noun: string, requirement: string, current: string): never {
  throw new TypeError(`Cannot pair a tree of ${noun}s with parameters as ${requirement}: current ${current}`);
}

const place = (name: string): string => name === "" ? "the root" : name;

function specText(x: unknown): string {
  if (x instanceof Tensor) return `${x.dtype} [${x.shape.join(", ")}]`;
  return x === undefined ? "absent" : x === null ? "null" : `a ${typeof x}`;
}
