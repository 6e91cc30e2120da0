import { cast } from "../../primitives/cast.ts";
import { iota } from "../../primitives/constant.ts";
import { reshape } from "../../primitives/layout.ts";
import { slice } from "../../primitives/window.ts";
import type { Tensor } from "../../tensor.ts";
import { full, tensor, zeros } from "../creation.ts";
import { requireKey, threefryWords, wordsOfScalar } from "./words.ts";

/**
 * Makes a key.
 *
 * @param seed A whole number in [0, 2^53).
 * @returns uint32 tensor `[2]`: the high and the low word of the seed.
 * @throws {RangeError} If the seed is out of range.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await random.key(7).data(), new Uint32Array([0, 7]));
 * ```
 */
export function key(seed: number): Tensor {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot make a key as the seed must be whole and in [0, 2^53): current seed is ${seed}`);
  }
  return tensor(new Uint32Array([Math.floor(seed / 2 ** 32), seed % 2 ** 32]));
}

/** As many keys as were asked for, so that they can be taken apart by name. */
export type Keys<N extends number, Taken extends readonly Tensor[] = []> = number extends N ? readonly Tensor[]
  : Taken["length"] extends N ? Taken
  : Keys<N, readonly [...Taken, Tensor]>;

/**
 * Derives independent keys. A key is used once: for numbers, or to be split.
 *
 * @param key uint32 `[2]`.
 * @param n How many, 2 by default.
 * @returns `n` keys, uint32 `[2]` each, as of `jax.random.split`: key i is `foldIn(key, i)`.
 * @throws {RangeError} If `n` is not a whole number of at least 0.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const [mask, noise] = random.split(random.key(0));
 * deepStrictEqual(await mask.data(), new Uint32Array([1797259609, 2579123966]));
 * deepStrictEqual(noise.shape, [2]);
 * ```
 */
export function split<N extends number = 2>(key: Tensor, n: N = 2 as N): Keys<N> {
  requireKey("split a key", key);
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new RangeError(`Cannot split a key as n must be a whole number of at least 0: current n is ${n}`);
  }
  const counters = [zeros([n, 2], { dtype: "uint32" }), cast(iota([n, 2], 0), "uint32")] as const;
  const words = threefryWords(key, counters, iota([n, 2], 1)); // in one piece; row i is key i
  const keys = Array.from({ length: n }, (_, i) => reshape(slice(words, { start: [i, 0], size: [1, 2] }), [2]));
  return keys as readonly Tensor[] as Keys<N>;
}

/**
 * Derives a key for a number, such as a layer or a step.
 *
 * @param key uint32 `[2]`.
 * @param data A whole number in [0, 2^32), or a scalar uint32 tensor.
 * @returns uint32 `[2]`, as of `jax.random.fold_in`.
 * @throws {RangeError} If the number is out of range.
 * @throws {ShapeError} If the tensor is no scalar of whole numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(random.foldIn(random.key(0), 1).shape, [2]);
 * ```
 */
export function foldIn(key: Tensor, data: number | Tensor): Tensor {
  requireKey("fold into a key", key);
  if (typeof data === "number" && !(Number.isSafeInteger(data) && data >= 0 && data < 2 ** 32)) {
    throw new RangeError(`Cannot fold into a key as data must be whole and in [0, 2^32): current data is ${data}`);
  }
  const low = typeof data === "number"
    ? full([2], data, { dtype: "uint32" })
    : wordsOfScalar("fold into a key", "data", data, [2]);
  return threefryWords(key, [zeros([2], { dtype: "uint32" }), low], iota([2], 0));
}
