/** @file Exponential, gamma and beta distributions. */
import { requireSizes } from "../../host_values.ts";
import { requireKey } from "./words.ts";
import { add, clip, maximum, mul, neg, square, sub } from "../../primitives/arithmetic.ts";
import { less } from "../../primitives/comparison.ts";
import { constant } from "../../primitives/constant.ts";
import { div } from "../../primitives/division.ts";
import { stopGradient } from "../../primitives/identity.ts";
import { bitwiseAnd } from "../../primitives/logic.ts";
import { log1p } from "../../primitives/scalars/logarithms.ts";
import { broadcastTo } from "../../primitives/sum.ts";
import { exp, log, pow, rsqrt, sigmoid } from "../../primitives/transcendental.ts";
import { where } from "../../primitives/where.ts";
import type { Shape } from "../../spec.ts";
import { Tensor } from "../../tensor.ts";
import { split } from "./keys.ts";
import { normal } from "./normal.ts";
import { uniform } from "./uniform.ts";

/**
 * Numbers of the exponential distribution of rate 1: `-ln(1 - u)`.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @returns float32 tensor, as of `jax.random.exponential`.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * ok((await random.exponential(random.key(0), [9]).data()).every((x) => x >= 0));
 * ```
 */
export function exponential(key: Tensor, shape: Shape): Tensor {
  return neg(log1p(neg(uniform(key, shape))));
}

/** Tries of the method of rejection: each keeps 95 % and more, so that one number in 10^10 takes its last try. */
const TRIES = 8;

/** Logarithms of numbers of the gamma distribution, which may be too small for their dtype. */
function logGamma(key: Tensor, shapes: Tensor): Tensor {
  const [lift, tries] = split(key);
  const isSmall = less(shapes, 1);
  // Below 1: that of one more, times u^(1 / a).
  const a = where(isSmall, add(shapes, 1), shapes);
  const boost = where(isSmall, div(log(maximum(uniform(lift, shapes.shape), 2 ** -126)), shapes), 0);
  const d = sub(a, 1 / 3);
  const c = mul(rsqrt(d), 1 / 3);
  let found: Tensor | null = null;
  let open: Tensor = constant(shapes.shape, 1, "bool");
  for (const each of split(tries, TRIES)) {
    const [first, second] = split(each as Tensor);
    const x = normal(first, shapes.shape);
    const v = pow(add(mul(c, x), 1), 3);
    const logV = log(where(less(0, v), v, 1));
    const bound = add(mul(square(x), 0.5), mul(d, add(sub(1, v), logV)));
    const isIn = bitwiseAnd(less(0, v), less(log(maximum(uniform(second, shapes.shape), 2 ** -126)), bound));
    found = found === null ? logV : where(open, logV, found);
    open = bitwiseAnd(open, less(isIn, constant([], 1, "bool")));
  }
  return add(add(found!, log(d)), boost);
}

function shapesOf(operation: string, name: string, value: Tensor | number, shape: Shape): Tensor {
  requireSizes(`draw of ${operation}`, shape);
  if (value instanceof Tensor) return broadcastTo(stopGradient(value), shape);
  if (value > 0 && Number.isFinite(value)) return constant(shape, value, "float32");
  throw new RangeError(`Cannot draw of ${operation} as ${name} must be positive: current ${name} is ${value}`);
}

/**
 * Numbers of the gamma distribution of scale 1 (Marsaglia and Tsang, 2000, with eight tries side by side).
 *
 * @param key uint32 `[2]`.
 * @param a Its shape, above 0: a number or a tensor that broadcasts to `shape`. No gradient flows to it.
 * @param shape Any shape.
 * @returns float32 tensor; the bits are not JAX's, whose number of tries depends on the draws.
 * @throws {RangeError} If `a` is a number that is not positive.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * ok((await random.gamma(random.key(0), 2.5, [9]).data()).every((x) => x > 0));
 * ```
 */
export function gamma(key: Tensor, a: Tensor | number, shape: Shape): Tensor {
  requireKey("draw of gamma", key);
  return exp(logGamma(key, shapesOf("gamma", "a", a, shape)));
}

/**
 * Numbers of the beta distribution.
 *
 * @param key uint32 `[2]`.
 * @param a First shape, above 0: a number or a tensor that broadcasts to `shape`. No gradient flows to it.
 * @param b Second shape, likewise.
 * @param shape Any shape.
 * @returns float32 tensor in [0, 1]; the bits are not JAX's.
 * @throws {RangeError} If a shape is a number that is not positive.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * ok((await random.beta(random.key(0), 2, 3, [9]).data()).every((x) => x > 0 && x < 1));
 * ```
 */
export function beta(key: Tensor, a: Tensor | number, b: Tensor | number, shape: Shape): Tensor {
  requireKey("draw of beta", key);
  const [first, second] = split(key);
  const [x, y] = [
    logGamma(first, shapesOf("beta", "a", a, shape)),
    logGamma(second, shapesOf("beta", "b", b, shape)),
  ];
  return clip(sigmoid(sub(x, y)), 0, 1);
}
