import { argsort } from "../../primitives/argsort.ts";
import { iota } from "../../primitives/constant.ts";
import { take } from "../../primitives/gather.ts";
import type { Tensor } from "../../tensor.ts";
import { requireTensor } from "../../require_tensor.ts";
import { bits } from "./bits.ts";
import { split } from "./keys.ts";

/**
 * A random order: sorts by random words, as often as it takes that words alike are rare.
 *
 * @param key uint32 `[2]`.
 * @param n How many positions.
 * @returns int32 tensor `[n]`: 0 to n - 1 in random order, as of `jax.random.permutation`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual((await random.permutation(random.key(0), 3).data()).toSorted(), new Int32Array([0, 1, 2]));
 * ```
 */
export function permutation(key: Tensor, n: number): Tensor {
  requireTensor("draw a permutation", "key", key);
  const sorts = Math.ceil(3 * Math.log(Math.max(1, n)) / Math.log(2 ** 32 - 1));
  return shuffled(key, iota([n], 0), sorts);
}

function shuffled(key: Tensor, x: Tensor, sorts: number): Tensor {
  if (sorts === 0) return x;
  const [next, now] = split(key);
  return shuffled(next, take(x, argsort(bits(now, x.shape)), { wrapNegativeIndices: false }), sorts - 1);
}
