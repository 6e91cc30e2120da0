/** @file A function run on stand-ins: what it does, and of which form its results are, without computing anything. */
import { placeholder, type Tensor } from "../tensor.ts";
import { type TreeStructure, treeUnflatten } from "../tree.ts";
import { checkTraced, type NamedLeaf, namedLeaves, tracedLeaf } from "./arguments.ts";
import { runInside } from "./running.ts";

/** A function that has run on stand-ins. */
export interface Traced {
  /** Stand-ins of the tensors and numbers among the arguments. */
  readonly inputs: readonly Tensor[];
  /** Leaves of the result. */
  readonly leaves: readonly NamedLeaf[];
  readonly structure: TreeStructure;
}

/** Arguments with stand-ins for their tensors and numbers. */
function standInsFor(operation: string, args: readonly unknown[]): { inputs: Tensor[]; given: unknown[] } {
  const inputs: Tensor[] = [];
  const given = args.map((arg, i) => {
    const { leaves, structure } = namedLeaves(`argument ${i}`, arg);
    return treeUnflatten(
      structure,
      leaves.map((leaf) => {
        const x = tracedLeaf(operation, leaf);
        if (x) inputs.push(placeholder(x));
        return x && inputs.at(-1)!;
      }),
    );
  });
  return { inputs, given };
}

/**
 * Runs a function on stand-ins.
 *
 * @param operation Name of the transformation, for messages.
 * @param f The function.
 * @param args Trees of tensors, numbers and `null`.
 * @returns What it made.
 */
export function traceOf(operation: string, f: (...args: never) => unknown, args: readonly unknown[]): Traced {
  const { inputs, given } = standInsFor(operation, args);
  const value = runInside([], () => (f as unknown as (...args: readonly unknown[]) => unknown)(...given));
  const { leaves, structure } = namedLeaves("result", value);
  leaves.forEach((leaf) => checkTraced(operation, leaf));
  return { inputs, leaves, structure };
}
