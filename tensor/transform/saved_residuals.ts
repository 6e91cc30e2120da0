/** @file What the backward pass of a function keeps of its forward pass. */
import { requireFunction } from "../errors.ts";
import { topologicalOrder } from "../order.ts";
import { nameOf } from "../primitives/identity.ts";
import { type DType, DTYPES, type Shape, sizeOf } from "../spec.ts";
import { leafSource, nextSequence, placeholder, Tensor } from "../tensor.ts";
import { pathText, treeFlatten, treePaths, treeUnflatten } from "../tree.ts";
import { differentiate } from "./vjp.ts";
import { runInside } from "./running.ts";

/** One value that is kept. */
export interface Residual {
  /** Its shape. */
  readonly shape: Shape;
  /** Its dtype. */
  readonly dtype: DType;
  /** Where it comes from: `argument 0.w`, `a constant`, `named powers`, or the operation, such as `matmul`. */
  readonly from: string;
}

/** What is kept. */
export interface Residuals {
  /** Arguments first, then values in the order in which they are made. */
  readonly residuals: readonly Residual[];
  /** Bytes of all of them. */
  readonly bytes: number;
  /** One line for each. */
  toString(): string;
}

/** What a view shows, which needs no memory of its own, and the name it was given on the way. */
function sourceOf(x: Tensor): readonly [source: Tensor, name: string | null] {
  let [source, name] = [x, nameOf(x)];
  while (source.primitive.lowering.kind === "view" && source.inputs.length > 0) {
    source = source.inputs[0]!;
    name ??= nameOf(source);
  }
  return [source, name];
}

/** Stand-ins of the tensors of a tree, with their names. */
function standInsOf(tree: unknown, root: string, names: Map<Tensor, string>): unknown {
  const { leaves, structure } = treeFlatten<unknown>(tree);
  const paths = treePaths(tree);
  return treeUnflatten(
    structure,
    leaves.map((leaf, i) => {
      if (!(leaf instanceof Tensor)) return leaf;
      const standIn = placeholder(leaf);
      names.set(standIn, pathText(root, paths[i]!));
      return standIn;
    }),
  );
}

function isFloating(tree: unknown): boolean {
  const { leaves } = treeFlatten<unknown>(tree);
  return leaves.length > 0 && leaves.every((x) => x instanceof Tensor ? DTYPES[x.dtype].floating : x === null);
}

/** Values that were there before a moment and are read after it, by what was made since, with their names. */
function crossing(results: readonly Tensor[], since: number): ReadonlyMap<Tensor, string | null> {
  const isOlder = (x: Tensor) => x.sequence < since;
  const kept = new Map<Tensor, string | null>();
  for (const [source, name] of topologicalOrder(results, isOlder).filter(isOlder).map(sourceOf)) {
    if (sizeOf(source.shape) > 0) kept.set(source, kept.get(source) ?? name);
  }
  return kept;
}

/**
 * Tells what the backward pass of a function reads of its forward pass, as JAX's `print_saved_residuals`: what stays in
 * memory between the two. Nothing is computed. All arguments of floating tensors are differentiated. What the
 * compiler finds cheaper to compute than to store, such as short chains of scalar operations, may in the end not be stored.
 *
 * @param f A function of trees of tensors.
 * @returns A function of the same arguments that lists what is kept; `String` of it writes a line for each.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { exp, mul, ones, savedResiduals, type Tensor } from "@tessera/tessera/tensor";
 *
 * const kept = savedResiduals((x: Tensor) => mul(exp(x), x))(ones([2, 3]));
 * equal(String(kept), "float32[2,3] from argument 0\nfloat32[2,3] from exp\n48 bytes in all");
 * ```
 */
export function savedResiduals<Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
): (...args: Args) => Residuals {
  requireFunction("savedResiduals", "f", f);
  return (...args) => {
    const names = new Map<Tensor, string>();
    const given = args.map((arg, i) => standInsOf(arg, `argument ${i}`, names));
    const places = given.flatMap((arg, i) => isFloating(arg) ? [i] : []);
    const pulled = runInside([], () => {
      const inner = (...primals: unknown[]) =>
        f(...given.map((arg, i) => places.includes(i) ? primals[places.indexOf(i)] : arg) as unknown as Args);
      const labels = places.map((i) => `argument ${i}`);
      const { value, pull } = differentiate("savedResiduals", labels, places.map((i) => given[i]), inner);
      const outputs = treeFlatten<unknown>(value).leaves.filter((x) => x instanceof Tensor);
      const since = nextSequence();
      const gradients = pull(outputs.map((x) => [x, DTYPES[x.dtype].floating ? placeholder(x) : null]));
      const results = treeFlatten<unknown>(gradients).leaves.filter((x) => x instanceof Tensor);
      return crossing(results, since);
    });
    return listOf(pulled, names);
  };
}

function originOf(x: Tensor, name: string | null, argument: string | undefined): string {
  if (argument) return argument;
  if (leafSource(x) !== undefined || x.inputs.length === 0) return "a constant";
  return name === null ? x.primitive.name : `named ${name}`;
}

function listOf(kept: ReadonlyMap<Tensor, string | null>, names: ReadonlyMap<Tensor, string>): Residuals {
  const residuals = [...kept].toSorted(([a], [b]) => a.sequence - b.sequence)
    .map(([x, name]): Residual => ({ shape: x.shape, dtype: x.dtype, from: originOf(x, name, names.get(x)) }));
  const bytes = residuals.reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * DTYPES[dtype].bytes, 0);
  const lines = residuals.map(({ shape, dtype, from }) => `${dtype}[${shape}] from ${from}`);
  return { residuals, bytes, toString: () => [...lines, `${bytes} bytes in all`].join("\n") };
}
