import { requireKey } from "./words.ts";
import { requireOptions, ShapeError, shown } from "../../errors.ts";
import { argsort } from "../../primitives/argsort.ts";
import { iota } from "../../primitives/constant.ts";
import { take, takeAlongAxis } from "../../primitives/gather.ts";
import { normalizeAxes } from "../../primitives/sum.ts";
import { requireTensor } from "../../require_tensor.ts";
import { sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { bits } from "./bits.ts";
import { split } from "./keys.ts";

/** Options of `permutation`. */
export interface PermutationOptions {
  /** Axis of an array whose rows change places. 0 by default. */
  readonly axis?: number;
  /** True if every line along the axis has an order of its own. False by default: rows stay whole. */
  readonly independent?: boolean;
}

/**
 * A random order, of positions or of an array: sorts by random words, as often as it takes that words alike are rare.
 *
 * @param key uint32 `[2]`.
 * @param x How many positions, or an array of at least one axis, of any dtype.
 * @param options Axis, and whether its lines are drawn one by one; for arrays only.
 * @returns int32 tensor `[n]`: 0 to n - 1 in random order; or the array with its rows in that order. As of
 * `jax.random.permutation`.
 * @throws {RangeError} If `x` is a number that is negative or not whole, or there is no such axis.
 * @throws {ShapeError} If the array is a scalar.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual((await random.permutation(random.key(0), 3).data()).toSorted(), new Int32Array([0, 1, 2]));
 * const rows = random.permutation(random.key(1), tensor([[1, 2], [3, 4], [5, 6]]));
 * deepStrictEqual((await rows.data()).filter((value) => value % 2 === 1).length, 3);
 * ```
 */
export function permutation(key: Tensor, x: number | Tensor, options: PermutationOptions = {}): Tensor {
  requireOptions("draw a permutation", options, { axis: true, independent: true });
  requireKey("draw a permutation", key);
  if (typeof x === "number") return orderOf(key, x, options);
  requireTensor("draw a permutation", "x", x);
  if (x.shape.length === 0) throw new ShapeError("draw a permutation", "the array must have an axis", [x.shape]);
  const axis = normalizeAxes("draw a permutation", x, options.axis ?? 0)[0]!;
  if (options.independent) return shuffled(key, x, { axis, sorts: sortsOf(sizeOf(x.shape)) });
  return take(x, positions(key, x.shape[axis]!), { axis, wrapNegativeIndices: false });
}

function orderOf(key: Tensor, n: number, options: PermutationOptions): Tensor {
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new RangeError(`Cannot draw a permutation as x must be an array or a count of positions: current x is ${n}`);
  }
  if (Object.keys(options).length > 0) {
    throw new TypeError(
      `Cannot draw a permutation as options are for arrays: current x is ${n}, with ${shown(options)}`,
    );
  }
  return positions(key, n);
}

const positions = (key: Tensor, n: number): Tensor => shuffled(key, iota([n], 0), { axis: 0, sorts: sortsOf(n) });

const sortsOf = (size: number): number => Math.ceil(3 * Math.log(Math.max(1, size)) / Math.log(2 ** 32 - 1));

function shuffled(key: Tensor, x: Tensor, { axis, sorts }: { readonly axis: number; readonly sorts: number }): Tensor {
  if (sorts === 0) return x;
  const [next, now] = split(key);
  const order = argsort(bits(now, x.shape), { axis });
  const turned = takeAlongAxis(x, order, { axis, wrapNegativeIndices: false });
  return shuffled(next, turned, { axis, sorts: sorts - 1 });
}
