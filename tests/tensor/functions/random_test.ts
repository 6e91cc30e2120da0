import { deepStrictEqual, ok, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";

const device = t.referenceDevice();
const values = async (x: Tensor) => [...await x.data({ device })];

async function moments(x: Tensor): Promise<{ readonly mean: number; readonly variance: number }> {
  return { mean: await t.mean(x).item({ device }), variance: await t.variance(x).item({ device }) };
}

Deno.test("Threefry gives the words of its authors' test vectors", async () => {
  // Random123, kat_vectors: threefry2x32, 20 rounds, as (key, counter, words).
  const vectors = [
    [[0, 0], [0, 0], [0x6b200159, 0x99ba4efe]],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    [[0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]],
  ] as const;
  for (const [key, counter, expected] of vectors) {
    deepStrictEqual(t.random.threefry(key, counter), [...expected]);
    const [high, low] = counter.map((word) => t.full([2], word, { dtype: "uint32" })) as [Tensor, Tensor];
    const words = t.random.threefryWords(t.tensor(new Uint32Array(key)), [high, low], t.arange(2));
    deepStrictEqual(await values(words), [...expected]);
  }
});

Deno.test("Keys and numbers equal those of jax.random", async () => {
  // As JAX's documentation prints them since 0.5, partitionable: key(0), key(42), their splits and normal numbers.
  deepStrictEqual(await values(t.random.key(0)), [0, 0]);
  deepStrictEqual(await values(t.random.key(2 ** 32 + 5)), [1, 5]);
  const [first, second] = t.random.split(t.random.key(0));
  deepStrictEqual(await values(first), [1797259609, 2579123966]);
  deepStrictEqual(await values(second), [928981903, 3453687069]);
  assertClose(await values(t.random.uniform(t.random.key(0), [])), [0.947667], { absolute: 5e-7, relative: 0 });
  const close = { absolute: 1e-6, relative: 0 };
  assertClose(await values(t.random.normal(t.random.key(42), [3])), [-0.02830462, 0.46713185, 0.29570296], close);
  const each = t.random.split(t.random.key(42), 3).map((key) => t.random.normal(key, []).item({ device }));
  assertClose(await Promise.all(each), [0.07592554, 0.60576403, 0.4323065], close);
});

Deno.test("split() gives the keys of foldIn(), as many as were asked for", async () => {
  const keys = t.random.split(t.random.key(9), 5);
  deepStrictEqual(keys.length, 5);
  const folded = keys.map((_, i) => t.random.foldIn(t.random.key(9), i));
  deepStrictEqual(await Promise.all(keys.map(values)), await Promise.all(folded.map(values)));
  deepStrictEqual(t.random.split(t.random.key(9), 0).length, 0);
  [-1, 1.5, NaN].forEach((n) => throws(() => t.random.split(t.random.key(9), n), RangeError));
  [-1, 1.5, 2 ** 32].forEach((data) => throws(() => t.random.foldIn(t.random.key(9), data), RangeError));
});

Deno.test("A part of a draw holds the numbers of the whole, wherever it begins", async () => {
  const key = t.random.key(4);
  const whole = await values(t.random.uniform(key, [6, 5]));
  deepStrictEqual(await values(t.random.uniform(key, [2, 5], { first: 15 })), whole.slice(15, 25));
  deepStrictEqual(
    await values(t.random.uniform(key, [2, 5], { first: t.tensor(15, { dtype: "uint32" }) })),
    whole.slice(15, 25),
  );
  // Across the words of the counter: of 2^32 - 1 and 2^32.
  const words = await values(t.random.bits(key, [2], { first: 2 ** 32 - 1 }));
  const expected = [[0, 2 ** 32 - 1], [1, 0]].map(([high, low]) => {
    const [x0, x1] = t.random.threefry([0, 4], [high!, low!]);
    return (x0 ^ x1) >>> 0;
  });
  deepStrictEqual(words, expected);
  throws(() => t.random.bits(key, [2], { first: -1 }), RangeError);
});

Deno.test("key() refuses seeds that are not whole, negative or too large", () => {
  [-1, 0.5, 2 ** 53, NaN].forEach((seed) => throws(() => t.random.key(seed), RangeError));
});

Deno.test("Numbers are a function of the key alone", async () => {
  deepStrictEqual(
    await values(t.random.uniform(t.random.key(3), [9])),
    await values(t.random.uniform(t.random.key(3), [9])),
  );
  const [a, b] = [
    await values(t.random.uniform(t.random.key(3), [9])),
    await values(t.random.uniform(t.random.key(4), [9])),
  ];
  ok(a.every((x, i) => x !== b[i]));
  const folded = await Promise.all([0, 1, 2].map((i) => values(t.random.foldIn(t.random.key(3), i))));
  deepStrictEqual(new Set(folded.map(String)).size, 3);
  deepStrictEqual(await values(t.random.foldIn(t.random.key(3), t.tensor(2, { dtype: "int32" }))), folded[2]);
});

Deno.test("Odd sizes and empty shapes are drawn", async () => {
  deepStrictEqual(t.random.bits(t.random.key(0), [0, 3]).shape, [0, 3]);
  deepStrictEqual(await values(t.random.bits(t.random.key(0), [0])), []);
  const words = await values(t.random.bits(t.random.key(0), [5]));
  deepStrictEqual(new Set(words).size, 5);
});

Deno.test("uniform() fills its interval evenly", async () => {
  const x = t.random.uniform(t.random.key(1), [20_000], { min: -2, max: 4 });
  const { mean, variance } = await moments(x);
  assertClose([mean, variance], [1, 3], { absolute: 0.06, relative: 0 });
  const all = await values(x);
  ok(Math.min(...all) >= -2 && Math.max(...all) < 4);
});

Deno.test("normal() has mean 0, deviation 1 and the tails of the distribution", async () => {
  const x = t.random.normal(t.random.key(2), [20_000]);
  const { mean, variance } = await moments(x);
  assertClose([mean, variance], [0, 1], { absolute: 0.03, relative: 0 });
  const all = await values(x);
  ok(all.every(Number.isFinite));
  assertClose([all.filter((v) => Math.abs(v) > 2).length / all.length], [0.0455], { absolute: 0.006, relative: 0 });
});

Deno.test("truncatedNormal() stays inside its interval", async () => {
  const x = t.random.truncatedNormal(t.random.key(5), [20_000]);
  const all = await values(x);
  ok(all.every((v) => v >= -2 && v <= 2));
  // The variance of a standard normal within two deviations.
  assertClose([(await moments(x)).variance], [0.774], { absolute: 0.02, relative: 0 });
});

Deno.test("bernoulli() is true as often as asked", async () => {
  const coins = await values(t.random.bernoulli(t.random.key(6), 0.3, [10_000]));
  assertClose([coins.reduce((a, b) => a + b) / coins.length], [0.3], { absolute: 0.02, relative: 0 });
  deepStrictEqual(await values(t.random.bernoulli(t.random.key(6), 0, [4])), [0, 0, 0, 0]);
  deepStrictEqual(await values(t.random.bernoulli(t.random.key(6), t.tensor([0, 1]), [3, 2])), [0, 1, 0, 1, 0, 1]);
});

Deno.test("permutation() holds every position once, in another order for another key", async () => {
  const [a, b] = [
    await values(t.random.permutation(t.random.key(7), 50)),
    await values(t.random.permutation(t.random.key(8), 50)),
  ];
  deepStrictEqual(a.toSorted((x, y) => x - y), [...Array(50).keys()]);
  deepStrictEqual(b.toSorted((x, y) => x - y), [...Array(50).keys()]);
  ok(a.some((x, i) => x !== b[i]));
});

Deno.test("permutation() of an array moves whole rows in the order of positions, or each line in one of its own", async () => {
  const key = t.random.key(7);
  const x = t.reshape(t.arange(24), [2, 6, 2]);
  const order = t.random.permutation(key, 6);
  deepStrictEqual(
    await values(t.random.permutation(key, x, { axis: 1 })),
    await values(t.take(x, order, { axis: 1 })),
  );
  const independent = await values(t.random.permutation(key, x, { axis: -2, independent: true }));
  const lines = [0, 1].flatMap((i) =>
    [0, 1].map((k) => [...Array(6).keys()].map((j) => independent[i * 12 + j * 2 + k]!))
  );
  lines.forEach((line, at) => {
    const first = Math.floor(at / 2) * 12 + at % 2;
    deepStrictEqual(line.toSorted((a, b) => a - b), [...Array(6).keys()].map((j) => first + 2 * j));
  });
  deepStrictEqual(
    new Set(lines.map((line, at) => line.map((v) => v - Math.floor(at / 2) * 12 - at % 2).join())).size,
    4,
  );
  deepStrictEqual((await values(t.random.permutation(key, t.tensor([true, false, true])))).toSorted(), [0, 1, 1]);
  throws(() => t.random.permutation(key, t.tensor(3)), t.ShapeError);
  throws(() => t.random.permutation(key, 2.5), RangeError);
  throws(() => t.random.permutation(key, 3, { independent: true }), TypeError);
  throws(() => t.random.permutation(key, x, { axis: 3 }), t.ShapeError);
});
