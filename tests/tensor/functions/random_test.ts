import { deepStrictEqual, ok, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import { topologicalOrder } from "../../../tensor/order.ts";
import { assertClose } from "../../support/assert_close.ts";

const device = t.referenceDevice();
const values = async (x: Tensor) => [...await x.data({ device })];

async function moments(x: Tensor): Promise<{ readonly mean: number; readonly variance: number }> {
  return { mean: await t.mean(x).item({ device }), variance: await t.variance(x).item({ device }) };
}

Deno.test("Threefry gives the words of its authors' test vectors", () => {
  // Random123, kat_vectors: threefry2x32, 20 rounds, as (key, counter, words).
  const vectors = [
    [[0, 0], [0, 0], [0x6b200159, 0x99ba4efe]],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    [[0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]],
  ] as const;
  const node = topologicalOrder([t.foldIn(t.key(0), 0)]).find((x) => x.primitive.name === "threefry2x32")!;
  for (const [key, counter, expected] of vectors) {
    const operands = [...key, ...counter].map((word) => ({
      shape: [],
      dtype: "uint32" as const,
      data: Float64Array.of(word),
    }));
    const words = [1, 0].map((first) => {
      const choice = { shape: [], dtype: "uint32" as const, data: Float64Array.of(first) };
      return node.primitive.reference([...operands, choice], {}, node)[0];
    });
    deepStrictEqual(words, [...expected]);
  }
});

Deno.test("Keys and numbers equal those of jax.random", async () => {
  // jax.random with jax_threefry_partitionable off: split(PRNGKey(0)), uniform(PRNGKey(0)), normal(PRNGKey(0), (3,)).
  deepStrictEqual(await values(t.key(0)), [0, 0]);
  deepStrictEqual(await values(t.key(2 ** 32 + 5)), [1, 5]);
  deepStrictEqual(await values(t.split(t.key(0))), [4146024105, 967050713, 2718843009, 1272950319]);
  deepStrictEqual(await values(t.uniform(t.key(0), [])), [0.41845703125]);
  assertClose(await values(t.normal(t.key(0), [3])), [1.8160863, -0.48262325, 0.33988908], { absolute: 1e-6 });
});

Deno.test("key() refuses seeds that are not whole, negative or too large", () => {
  [-1, 0.5, 2 ** 53, NaN].forEach((seed) => throws(() => t.key(seed), RangeError));
});

Deno.test("Numbers are a function of the key alone", async () => {
  deepStrictEqual(await values(t.uniform(t.key(3), [9])), await values(t.uniform(t.key(3), [9])));
  const [a, b] = [await values(t.uniform(t.key(3), [9])), await values(t.uniform(t.key(4), [9]))];
  ok(a.every((x, i) => x !== b[i]));
  const folded = await Promise.all([0, 1, 2].map((i) => values(t.foldIn(t.key(3), i))));
  deepStrictEqual(new Set(folded.map(String)).size, 3);
  deepStrictEqual(await values(t.foldIn(t.key(3), t.tensor(2, "int32"))), folded[2]);
});

Deno.test("Odd sizes and empty shapes are drawn", async () => {
  deepStrictEqual(t.randomBits(t.key(0), [0, 3]).shape, [0, 3]);
  deepStrictEqual(await values(t.randomBits(t.key(0), [0])), []);
  const words = await values(t.randomBits(t.key(0), [5]));
  deepStrictEqual(new Set(words).size, 5);
});

Deno.test("uniform() fills its interval evenly", async () => {
  const x = t.uniform(t.key(1), [20_000], { min: -2, max: 4 });
  const { mean, variance } = await moments(x);
  assertClose([mean, variance], [1, 3], { absolute: 0.06, relative: 0 });
  const all = await values(x);
  ok(Math.min(...all) >= -2 && Math.max(...all) < 4);
});

Deno.test("normal() has mean 0, deviation 1 and the tails of the distribution", async () => {
  const x = t.normal(t.key(2), [20_000]);
  const { mean, variance } = await moments(x);
  assertClose([mean, variance], [0, 1], { absolute: 0.03, relative: 0 });
  const all = await values(x);
  ok(all.every(Number.isFinite));
  assertClose([all.filter((v) => Math.abs(v) > 2).length / all.length], [0.0455], { absolute: 0.006, relative: 0 });
});

Deno.test("truncatedNormal() stays inside its interval", async () => {
  const x = t.truncatedNormal(t.key(5), [20_000]);
  const all = await values(x);
  ok(all.every((v) => v >= -2 && v <= 2));
  // The variance of a standard normal within two deviations.
  assertClose([(await moments(x)).variance], [0.774], { absolute: 0.02, relative: 0 });
});

Deno.test("bernoulli() is true as often as asked", async () => {
  const coins = await values(t.bernoulli(t.key(6), 0.3, [10_000]));
  assertClose([coins.reduce((a, b) => a + b) / coins.length], [0.3], { absolute: 0.02, relative: 0 });
  deepStrictEqual(await values(t.bernoulli(t.key(6), 0, [4])), [0, 0, 0, 0]);
  deepStrictEqual(await values(t.bernoulli(t.key(6), t.tensor([0, 1]), [3, 2])), [0, 1, 0, 1, 0, 1]);
});

Deno.test("permutation() holds every position once, in another order for another key", async () => {
  const [a, b] = [await values(t.permutation(t.key(7), 50)), await values(t.permutation(t.key(8), 50))];
  deepStrictEqual(a.toSorted((x, y) => x - y), [...Array(50).keys()]);
  deepStrictEqual(b.toSorted((x, y) => x - y), [...Array(50).keys()]);
  ok(a.some((x, i) => x !== b[i]));
});
