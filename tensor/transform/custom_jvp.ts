/** @file Functions with a pushforward of their own. */
import { requireFunction } from "../errors.ts";
import { topologicalOrder } from "../order.ts";
import { constant } from "../primitives/constant.ts";
import { identity } from "../primitives/identity.ts";
import type { Tensor } from "../tensor.ts";
import { isDifferentiable } from "./arguments.ts";
import { customVjp } from "./custom_vjp.ts";
import { runInside } from "./running.ts";
import { pairsOf, pullBack, tapeOf } from "./vjp.ts";

/**
 * Gives a function a derivative along a direction of its own, as JAX's `custom_jvp`. Its pullback is the transpose of the rule,
 * so it holds in `grad`, `vjp`, `jvp` and `vmap` alike, again and again.
 *
 * @param f As of `customVjp`: a function of tensors (or `null`) that returns a tensor or a tree of tensors. What it uses and is
 * to be differentiated must be among its arguments.
 * @param tangentRule From the arguments, the output and the tangents of the arguments (`null` where an argument is not a floating
 * tensor) to the tangent of the output, in its structure; `null` leaves are zero. It must be linear in the tangents, and built
 * of tensor functions.
 * @returns The same function, with that derivative.
 * @throws {TypeError} By that function, as of `customVjp`; when it is differentiated, if the rule is not linear, or if what it
 * returns differs in structure from the output.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { add, customJvp, div, exp, grad, log, mul, sub, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * // log(1 + exp(x)), whose derivative by the rules is no number where exp(x) is infinite
 * const softplus = customJvp(
 *   (x: Tensor) => log(add(exp(x), 1)),
 *   ([x], _, [tangent]) => mul(sub(1, div(1, add(exp(x), 1))), tangent),
 * );
 * equal(await grad(softplus)(tensor(100)).item(), 1);
 * ```
 */
export function customJvp<Args extends readonly (Tensor | null)[], Output>(
  f: (...args: Args) => Output,
  tangentRule: (args: Args, output: Output, tangents: Args) => unknown,
): (...args: Args) => Output {
  requireFunction("customJvp", "f", f);
  requireFunction("customJvp", "tangentRule", tangentRule);
  return customVjp(f, (args, output, cotangent) => transposed(tangentRule, { args, output, cotangent }));
}

/** One place at which a function is differentiated. */
interface Place<Args, Output> {
  readonly args: Args;
  readonly output: Output;
  readonly cotangent: Output;
}

/** Cotangents of the arguments: what the transpose of the rule makes of that of the output. */
function transposed<Args extends readonly (Tensor | null)[], Output>(
  tangentRule: (args: Args, output: Output, tangents: Args) => unknown,
  { args, output, cotangent }: Place<Args, Output>,
): readonly (Tensor | null)[] {
  const tangents = args.map((x) => isDifferentiable(x) ? identity(constant(x.shape, 0, x.dtype)) : null);
  const ends = tangents.filter((x) => x !== null);
  const pushed = runInside(ends, () => tangentRule(args, output, tangents as unknown as Args));
  const pairs = pairsOf("customJvp", ["tangent", pushed], ["output", cotangent]);
  const found = [...pullBack(tapeOf(pairs.map(([x]) => x), ends), pairs)];
  const stops = new Set(ends);
  const isEnd = (x: Tensor) => stops.has(x) || x.sequence < ends[0]!.sequence;
  const isNonlinear = topologicalOrder(found.filter((x) => x !== null), isEnd).some((x) => stops.has(x));
  if (isNonlinear) {
    throw new TypeError(
      "Cannot customJvp as tangentRule must be linear in the tangents: current rule has a derivative that depends on them",
    );
  }
  return tangents.map((x) => x && found.shift()!);
}
