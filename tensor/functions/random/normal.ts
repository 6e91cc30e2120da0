import { requireSizes } from "../../host_values.ts";
import { requireOptions, shown } from "../../errors.ts";
import { add, clip, mul, sub } from "../../primitives/arithmetic.ts";
import { div } from "../../primitives/division.ts";
import { erf, erfinv } from "../../primitives/error_function.ts";
import { broadcastTo } from "../../primitives/sum.ts";
import type { Shape } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { full } from "../creation.ts";
import { STREAM_OPTIONS, type StreamOptions } from "./bits.ts";
import { uniform } from "./uniform.ts";

/**
 * Numbers of the standard normal distribution.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @param options `first`: where in the stream of the key to begin.
 * @returns float32 tensor of mean 0 and deviation 1, as of `jax.random.normal`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(random.normal(random.key(0), [3]).shape, [3]);
 * ```
 */
export function normal(key: Tensor, shape: Shape, options: StreamOptions = {}): Tensor {
  requireOptions("normal", options, STREAM_OPTIONS);
  const open = uniform(key, shape, { ...options, min: -1 + 2 ** -24, max: 1 }); // erfinv(-1) is infinite
  return mul(erfinv(open), Math.SQRT2);
}

/** Options of `truncatedNormal`. */
export interface TruncatedNormalOptions extends StreamOptions {
  /** Least value in deviations, -2 by default. */
  readonly lower?: number;
  /** Largest value in deviations, 2 by default. */
  readonly upper?: number;
}

/**
 * Normal numbers conditioned on an interval, by the inverse of the distribution function.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @param options `lower` and `upper`, in deviations, -2 and 2 by default; `first`: where in the stream to begin.
 * @returns float32 tensor within the interval.
 * @throws {RangeError} If the bounds are no interval.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(random.truncatedNormal(random.key(0), [3], { lower: -1, upper: 1 }).shape, [3]);
 * ```
 */
export function truncatedNormal(
  key: Tensor,
  shape: Shape,
  options: TruncatedNormalOptions = {},
): Tensor {
  requireOptions("truncatedNormal", options, { lower: true, upper: true, first: true });
  requireSizes("truncatedNormal", shape);
  const { lower = -2, upper = 2, ...stream } = options;
  if (!(typeof lower === "number" && typeof upper === "number" && lower < upper)) {
    throw new RangeError(
      `Cannot truncatedNormal as lower must be a number below upper: current bounds are ${shown(lower)} and ${
        shown(upper)
      }`,
    );
  }
  const end = (z: number) => erf(div(full([], z), Math.SQRT2));
  const [from, to] = [broadcastTo(end(lower), shape), broadcastTo(end(upper), shape)];
  const spread = add(from, mul(sub(to, from), uniform(key, shape, stream)));
  const open = clip(spread, -1 + 2 ** -24, 1 - 2 ** -24);
  return clip(mul(erfinv(open), Math.SQRT2), lower, upper);
}
