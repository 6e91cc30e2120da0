import { DTYPES, sameShape, type Shape } from "../../spec.ts";
import { requireKind, ShapeError } from "../../errors.ts";
import { literal, op, type Scalar } from "../../compiler/scalar.ts";
import type { Primitive } from "../../primitive.ts";
import { cast } from "../../primitives/cast.ts";
import { constant } from "../../primitives/constant.ts";
import { reshape } from "../../primitives/layout.ts";
import { sameSpec } from "../../primitives/operands.ts";
import { broadcastTo } from "../../primitives/sum.ts";
import { slice } from "../../primitives/window.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { requireTensor, requireTensors } from "../../require_tensor.ts";
import { threefry, threefryRounds, type WordOps } from "./rounds.ts";

const SCALARS: WordOps<Scalar> = {
  literal: (value) => literal(value, "uint32"),
  add: (x, y) => op("add", x, y),
  xor: (x, y) => op("xor", x, y),
  rotate: (x, by) =>
    op("or", op("shiftLeft", x, literal(by, "uint32")), op("shiftRight", x, literal(32 - by, "uint32"))),
};

/**
 * Which word of a result an element is, as a value: one evaluation of the rounds for each element, also where first and
 * second words lie in one tensor.
 */
export const WORD = { first: 0, second: 1, xor: 2 } as const;

/** A word of each result; which one, the last input says. */
const THREEFRY: Primitive = {
  name: "threefry2x32",
  shapeRule: (inputs) => sameSpec("threefry2x32")(inputs),
  reference: ([k0, k1, c0, c1, which]) =>
    k0!.data.map((key, i) => {
      const [x0, x1] = threefry([key, k1!.data[i]!], [c0!.data[i]!, c1!.data[i]!]);
      return [x0, x1, (x0 ^ x1) >>> 0][which!.data[i]!]!;
    }),
  vjpRule: () => [null, null, null, null, null],
  lowering: {
    kind: "expression",
    expression: ([k0, k1, c0, c1, which]) => {
      const [x0, x1] = threefryRounds([k0!, k1!], [c0!, c1!], SCALARS);
      const is = (word: number) => op("eq", which!, literal(word, "uint32"));
      return op("select", is(WORD.first), x0, op("select", is(WORD.second), x1, op("xor", x0, x1)));
    },
  },
};

/** A whole scalar as words of a shape, modulo 2^32. */
export function wordsOfScalar(operation: string, argument: string, x: Tensor, shape: Shape): Tensor {
  requireTensor(operation, argument, x);
  const fits = x.shape.length === 0 && !DTYPES[x.dtype].floating;
  if (!fits) {
    throw new ShapeError(operation, `${argument} must be a scalar of whole numbers, not ${x.dtype}`, [x.shape]);
  }
  return broadcastTo(cast(x, "uint32"), shape);
}

/** Refuses what is no key. */
export function requireKey(operation: string, key: unknown): asserts key is Tensor {
  requireTensor(operation, "key", key);
  if (key.dtype === "uint32" && sameShape(key.shape, [2])) return;
  throw new ShapeError(operation, `the key must be uint32 [2], such as random.key(0), not ${key.dtype}`, [key.shape]);
}

/**
 * Encrypts counters under a key: what all random numbers are made of.
 *
 * @param key uint32 `[2]`.
 * @param counters High and low words, uint32 of one shape.
 * @param which Of each result, 0 the first word, 1 the second, 2 both joined by xor; a number or uint32 of that shape.
 * @returns uint32 of the shape of the counters.
 * @throws {ShapeError} If the key is none.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { random, zeros } from "@tessera/tessera/tensor";
 *
 * const zero = zeros([], { dtype: "uint32" });
 * equal(await random.threefryWords(random.key(0), [zero, zero], 0).item(), 0x6b200159);
 * ```
 */
export function threefryWords(key: Tensor, counters: readonly [Tensor, Tensor], which: Tensor | number): Tensor {
  requireKey("encrypt", key);
  requireTensors("encrypt", "counters", counters);
  requireKind("encrypt", "counters", counters, counters.length === 2, "two tensors");
  const [high, low] = counters;
  const { shape } = high;
  const half = (i: number) => broadcastTo(reshape(slice(key, { start: [i], size: [1] }), []), shape);
  const chosen = typeof which === "number" ? constant(shape, which, "uint32") : cast(which, "uint32");
  return bind(THREEFRY, [half(0), half(1), high, low, chosen], {});
}
