import { requireKind, requireOptions } from "../../errors.ts";
import { add, mul } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { less } from "../../primitives/comparison.ts";
import { shiftRight } from "../../primitives/logic.ts";
import { broadcastTo } from "../../primitives/sum.ts";
import type { Shape } from "../../spec.ts";
import { Tensor } from "../../tensor.ts";
import { bits, STREAM_OPTIONS, type StreamOptions } from "./bits.ts";

/** Options of `uniform`. */
export interface UniformOptions extends StreamOptions {
  /** Least value, 0 by default. */
  readonly min?: number;
  /** End of the interval, 1 by default. */
  readonly max?: number;
}

/**
 * The numbers in [0, 1) that random words stand for: their upper 23 bits.
 *
 * @param words uint32.
 * @returns float32 of the same shape, on a grid of 2^23 values.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await random.unitOf(tensor(new Uint32Array([0, 2 ** 31]))).data(), new Float32Array([0, 0.5]));
 * ```
 */
export function unitOf(words: Tensor): Tensor {
  return mul(cast(shiftRight(words, 9), "float32"), 2 ** -23);
}

/**
 * Uniform numbers in `[min, max)`.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @param options Bounds, 0 and 1 by default; `first`: where in the stream of the key to begin.
 * @returns float32 tensor on a grid of 2^23 values, as of `jax.random.uniform`.
 * @throws {TypeError} If a bound is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * equal((await random.uniform(random.key(0), []).item()).toFixed(6), "0.947667");
 * ```
 */
export function uniform(key: Tensor, shape: Shape, options: UniformOptions = {}): Tensor {
  requireOptions("uniform", options, { min: true, max: true, first: true });
  const { min = 0, max = 1, ...stream } = options;
  for (const [name, end] of Object.entries({ min, max })) {
    requireKind("uniform", name, end, Number.isFinite(end), "a finite number");
  }
  const unit = unitOf(bits(key, shape, stream));
  return min === 0 && max === 1 ? unit : add(mul(unit, max - min), min);
}

/**
 * Coins.
 *
 * @param key uint32 `[2]`.
 * @param p Probability of true, in [0, 1]; a number or a tensor that broadcasts to the shape.
 * @param shape Any shape.
 * @param options `first`: where in the stream of the key to begin.
 * @returns Bool tensor, as of `jax.random.bernoulli`.
 * @throws {TypeError} If `p` is neither tensor nor a number in [0, 1].
 * @throws {ShapeError} If the tensor does not broadcast to the shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await random.bernoulli(random.key(0), 1, [2]).data(), new Uint8Array([1, 1]));
 * ```
 */
export function bernoulli(key: Tensor, p: number | Tensor, shape: Shape, options: StreamOptions = {}): Tensor {
  requireOptions("bernoulli", options, STREAM_OPTIONS);
  const isTensor = p instanceof Tensor;
  requireKind(
    "bernoulli",
    "p",
    p,
    isTensor || (p >= 0 && p <= 1 && Number.isFinite(p)),
    "a number in [0, 1], or a tensor",
  );
  return less(uniform(key, shape, options), isTensor ? broadcastTo(p, shape) : p);
}
