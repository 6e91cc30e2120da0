import { requireOptions } from "../errors.ts";
import { argsort } from "../primitives/argsort.ts";
import { takeAlongAxis } from "../primitives/gather.ts";
import { sub } from "../primitives/arithmetic.ts";
import { slice } from "../primitives/window.ts";
import { flip } from "./axes.ts";
import { normalizeAxes } from "../primitives/sum.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/** Options of `sort`. */
export interface SortOptions {
  /** -1 by default. */
  readonly axis?: number;
  /** True for the largest first. */
  readonly descending?: boolean;
}

/**
 * Sorts along an axis. Gradients go to where values came from.
 *
 * @param x Any tensor.
 * @param options `axis`, the last by default; `descending`.
 * @returns Tensor of the same shape; equal values keep their order.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sort, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sort(tensor([3, 1, 2])).data(), new Float32Array([1, 2, 3]));
 * ```
 */
export function sort(x: Tensor, options: SortOptions = {}): Tensor {
  requireOptions("sort", options, { axis: true, descending: true });
  requireTensor("sort", "x", x);
  const { axis = -1, descending = false } = options;
  return takeAlongAxis(x, argsort(x, { axis, descending }), { axis });
}

/**
 * The largest elements along the last axis, the largest first. NaN is larger than every number, as it is to `max`.
 *
 * @param x Any tensor of at least one axis.
 * @param k How many, at most the size of the last axis.
 * @returns `[values, indices]`, each `[..., k]`; indices are int32, of equal values the lower first.
 * @throws {RangeError} If there are fewer than `k`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor, topK } from "@tessera/tessera/tensor";
 *
 * const [values, indices] = topK(tensor([3, 1, 2]), 2);
 * deepStrictEqual([...await values.data(), ...await indices.data()], [3, 2, 0, 2]);
 * ```
 */
export function topK(x: Tensor, k: number): [values: Tensor, indices: Tensor] {
  requireTensor("topK", "x", x);
  const [last] = normalizeAxes("topK", x, -1);
  const size = x.shape[last!]!;
  if (!(Number.isInteger(k) && k >= 0 && k <= size)) {
    throw new RangeError(`Cannot take the top k as k must be whole and at most ${size}: current k is ${k}`);
  }
  const order = largestFirst(x, size);
  const indices = slice(order, { start: order.shape.map(() => 0), size: order.shape.with(last!, k) });
  return [takeAlongAxis(x, indices), indices];
}

/** The order of the last axis from the largest on, NaN first: `argsort` puts it last either way, so it runs from the end. */
function largestFirst(x: Tensor, size: number): Tensor {
  const options = { axis: -1 };
  return sub(size - 1, flip(argsort(flip(x, options), options), options));
}
