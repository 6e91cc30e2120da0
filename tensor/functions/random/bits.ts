import { requireSizes } from "../../host_values.ts";
import { type OptionNames, requireOptions } from "../../errors.ts";
import { add } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { less } from "../../primitives/comparison.ts";
import { iota } from "../../primitives/constant.ts";
import { reshape } from "../../primitives/layout.ts";
import { type Shape, sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { full } from "../creation.ts";
import { requireKey, threefryWords, WORD, wordsOfScalar } from "./words.ts";

/** Which part of a key's stream is drawn. */
export interface StreamOptions {
  /**
   * Number of the first element in the stream of the key, 0 by default: a whole number below 2^53, or a scalar uint32
   * tensor (whose stream ends at 2^32). Whoever draws a part of a larger draw gets the same numbers as whoever draws it
   * whole: rows `r` and after of `bits(key, [n, m])` are `bits(key, [n - r, m], { first: r * m })`.
   */
  readonly first?: number | Tensor;
}

/** Names of StreamOptions. */
export const STREAM_OPTIONS: OptionNames<StreamOptions> = { first: true };

/** High and low words of the counters `first`, `first + 1`, … */
function counters(size: number, first: number | Tensor): readonly [Tensor, Tensor] {
  const position = cast(iota([size], 0), "uint32");
  if (typeof first !== "number") {
    return [full([size], 0, { dtype: "uint32" }), add(position, wordsOfScalar("draw bits", "first", first, [size]))];
  }
  if (!Number.isSafeInteger(first) || first < 0) {
    throw new RangeError(`Cannot draw bits as first must be whole and in [0, 2^53): current first is ${first}`);
  }
  const [high, low] = [Math.floor(first / 2 ** 32), first % 2 ** 32];
  const sum = low === 0 ? position : add(position, full([size], low, { dtype: "uint32" })); // modulo 2^32
  const lead = full([size], high, { dtype: "uint32" });
  return [
    low + size <= 2 ** 32 ? lead : add(lead, cast(less(sum, full([size], low, { dtype: "uint32" })), "uint32")),
    sum,
  ];
}

/**
 * Random 32-bit words.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @param options `first`: where in the stream of the key to begin.
 * @returns uint32 tensor, uniform over all words, as of `jax.random.bits` (partitionable Threefry: element i is the xor
 * of both words of counter i, whatever the shape).
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const [, second] = await random.bits(random.key(0), [2]).data();
 * deepStrictEqual(await random.bits(random.key(0), [1], { first: 1 }).data(), new Uint32Array([second!]));
 * ```
 */
export function bits(key: Tensor, shape: Shape, options: StreamOptions = {}): Tensor {
  requireOptions("bits", options, STREAM_OPTIONS);
  const { first = 0 } = options;
  requireKey("draw", key);
  requireSizes("draw", shape);
  return reshape(threefryWords(key, counters(sizeOf(shape), first), WORD.xor), shape);
}
