/** @file Random numbers as pure functions of a key: Threefry-2x32 (Salmon et al., SC 2011), as JAX uses it. */
import { literal, op, type Scalar } from "../compiler/scalar.ts";
import { full, tensor } from "./creation.ts";
import type { Primitive } from "../primitive.ts";
import { argsort } from "../primitives/argsort.ts";
import { cast } from "../primitives/cast.ts";
import { less } from "../primitives/comparison.ts";
import { shiftRight } from "../primitives/logic.ts";
import { erf, log, sqrt } from "../primitives/transcendental.ts";
import { where } from "../primitives/where.ts";
import { iota } from "../primitives/constant.ts";
import { add, clip, div, mul, neg, sub } from "../primitives/arithmetic.ts";
import { reshape } from "../primitives/layout.ts";
import { sameSpec } from "../primitives/operands.ts";
import { broadcastTo } from "../primitives/sum.ts";
import { slice } from "../primitives/window.ts";
import { type Shape, sizeOf } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";

const ROTATIONS = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;
const PARITY = 0x1BD11BDA;

/** The rounds over any kind of word: numbers in the reference, scalar expressions in kernels. */
function threefry<T>(k0: T, k1: T, c0: T, c1: T, w: WordOps<T>): readonly [T, T] {
  const keys = [k0, k1, w.xor(w.xor(k0, k1), w.literal(PARITY))] as const;
  let x0 = w.add(c0, k0);
  let x1 = w.add(c1, k1);
  for (let block = 0; block < 5; block++) {
    for (const rotation of ROTATIONS[block % 2]!) {
      x0 = w.add(x0, x1);
      x1 = w.xor(w.rotate(x1, rotation), x0);
    }
    x0 = w.add(x0, keys[(block + 1) % 3]!);
    x1 = w.add(w.add(x1, keys[(block + 2) % 3]!), w.literal(block + 1));
  }
  return [x0, x1];
}

interface WordOps<T> {
  readonly literal: (value: number) => T;
  readonly add: (x: T, y: T) => T;
  readonly xor: (x: T, y: T) => T;
  readonly rotate: (x: T, by: number) => T;
}

const NUMBERS: WordOps<number> = {
  literal: (value) => value,
  add: (x, y) => (x + y) >>> 0,
  xor: (x, y) => (x ^ y) >>> 0,
  rotate: (x, by) => ((x << by) | (x >>> (32 - by))) >>> 0,
};

const SCALARS: WordOps<Scalar> = {
  literal: (value) => literal(value, "uint32"),
  add: (x, y) => op("add", x, y),
  xor: (x, y) => op("xor", x, y),
  rotate: (x, by) =>
    op("or", op("shiftLeft", x, literal(by, "uint32")), op("shiftRight", x, literal(32 - by, "uint32"))),
};

/** Of the two words, the first where the last input (uint32) is not zero: one evaluation of the rounds for each element. */
const THREEFRY: Primitive = {
  name: "threefry2x32",
  shapeRule: (inputs) => sameSpec("threefry2x32")(inputs),
  reference: ([k0, k1, c0, c1, first]) =>
    k0!.data.map((key, i) => {
      const words = threefry(key, k1!.data[i]!, c0!.data[i]!, c1!.data[i]!, NUMBERS);
      return first!.data[i] ? words[0] : words[1];
    }),
  vjpRule: () => [null, null, null, null, null],
  lowering: {
    kind: "expression",
    expression: ([k0, k1, c0, c1, first]) =>
      op("select", op("ne", first!, literal(0, "uint32")), ...threefry(k0!, k1!, c0!, c1!, SCALARS)),
  },
};

/** One output word for each of a list of counters: the first or the second. */
function words(key: Tensor, c0: Tensor, c1: Tensor, first: Tensor): Tensor {
  const half = (i: number) => broadcastTo(slice(key, { start: [i], size: [1] }), c0.shape);
  return bind(THREEFRY, [half(0), half(1), c0, c1, cast(first, "uint32")], {});
}

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
 * import { key } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await key(7).data(), new Uint32Array([0, 7]));
 * ```
 */
export function key(seed: number): Tensor {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot make a key as the seed must be whole and in [0, 2^53): current seed is ${seed}`);
  }
  return tensor(new Uint32Array([Math.floor(seed / 2 ** 32), seed % 2 ** 32]));
}

/**
 * Derives independent keys. A key is used once: for numbers, or to be split.
 *
 * @param parent uint32 `[2]`.
 * @param n How many, 2 by default.
 * @returns uint32 `[n, 2]`; take row i with `slice` or `foldIn`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { key, split } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(split(key(0), 3).shape, [3, 2]);
 * ```
 */
export function split(parent: Tensor, n = 2): Tensor {
  return reshape(randomBits(parent, [2 * n]), [n, 2]);
}

/**
 * Derives a key for a number, such as a layer or a step.
 *
 * @param parent uint32 `[2]`.
 * @param data A whole number in [0, 2^32), or a scalar uint32 tensor.
 * @returns uint32 `[2]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { foldIn, key } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(foldIn(key(0), 1).shape, [2]);
 * ```
 */
export function foldIn(parent: Tensor, data: number | Tensor): Tensor {
  const low = typeof data === "number"
    ? full([2], data, "uint32")
    : broadcastTo(reshape(cast(data, "uint32"), [1]), [2]);
  const high = full([2], 0, "uint32");
  return words(parent, high, low, less(iota([2], 0), 1));
}

