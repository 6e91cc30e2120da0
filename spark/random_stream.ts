/** @file Which random bits a run draws. A run goes on with those that it began with: its options name the version. */
import {
  add,
  arange,
  cast,
  less,
  mul,
  random,
  reshape,
  type Shape,
  sizeOf,
  slice,
  sub,
  type Tensor,
  where,
} from "../tensor/mod.ts";

/** Version of the bits: 1 as JAX drew them before 0.5 (runs of before), 2 as it does since. */
export type StreamVersion = 1 | 2;

/** Version that new runs draw. */
export const STREAM_VERSION: StreamVersion = 2;

/** How a step draws. */
export interface RandomStream {
  /** True if what is drawn for a part of a batch can be what is drawn for the whole: else each part has a key of its own. */
  readonly drawsParts: boolean;
  /** Derives independent keys. */
  split(key: Tensor, count: number): readonly Tensor[];
  /**
   * Uniform numbers in [0, 1) for samples: the leading axis are samples `first` and after of all that the key is for, so
   * that who draws a part of a batch draws what it would draw of the whole.
   */
  uniform(key: Tensor, shape: Shape, first: number | Tensor): Tensor;
}

/** The bits of version 1: counters `(i, i + half)` give words `i` and `i + half`; a size that is odd is padded with 0. */
function paddedBits(key: Tensor, size: number): Tensor {
  const half = Math.ceil(size / 2);
  const position = cast(arange(size), "uint32");
  const isFirst = less(position, half);
  const lower = where(isFirst, position, sub(position, half));
  const shifted = add(lower, half);
  const upper = size % 2 === 1 ? where(less(shifted, size), shifted, 0) : shifted;
  return random.threefryWords(key, [lower, upper], cast(sub(1, cast(isFirst, "int32")), "uint32"));
}

const STREAMS: Readonly<Record<StreamVersion, RandomStream>> = {
  1: {
    drawsParts: false,
    split: (key, count) => {
      const words = paddedBits(key, 2 * count);
      return Array.from({ length: count }, (_, i) => slice(words, { start: [2 * i], size: [2] }));
    },
    uniform: (key, shape, first) => {
      if (first === 0) return random.unitOf(reshape(paddedBits(key, sizeOf(shape)), shape));
      throw new RangeError(
        `Cannot draw a part of a batch as the random stream must be 2 for that: current stream is 1, first is ${first}`,
      );
    },
  },
  2: {
    drawsParts: true,
    split: random.split,
    uniform: (key, shape, first) => {
      const size = sizeOf(shape.slice(1));
      return random.uniform(key, shape, { first: typeof first === "number" ? first * size : mul(first, size) });
    },
  },
};

/**
 * Looks a random stream up.
 *
 * @param version Its version, as options of a run name it; that of new runs if not given.
 * @returns How to draw.
 * @throws {RangeError} If there is no such version.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { streamOf } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const [first] = streamOf(1).split(random.key(0), 2);
 * deepStrictEqual(await first!.data(), new Uint32Array([4146024105, 967050713])); // of JAX before 0.5
 * ```
 */
export function streamOf(version: StreamVersion = STREAM_VERSION): RandomStream {
  if (Object.hasOwn(STREAMS, version)) return STREAMS[version];
  throw new RangeError(`Cannot draw as the random stream must be 1 or 2: current stream is ${version}`);
}
