/** @file Forward-mode differentiation: a pullback is linear in its cotangent, and its own pullback pushes tangents on. */
import { requireFunction, requireList } from "../errors.ts";
import { constant } from "../primitives/constant.ts";
import type { Tensor } from "../tensor.ts";
import { treeFlatten, treeUnflatten } from "../tree.ts";
import { type Cotangent, type Gradient, isDifferentiable } from "./arguments.ts";
import { differentiate, pairsOf } from "./vjp.ts";

/** Tangents of arguments: a tensor of the same shape for each tensor, `null` for zero. */
export type Tangents<Primals extends readonly unknown[]> = { [Place in keyof Primals]: Cotangent<Primals[Place]> };

/** What `pushing` yields. */
export interface Pushing {
  readonly value: unknown;
  /** From tangents of the primals to those of the value: `null` for leaves that are not floating tensors. */
  push(tangents: readonly unknown[]): unknown;
}

/** Runs a function so that tangents can be pushed on from its arguments to its value. */
export function pushing(
  operation: string,
  f: (...primals: unknown[]) => unknown,
  primals: readonly unknown[],
): Pushing {
  const { value, pull } = differentiate(operation, primals.map((_, i) => `argument ${i}`), primals, f);
  const { leaves, structure } = treeFlatten(value);
  const outputs = leaves.filter(isDifferentiable);
  const push = (tangents: readonly unknown[]) => {
    const zeros = outputs.map(({ shape, dtype }) => constant(shape, 0, dtype));
    const names = zeros.map((_, i) => `cotangent ${i}`);
    const pulled = (...cotangents: unknown[]) => pull(outputs.map((y, i) => [y, cotangents[i] as Tensor]));
    const back = differentiate(operation, names, zeros, pulled);
    const found = [...back.pull(pairsOf(operation, ["argument", back.value], ["tangent", tangents]))];
    return treeUnflatten(structure, leaves.map((x) => isDifferentiable(x) ? found.shift() : null));
  };
  return { value, push };
}

/**
 * Evaluates a function and its Jacobian-vector product, as JAX's `jvp`.
 *
 * @param f A function of trees of floating tensors. Every pullback in it must be linear in its cotangent, as all of this
 * library are.
 * @param primals Where to evaluate it: its arguments.
 * @param tangents The direction: a tree like each argument, `null` for zero.
 * @returns The value, and its derivative along the direction: `null` for leaves that are not floating tensors.
 * @throws {TypeError} If a primal holds anything but floating tensors, or a tangent is of another structure, naming it.
 * @throws {ShapeError} If a tangent has another shape than its tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { jvp, square, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const [, tangent] = jvp((x: Tensor) => square(x), [tensor([1, 2])], [tensor([1, 10])]);
 * deepStrictEqual(await tangent.data(), new Float32Array([2, 40]));
 * ```
 */
export function jvp<const Primals extends readonly unknown[], R>(
  f: (...primals: Primals) => R,
  primals: Primals,
  tangents: Tangents<Primals>,
): [value: R, tangent: Gradient<R>] {
  requireFunction("jvp", "f", f);
  requireList("jvp", "primals", primals);
  const { value, push } = pushing("jvp", f as unknown as (...primals: unknown[]) => unknown, primals);
  return [value as R, push(tangents) as Gradient<R>];
}

/**
 * Evaluates a function and its derivative there as a linear function of tangents, as JAX's `linearize`: the function runs
 * once, however many directions follow.
 *
 * @param f As of `jvp`.
 * @param primals Where to evaluate it.
 * @returns The value, and the function from tangents, one per primal, to the derivative of the value along them.
 * @throws {TypeError} As `jvp`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { linearize, sin, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const [, push] = linearize((x: Tensor) => sin(x), tensor(0));
 * equal(await push(tensor(3)).item(), 3);
 * ```
 */
export function linearize<Primals extends readonly unknown[], R>(
  f: (...primals: Primals) => R,
  ...primals: Primals
): [value: R, push: (...tangents: Tangents<Primals>) => Gradient<R>] {
  requireFunction("linearize", "f", f);
  const { value, push } = pushing("linearize", f as unknown as (...primals: unknown[]) => unknown, primals);
  return [value as R, (...tangents) => push(tangents as unknown as readonly unknown[]) as Gradient<R>];
}
