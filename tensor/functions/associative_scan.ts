/** @file What an associative function makes of all that stands before, in as many rounds as the logarithm of the length. */
import { requireFunction, requireOptions, ShapeError, shown } from "../errors.ts";
import { normalizeAxes } from "../primitives/sum.ts";
import { slice } from "../primitives/window.ts";
import { requireTensor } from "../require_tensor.ts";
import { sameShape } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { treeFlattenAll, treeUnflatten } from "../tree.ts";
import { concat } from "./axes.ts";

/** Options of `associativeScan`. */
export interface AssociativeScanOptions {
  /** Along which axis, 0 by default. */
  readonly axis?: number;
  /** True to begin at the last element. */
  readonly reverse?: boolean;
}

type Tensors = readonly Tensor[];

/** What is scanned. */
interface Scanned {
  readonly leaves: Tensors;
  /** The axis of each leaf. */
  readonly axes: readonly number[];
  readonly reverse: boolean;
}

/** Combines each element with all before it; each round reaches twice as far (Hillis and Steele, 1986). */
function combineAll(combine: (a: Tensors, b: Tensors) => Tensors, { leaves, axes, reverse }: Scanned): Tensors {
  const size = leaves[0]!.shape[axes[0]!]!;
  const part = (xs: Tensors, start: number, end: number) =>
    xs.map((x, k) =>
      slice(x, { start: x.shape.map((_, i) => i === axes[k] ? start : 0), size: x.shape.with(axes[k]!, end - start) })
    );
  let found = leaves;
  for (let step = 1; step < size; step *= 2) {
    const [low, high] = [part(found, 0, size - step), part(found, step, size)];
    const combined = reverse ? combine(high, low) : combine(low, high);
    const kept = reverse ? part(found, size - step, size) : part(found, 0, step);
    found = combined.map((x, k) => concat(reverse ? [x, kept[k]!] : [kept[k]!, x], { axis: axes[k]! }));
  }
  return found;
}

/**
 * Combines each element of one tensor with all before it.
 *
 * @param operation What is said to be done, for messages.
 * @param combine An associative function of equal shapes.
 * @param x Any tensor.
 * @param axis Along which axis.
 * @returns Tensor of the same shape.
 */
export function cumulate(
  operation: string,
  combine: (a: Tensor, b: Tensor) => Tensor,
  x: Tensor,
  axis: number,
): Tensor {
  requireTensor(operation, "x", x);
  const axes = normalizeAxes(operation, x, axis);
  const one = ([a]: Tensors, [b]: Tensors) => [combine(a!, b!)];
  return combineAll(one, { leaves: [x], axes, reverse: false })[0]!;
}

function requireTensors(leaves: readonly unknown[]): asserts leaves is Tensors {
  const at = leaves.findIndex((x) => !(x instanceof Tensor));
  if (at < 0 && leaves.length > 0) return;
  throw new TypeError(
    `Cannot associativeScan as x must be a tree of tensors: current ${
      at < 0 ? "number of leaves is 0" : `leaf ${at} is ${shown(leaves[at])}`
    }`,
  );
}

/**
 * Combines each element with all before it by an associative function, as JAX's `associative_scan`, in as many rounds as the
 * logarithm of the length: `[x₀, f(x₀, x₁), f(f(x₀, x₁), x₂), …]`. Differentiable, as it is made of the operations of `f`.
 *
 * @param f Associative, from two trees like `x` to another one: it is given many elements at once, so it must work element by
 * element along the axis, whose size differs from call to call.
 * @param x A tree of tensors, all of one size along the axis.
 * @param options Axis, order. From the end on it is `f` of what comes later and of what comes before.
 * @returns A tree like `x`.
 * @throws {TypeError} If a leaf is no tensor, or `f` returns another structure, dtype or shape than it is given.
 * @throws {ShapeError} If sizes along the axis differ.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { add, associativeScan, mul, tensor } from "@tessera/tessera/tensor";
 *
 * // h[t] = a[t]·h[t-1] + b[t], all at once
 * const x = { a: tensor([1, 2, 3]), b: tensor([1, 1, 1]) };
 * const { b: h } = associativeScan((p, q) => ({ a: mul(p.a, q.a), b: add(mul(q.a, p.b), q.b) }), x);
 * deepStrictEqual(await h.data(), new Float32Array([1, 3, 10]));
 * ```
 */
export function associativeScan<T>(f: (a: T, b: T) => T, x: T, options: AssociativeScanOptions = {}): T {
  requireOptions("associativeScan", options, { axis: true, reverse: true });
  requireFunction("associativeScan", "f", f);
  const { axis = 0, reverse = false } = options;
  const { leaves: [leaves], structure } = treeFlattenAll("associativeScan", [["x", x]]);
  requireTensors(leaves!);
  const given = leaves as Tensors;
  const axes = given.map((leaf) => normalizeAxes("associativeScan", leaf, axis)[0]!);
  const sizes = given.map(({ shape }, k) => shape[axes[k]!]);
  if (sizes.some((size) => size !== sizes[0])) {
    throw new ShapeError(
      "associativeScan",
      `all tensors must have one size along axis ${axis}`,
      given.map((x) => x.shape),
    );
  }
  const combine = (a: Tensors, b: Tensors): Tensors => {
    const tree = treeUnflatten(structure, a) as T;
    const value = f(tree, treeUnflatten(structure, b) as T);
    const { leaves: [, found] } = treeFlattenAll("associativeScan", [["x", tree], ["the result of f", value]]);
    requireTensors(found!);
    const results = found as Tensors;
    const at = results.findIndex((y, k) => y.dtype !== a[k]!.dtype || !sameShape(y.shape, a[k]!.shape));
    if (at < 0) return results;
    const text = ({ dtype, shape }: Tensor) => `${dtype} [${shape}]`;
    throw new TypeError(
      `Cannot associativeScan as f must keep shape and dtype, ${text(a[at]!)} of leaf ${at}: current result is ${
        text(results[at]!)
      }`,
    );
  };
  return treeUnflatten(structure, combineAll(combine, { leaves: given, axes, reverse })) as T;
}
