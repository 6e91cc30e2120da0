import { requireKey } from "./words.ts";
import { add, mul } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { remainder } from "../../primitives/division.ts";
import { DTYPES, type Shape } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { bits } from "./bits.ts";
import { split } from "./keys.ts";

/**
 * Whole numbers in `[min, max)`, each as likely as the others but for `span / 2^32`.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @param min Least value.
 * @param max End of the interval, above `min`.
 * @returns int32, as of `jax.random.randint`.
 * @throws {RangeError} If the bounds are not whole, not of int32 or do not ascend.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * ok((await random.randint(random.key(0), [9], -3, 4).data()).every((x) => x >= -3 && x < 4));
 * ```
 */
export function randint(key: Tensor, shape: Shape, min: number, max: number): Tensor {
  requireKey("randint", key);
  const [least, most] = DTYPES.int32.limits;
  if (![min, max].every(Number.isInteger) || !(min >= least && min < max && max <= most + 1)) {
    throw new RangeError(
      `Cannot randint as bounds must be whole, of int32 and ascend: current bounds are ${min} and ${max}`,
    );
  }
  const span = max - min;
  if (span === 2 ** 32) return cast(bits(split(key)[1], shape), "int32");
  const [high, low] = split(key).map((each) => remainder(bits(each, shape), span));
  // The high words count 2^32 modulo the span, which is what their product with it leaves.
  const half = 2 ** 16 % span;
  const multiplier = Number(BigInt(half) * BigInt(half) % 2n ** 32n) % span;
  const offset = remainder(add(mul(high!, multiplier), low!), span);
  return add(cast(offset, "int32"), min);
}
