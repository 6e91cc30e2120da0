import { deepStrictEqual, ok, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";

const { random } = t;
const COUNT = 20_000;
const key = random.key(11);
const device = t.cpuDevice();

/** Mean, variance and quartiles of each distribution, as SciPy's `stats` has them: `dist.stats()`, `dist.ppf([.25, .5, .75])`. */
const MOMENTS: readonly (readonly [
  string,
  () => Tensor,
  readonly [mean: number, variance: number, quartiles: readonly number[]],
])[] = [
  ["gumbel", () => random.gumbel(key, [COUNT]), [0.577216, 1.644934, [-0.326634, 0.366513, 1.245899]]],
  ["exponential", () => random.exponential(key, [COUNT]), [1, 1, [0.287682, 0.693147, 1.386294]]],
  ["gamma of 2.5", () => random.gamma(key, 2.5, [COUNT]), [2.5, 2.5, [1.337301, 2.175730, 3.312840]]],
  ["gamma of 0.3", () => random.gamma(key, 0.3, [COUNT]), [0.3, 0.3, [0.0069, 0.073131, 0.342899]]],
  ["beta of 2 and 3", () => random.beta(key, 2, 3, [COUNT]), [0.4, 0.04, [0.243022, 0.385728, 0.543678]]],
  ["beta of halves", () => random.beta(key, 0.5, t.tensor(0.5), [COUNT]), [0.5, 0.125, [0.146447, 0.5, 0.853553]]],
  ["randint", () => t.cast(random.randint(key, [COUNT], -5, 6), "float32"), [0, 10, [-3, 0, 3]]],
];

for (const [name, draw, [mean, variance, quartiles]] of MOMENTS) {
  Deno.test(`${name} has the moments and quartiles of its distribution`, async () => {
    const x = draw();
    const found = [t.mean(x), t.variance(x), t.quantile(x, [0.25, 0.5, 0.75])];
    const [m, v, q] = await Promise.all(found.map((y) => y.data({ device })));
    const deviation = Math.sqrt(variance);
    ok(Math.abs(m![0]! - mean) < 5 * deviation / Math.sqrt(COUNT), `mean is ${m}`);
    ok(Math.abs(v![0]! - variance) < 0.08 * variance, `variance is ${v}`);
    quartiles.forEach((each, i) => ok(Math.abs(q![i]! - each) < 0.04 * deviation, `quartiles are ${q}`));
  });
}

const counted = async (x: Tensor, n: number) => [...await t.bincount(x, { length: n }).data({ device })];

Deno.test("categorical and choice draw by weights", async () => {
  const p = [0.1, 0, 0.6, 0.3];
  const logits = t.log(t.tensor(p));
  const draws: readonly Tensor[] = [
    random.categorical(key, logits, { shape: [COUNT] }),
    random.choice(key, 4, [COUNT], { p: t.tensor(p) }),
  ];
  for (const drawn of draws) {
    const counts = await counted(drawn, 4);
    counts.forEach((count, i) => ok(Math.abs(count / COUNT - p[i]!) < 0.02, `counts are ${counts}`));
    deepStrictEqual(counts[1], 0);
  }
  deepStrictEqual(random.categorical(key, t.zeros([3, 5]), { axis: 0 }).shape, [5]);
  const kept = await random.choice(key, 4, [3], { replace: false, p: t.tensor(p) }).data({ device });
  deepStrictEqual([...kept].toSorted(), [0, 2, 3]);
  const rows = random.choice(key, t.tensor([[1, 2], [3, 4]]), [2, 3]);
  deepStrictEqual(rows.shape, [2, 3, 2]);
  deepStrictEqual(await counted(random.choice(key, 5, [5], { replace: false }), 5), [1, 1, 1, 1, 1]);
});

Deno.test("randint joins two words for each number, as JAX does", async () => {
  const [first, second] = random.split(key);
  const [high, low] = [await random.bits(first, [50]).data(), await random.bits(second, [50]).data()];
  for (const [min, max] of [[0, 10], [-7, 100_000], [-(2 ** 31), 2 ** 31 - 1]] as const) {
    const span = BigInt(max - min);
    const half = 2n ** 16n % span;
    const multiplier = half * half % 2n ** 32n % span;
    const expected = Array.from(high, (h, i) => {
      const joined = (BigInt(h) % span * multiplier + BigInt(low[i]!) % span) % 2n ** 32n;
      return Number(joined % span) + min;
    });
    deepStrictEqual([...await random.randint(key, [50], min, max).data()], expected);
  }
});

Deno.test("what cannot be drawn is refused", () => {
  throws(() => random.randint(key, [2], 3, 3), RangeError);
  throws(() => random.randint(key, [2], 0, 2 ** 40), RangeError);
  throws(() => random.choice(key, 3, [4], { replace: false }), RangeError);
  throws(() => random.choice(key, 0, [1]), /from must be a tensor, or a whole number of at least 1: current from is 0/);
  throws(() => random.choice(key, t.zeros([0]), [1]), t.ShapeError);
  throws(() => random.choice(key, 3, [1], { p: t.ones([2]) }), t.ShapeError);
  throws(() => random.gamma(key, 0, [2]), RangeError);
  throws(() => random.categorical(key, t.zeros([3, 5]), { shape: [2, 4] }), t.ShapeError);
});
