/** @file Random numbers: those of JAX's definitions, worked out in NumPy from the words of threefry. */
import { t } from "../../support/public_calls.ts";
import { integers, type OpCase } from "../../support/op_row.ts";
import { type ConformanceRow, drawn, op } from "../row.ts";

const { random } = t;
const KEY = integers("uint32", [0, 2 ** 32], [2]);
const keyAnd = (...shapes: readonly (readonly number[])[]): OpCase => ({
  inputs: [KEY.inputs[0]!, ...shapes.map((shape) => ({ shape }))],
});
const MANY = 4000;
/** A mean of many draws may be off by five deviations. */
const meanOf = (deviation: number) => {
  const absolute = 5 * deviation / Math.sqrt(MANY);
  return { tolerance: { absolute, relative: 0 }, exact: absolute };
};

/** Draws, keys and what they are made of. */
export const DRAWS: readonly ConformanceRow[] = [
  op("random.key", () => random.key(2 ** 32 + 5), { inputs: [] }, "np.array([1, 5])"),
  drawn("random.split", (key) => random.split(key, 3), KEY, "[words(a, i) for i in range(3)]"),
  drawn("random.foldIn", (key) => random.foldIn(key, 7), KEY, "words(a, 7)"),
  drawn("random.bits", (key) => random.bits(key, [3, 5]), KEY, "bits(a, (3, 5))"),
  drawn(
    "random.threefryWords",
    (key) => random.threefryWords(key, [t.zeros([3], { dtype: "uint32" }), t.cast(t.arange(3), "uint32")], 0),
    KEY,
    "np.array([words(a, i)[0] for i in range(3)])",
  ),
  drawn(
    "random.threefry",
    () => t.tensor(new Uint32Array(random.threefry([1, 2], [3, 4]))),
    { inputs: [] },
    "np.array(threefry([1, 2], 3, 4))",
  ),
  op("random.unitOf", (x) => random.unitOf(x), integers("uint32", [0, 2 ** 31], [5]), "(a >> 9) / 2.0**23"),
  drawn("random.uniform", (key) => random.uniform(key, [300], { min: -2, max: 3 }), KEY, "uniform(a, (300,)) * 5 - 2"),
  drawn("random.normal", (key) => random.normal(key, [50]), KEY, "normal(a, (50,))", {
    ...{ tolerance: { absolute: 5e-6, relative: 5e-6 }, exact: 1e-5 },
  }),
  drawn(
    "random.truncatedNormal",
    (key) => random.truncatedNormal(key, [50]),
    KEY,
    "truncated_normal(a, (50,), -2, 2)",
    {
      ...{ tolerance: { absolute: 2e-5, relative: 1e-5 }, exact: 2e-5 },
    },
  ),
  drawn(
    "random.bernoulli",
    (key, p) => random.bernoulli(key!, t.abs(p!), [3, 5]),
    keyAnd([5]),
    "uniform(a, (3, 5)) < np.abs(b)",
  ),
  drawn("random.gumbel", (key) => random.gumbel(key, [50]), KEY, "gumbel(a, (50,))"),
  drawn("random.exponential", (key) => random.exponential(key, [50]), KEY, "-np.log1p(-uniform(a, (50,)))"),
  drawn(
    "random.categorical",
    (key, x) => random.categorical(key!, x!),
    keyAnd([9, 4]),
    "np.argmax(gumbel(a, (9, 4)) + b, -1)",
    {
      rejects: [() => random.categorical(random.key(0), t.zeros([3, 5]), { shape: [2, 4] })],
    },
  ),
  drawn("random.randint", (key) => random.randint(key, [67], -9, 1000), KEY, "randint(a, (67,), -9, 1000)"),
  drawn("random.permutation", (key) => random.permutation(key, 100), KEY, "permutation(a, 100)", {
    rejects: [() => random.permutation(random.key(0), t.tensor(1))],
  }),
  drawn("random.choice", (key, x) => random.choice(key!, x!, [6]), keyAnd([5, 2]), "b[randint(a, (6,), 0, 5)]", {
    rejects: [() => random.choice(random.key(0), t.zeros([0]), [1])],
  }),
  drawn(
    "random.gamma",
    (key) => t.mean(random.gamma(key, 2.5, [MANY])),
    KEY,
    "stats.gamma(2.5).mean()",
    meanOf(2.5 ** 0.5),
  ),
  drawn("random.beta", (key) => t.mean(random.beta(key, 2, 3, [MANY])), KEY, "stats.beta(2, 3).mean()", meanOf(0.2)),
];