/**
 * Random 32-bit words.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @returns uint32 tensor, uniform over all words. The first half of the elements are the first output words of the
 * counters (i, i + half), the second half the second, as in `jax.random` without partitionable keys.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { key, randomBits } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await randomBits(key(0), [2]).data(), new Uint32Array([928981903, 3453687069]));
 * ```
 */
export function randomBits(key: Tensor, shape: Shape): Tensor {
  const size = sizeOf(shape);
  const half = Math.ceil(size / 2);
  const position = cast(iota([size], 0), "uint32");
  const first = less(iota([size], 0), half);
  // An odd size pads the counters with a zero.
  const lower = where(first, position, sub(position, half));
  const shifted = add(lower, half);
  const upper = size % 2 === 1 ? where(less(shifted, size), shifted, 0) : shifted;
  return reshape(words(key, lower, upper, first), shape);
}

/**
 * Uniform numbers in `[min, max)`.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @param options Bounds, 0 and 1 by default.
 * @returns float32 tensor on a grid of 2^23 values.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { key, uniform } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(uniform(key(0), [3]).shape, [3]);
 * ```
 */
export function uniform(
  key: Tensor,
  shape: Shape,
  { min = 0, max = 1 }: { readonly min?: number; readonly max?: number } = {},
): Tensor {
  const unit = mul(cast(shiftRight(randomBits(key, shape), 9), "float32"), 2 ** -23);
  return min === 0 && max === 1 ? unit : add(mul(unit, max - min), min);
}

// Giles, "Approximating the erfinv function" (GPU Computing Gems, 2011), single precision, Horner order.
const ERFINV_CENTRE = [
  2.81022636e-08,
  3.43273939e-07,
  -3.5233877e-06,
  -4.39150654e-06,
  0.00021858087,
  -0.00125372503,
  -0.00417768164,
  0.246640727,
  1.50140941,
];
const ERFINV_TAIL = [
  -0.000200214257,
  0.000100950558,
  0.00134934322,
  -0.00367342844,
  0.00573950773,
  -0.0076224613,
  0.00943887047,
  1.00167406,
  2.83297682,
];

/** The inverse of erf on (-1, 1), to single precision. */
function erfinv(x: Tensor): Tensor {
  const w = neg(log(mul(sub(1, x), add(1, x))));
  const polynomial = (t: Tensor, coefficients: readonly number[]) =>
    coefficients.slice(1).reduce<Tensor>((sum, c) => add(mul(sum, t), c), full(x.shape, coefficients[0]!, x.dtype));
  const centre = polynomial(sub(w, 2.5), ERFINV_CENTRE);
  const tail = polynomial(sub(sqrt(w), 3), ERFINV_TAIL);
  return mul(where(less(w, 5), centre, tail), x);
}

/**
 * Numbers of the standard normal distribution.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @returns float32 tensor of mean 0 and deviation 1.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { key, normal } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(normal(key(0), [3]).shape, [3]);
 * ```
 */
export function normal(key: Tensor, shape: Shape): Tensor {
  const open = uniform(key, shape, { min: -1 + 2 ** -24, max: 1 }); // erfinv(-1) is infinite
  return mul(erfinv(open), Math.SQRT2);
}

/**
 * Normal numbers conditioned on an interval, by the inverse of the distribution function.
 *
 * @param key uint32 `[2]`.
 * @param shape Any shape.
 * @param options `lower` and `upper`, in deviations; -2 and 2 by default.
 * @returns float32 tensor within the interval.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { key, truncatedNormal } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(truncatedNormal(key(0), [3], { lower: -1, upper: 1 }).shape, [3]);
 * ```
 */
export function truncatedNormal(
  key: Tensor,
  shape: Shape,
  { lower = -2, upper = 2 }: { readonly lower?: number; readonly upper?: number } = {},
): Tensor {
  const end = (z: number) => erf(div(full([], z), Math.SQRT2));
  const [from, to] = [broadcastTo(end(lower), shape), broadcastTo(end(upper), shape)];
  const spread = add(from, mul(sub(to, from), uniform(key, shape)));
  const open = clip(spread, -1 + 2 ** -24, 1 - 2 ** -24);
  return clip(mul(erfinv(open), Math.SQRT2), lower, upper);
}

/**
 * Coins.
 *
 * @param key uint32 `[2]`.
 * @param p Probability of true, in [0, 1]; a number or a tensor that broadcasts to the shape.
 * @param shape Any shape.
 * @returns Bool tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { bernoulli, key } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await bernoulli(key(0), 1, [2]).data(), new Uint8Array([1, 1]));
 * ```
 */
export function bernoulli(key: Tensor, p: number | Tensor, shape: Shape): Tensor {
  return less(uniform(key, shape), p);
}

/**
 * A random order.
 *
 * @param key uint32 `[2]`.
 * @param n How many positions.
 * @returns int32 tensor `[n]`: 0 to n - 1 in random order.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { key, permutation } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual((await permutation(key(0), 3).data()).toSorted(), new Int32Array([0, 1, 2]));
 * ```
 */
export function permutation(key: Tensor, n: number): Tensor {
  return argsort(randomBits(key, [n]));
}
