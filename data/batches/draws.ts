/**
 * @file Randomness of the data pipeline, on host numbers. A draw is a function of its key and its number alone, and keys
 * name samples by their numbers in the whole data set: a sample comes out the same whichever worker or machine makes it.
 */
import type { Draw } from "../images/draw.ts";
// Not from mod.ts: threads that decode load this file and nothing else of the library of tensors.
import { threefry } from "../../tensor/kernel.ts";

/** Two 32-bit words that a stream of random numbers depends on. */
export type DataKey = readonly [number, number];

/**
 * Makes the key of a place in the run, such as (seed, epoch, sample index).
 *
 * @param words Integers from 0 to 2^53 - 1; another list of the same length gives another, independent key.
 * @returns The key.
 * @throws {RangeError} If a word is no such integer.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dataKey } from "@tessera/tessera/data";
 *
 * deepStrictEqual(dataKey(1, 0, 7), dataKey(1, 0, 7));
 * ```
 */
export function dataKey(...words: readonly number[]): DataKey {
  return words.reduce<DataKey>((key, word) => {
    if (!Number.isSafeInteger(word) || word < 0) {
      throw new RangeError(`Cannot make a key as its words must be integers of 0 or more: current word is ${word}`);
    }
    return threefry(key, [word >>> 0, Math.floor(word / 2 ** 32)]);
  }, [0, 0]);
}

/**
 * Starts the stream of a key.
 *
 * @param key Any key.
 * @returns A function that gives another number in [0, 1) at each call; two streams of one key are equal.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { dataKey, drawsOf } from "@tessera/tessera/data";
 *
 * equal(drawsOf(dataKey(3))(), drawsOf(dataKey(3))());
 * ```
 */
export function drawsOf(key: DataKey): Draw {
  let count = 0;
  return () => {
    const [high, low] = threefry(key, [count++, 1]);
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
  };
}

/**
 * Shuffles the integers below a number.
 *
 * @param key Any key.
 * @param length How many integers.
 * @returns Each of 0 … length - 1 once, every order equally likely.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dataKey, shuffled } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...shuffled(dataKey(1), 4)].sort(), [0, 1, 2, 3]);
 * ```
 */
export function shuffled(key: DataKey, length: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const draw = drawsOf(key);
  for (let last = length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1));
    const value = order[last]!;
    order[last] = order[other]!;
    order[other] = value;
  }
  return order;
}
