/** @file Draws by weights: Gumbel's distribution, categories, choices with and without putting back. */
import { requireSizes } from "../../host_values.ts";
import { requireKey } from "./words.ts";
import { ShapeError } from "../../errors.ts";
import { add, maximum, mul, neg, sub } from "../../primitives/arithmetic.ts";
import { argsort } from "../../primitives/argsort.ts";
import { argmax } from "../../primitives/extremum.ts";
import { take } from "../../primitives/gather.ts";
import { normalizeAxes } from "../../primitives/sum.ts";
import { reshape } from "../../primitives/layout.ts";
import { log } from "../../primitives/transcendental.ts";
import { requireKind, requireOptions } from "../../errors.ts";
import { requireTensor } from "../../require_tensor.ts";
import { sameShape, type Shape, sizeOf } from "../../spec.ts";
import { Tensor } from "../../tensor.ts";
import { slice } from "../../primitives/window.ts";
import { arange } from "../creation.ts";
import { cumsum } from "../cumulative.ts";
import { searchsorted } from "../order/searchsorted.ts";
import { permutation } from "./permutation.ts";
import { randint } from "./randint.ts";
import { uniform } from "./uniform.ts";

/** The least normal float32: a logarithm of it is finite. */
const TINY = 2 ** -126;

/**
 * Numbers of Gumbel's distribution: `-ln(-ln u)`.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @returns float32 tensor, as of `jax.random.gumbel`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(random.gumbel(random.key(0), [3]).shape, [3]);
 * ```
 */
export function gumbel(key: Tensor, shape: Shape): Tensor {
  return neg(log(neg(log(maximum(uniform(key, shape), TINY)))));
}

/** Options of `categorical`. */
export interface CategoricalOptions {
  /** Axis of the categories, the last by default. */
  readonly axis?: number;
  /** Shape of the result; it ends with the other axes of the logits, which it is by default. */
  readonly shape?: Shape;
}

/**
 * Draws categories by their logits.
 *
 * @param key uint32 `[2]`.
 * @param logits Logarithms of the weights; -Infinity for none.
 * @param options `axis` of the categories; `shape` of the result.
 * @returns int32, as of `jax.random.categorical`.
 * @throws {ShapeError} If the shape does not end with the other axes of the logits.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random, tensor } from "@tessera/tessera/tensor";
 *
 * const logits = tensor([[0, -Infinity], [-Infinity, 0]]);
 * deepStrictEqual(await random.categorical(random.key(0), logits).data(), new Int32Array([0, 1]));
 * ```
 */
export function categorical(key: Tensor, logits: Tensor, options: CategoricalOptions = {}): Tensor {
  requireOptions("categorical", options, { axis: true, shape: true });
  requireTensor("categorical", "logits", logits);
  const [axis] = normalizeAxes("categorical", logits, options.axis ?? -1);
  const batch = logits.shape.filter((_, i) => i !== axis);
  const { shape = batch } = options;
  const extra = shape.slice(0, Math.max(0, shape.length - batch.length));
  if (!sameShape([...extra, ...batch], shape)) {
    throw new ShapeError("categorical", "the shape must end with the other axes of the logits", [shape, logits.shape]);
  }
  const noise = gumbel(key, [...extra, ...logits.shape]);
  return argmax(add(noise, logits), { axis: extra.length + axis! });
}

/** Options of `choice`. */
export interface ChoiceOptions {
  /** False for each element to be drawn once at most. */
  readonly replace?: boolean;
  /** Weights `[n]` that sum to 1; all alike by default. */
  readonly p?: Tensor;
}

/**
 * Draws from the rows of a tensor, or from the first whole numbers.
 *
 * @param key uint32 `[2]`.
 * @param from Tensor `[n, ...rest]`, or n.
 * @param shape Of the draws.
 * @param options `replace`, true by default; `p`.
 * @returns `[...shape, ...rest]`, or int32 of the shape, as of `jax.random.choice`.
 * @throws {RangeError} If more are drawn than there are, without putting back.
 * @throws {ShapeError} If there is not one weight for each.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const order = await random.choice(random.key(0), 5, [5], { replace: false }).data();
 * deepStrictEqual(order.toSorted(), new Int32Array([0, 1, 2, 3, 4]));
 * ```
 */
export function choice(key: Tensor, from: Tensor | number, shape: Shape, options: ChoiceOptions = {}): Tensor {
  requireOptions("choice", options, { replace: true, p: true });
  requireKey("choice", key);
  requireSizes("choice", shape);
  const { replace = true, p } = options;
  const fits = from instanceof Tensor || (Number.isInteger(from) && from > 0);
  requireKind("choice", "from", from, fits, "a tensor, or a whole number of at least 1");
  const rows = from instanceof Tensor ? from : arange(from);
  const n = rows.shape[0];
  const count = sizeOf(shape);
  if (!n) throw new ShapeError("choice", "there must be something to choose from", [rows.shape]);
  if (p && p.shape.join() !== `${n}`) {
    throw new ShapeError("choice", "there must be a weight for each", [rows.shape, p.shape]);
  }
  if (!replace && count > n) {
    throw new RangeError(`Cannot choose as each may be drawn once: current draws are ${count} of ${n}`);
  }
  const places = replace ? putBack(key, n, shape, p) : reshape(kept(key, n, count, p), shape);
  return take(rows, places, { wrapNegativeIndices: false });
}

function putBack(key: Tensor, n: number, shape: Shape, p: Tensor | undefined): Tensor {
  if (!p) return randint(key, shape, 0, n);
  const sums = cumsum(p);
  const last = reshape(slice(sums, { start: [n - 1], size: [1] }), []);
  return searchsorted(sums, mul(last, sub(1, uniform(key, shape))));
}

function kept(key: Tensor, n: number, count: number, p: Tensor | undefined): Tensor {
  const order = p ? argsort(neg(add(gumbel(key, [n]), log(p)))) : permutation(key, n);
  return slice(order, { start: [0], size: [count] });
}
