/** @file Laws of arrays: shapes, order, random words. */
import { deepStrictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import * as t from "../../tensor/mod.ts";
import { type Laws, valuesOf } from "./functions.ts";

const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
/** A shape, of which some sizes are made 1. */
const thinned = fc.tuple(shape, fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), fc.integer({ min: 0, max: 3 }))
  .map(([sizes, ones, from]) => sizes.map((size, i) => ones[i] ? 1 : size).slice(Math.min(from, sizes.length)));

/** NumPy's rule, axis by axis from the last: null if two shapes do not broadcast. */
function broadcast(a: readonly number[], b: readonly number[]): readonly number[] | null {
  const rank = Math.max(a.length, b.length);
  const sizes = Array.from({ length: rank }, (_, i) => [a, b].map((one) => one[i - rank + one.length] ?? 1));
  if (!sizes.every(([m, n]) => m === n || m === 1 || n === 1)) return null;
  return sizes.map(([m, n]) => m === 1 ? n! : m!);
}

/** The element of an array that stands at a place of a broadcast result. */
function elementAt(values: readonly number[], sizes: readonly number[], place: readonly number[]): number {
  const offset = place.length - sizes.length;
  return values[sizes.reduce((at, size, i) => at * size + (size === 1 ? 0 : place[i + offset]!), 0)]!;
}

function placesOf(sizes: readonly number[]): readonly (readonly number[])[] {
  return sizes.reduce<readonly (readonly number[])[]>(
    (places, size) => places.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
    [[]],
  );
}

const counted = (sizes: readonly number[], factor: number) =>
  Array.from({ length: t.sizeOf(sizes) }, (_, i) => (i * factor) % 7 - 3);

/** Few values, so that many are equal; some are no numbers or infinite. */
const keys = fc.array(fc.constantFrom(0, 1, 2, -1, 0.5, NaN, Infinity, -Infinity), { minLength: 1, maxLength: 40 });
const rankOf = (x: number) => Number.isNaN(x) ? [1, 0] : [0, x];
const before = (a: number, b: number) => {
  const [[m, x], [n, y]] = [rankOf(a), rankOf(b)] as [[number, number], [number, number]];
  return m !== n ? m - n : x < y ? -1 : x > y ? 1 : 0;
};

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

/** Threefry-2x32 of 20 rounds (Salmon et al. 2011), on BigInts: another writing than the library's. */
function threefry([k0, k1]: readonly [number, number], counter: bigint): readonly [bigint, bigint] {
  const mask = 0xffffffffn;
  const ks = [BigInt(k0), BigInt(k1), BigInt(k0) ^ BigInt(k1) ^ 0x1bd11bdan];
  let [x0, x1] = [(counter >> 32n) + ks[0]! & mask, (counter & mask) + ks[1]! & mask];
  for (let block = 0; block < 5; block++) {
    for (const by of block % 2 === 0 ? [13n, 15n, 26n, 6n] : [17n, 29n, 16n, 24n]) {
      x0 = x0 + x1 & mask;
      x1 = ((x1 << by | x1 >> (32n - by)) & mask) ^ x0;
    }
    x0 = x0 + ks[(block + 1) % 3]! & mask;
    x1 = x1 + ks[(block + 2) % 3]! + BigInt(block + 1) & mask;
  }
  return [x0, x1];
}

/** Laws of arrays. */
export const ARRAY_LAWS: Laws = {
  "broadcasting is NumPy's": fc.asyncProperty(
    shape,
    thinned,
    shape,
    fc.boolean(),
    async (sizes, thin, other, alike) => {
      const [a, b] = [sizes, alike ? thin : other];
      const result = broadcast(a, b);
      const [x, y] = [counted(a, 5), counted(b, 3)];
      const added = () =>
        t.add(t.tensor(x, { shape: a, dtype: "float64" }), t.tensor(y, { shape: b, dtype: "float64" }));
      if (result === null) return void throws(added, t.ShapeError);
      deepStrictEqual(added().shape, result);
      const wanted = placesOf(result).map((place) => elementAt(x, a, place) + elementAt(y, b, place));
      deepStrictEqual(await valuesOf(added()), wanted);
    },
  ),
  "sorting is stable, no numbers last": fc.asyncProperty(keys, fc.boolean(), async (values, descending) => {
    const x = t.tensor(values, { dtype: "float64" });
    const order = [...values.keys()].sort((i, j) =>
      (descending && !Number.isNaN(values[i]) && !Number.isNaN(values[j]) ? -1 : 1) * before(values[i]!, values[j]!) ||
      i - j
    );
    deepStrictEqual(await valuesOf(t.argsort(x, { descending })), order);
    deepStrictEqual(await valuesOf(t.sort(x, { descending })), order.map((i) => values[i]!));
  }),
  "random bits are JAX's": fc.asyncProperty(
    word,
    word,
    fc.integer({ min: 0, max: 20 }),
    word,
    async (k0, k1, n, at) => {
      const key = t.tensor(new Uint32Array([k0, k1]));
      const joined = Array.from({ length: n }, (_, i) => {
        const [x, y] = threefry([k0, k1], BigInt(i));
        return Number(x ^ y);
      });
      deepStrictEqual(await valuesOf(t.random.bits(key, [n])), joined);
      deepStrictEqual(await valuesOf(t.random.foldIn(key, at)), threefry([k0, k1], BigInt(at)).map(Number));
    },
  ),
};
