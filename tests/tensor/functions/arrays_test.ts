import { deepStrictEqual, equal, rejects, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import golden from "../../golden/arrays_numpy.json" with { type: "json" };
import { assertClose } from "../../support/assert_close.ts";
import { checkGrads } from "../../../tensor/mod.ts";

interface Plain {
  readonly shape: readonly number[];
  readonly values: readonly (number | null)[];
}

const given = ({ shape, values }: Plain, dtype: t.DType = "float64") => t.tensor(values.map(Number), { shape, dtype });
const [A, B] = [golden.a, golden.b] as const;

const first = (a: t.Tensor) => t.squeeze(t.take(a, [0]), { axis: 0 });
const line = (a: t.Tensor, i: number, j: number) => t.reshape(t.take(t.take(a, [i]), [j], { axis: 1 }), [4]);

/** What is computed of the arrays, and NumPy's answer. */
const ROWS: readonly (readonly [
  name: string,
  f: (a: t.Tensor, b: t.Tensor) => t.Tensor | readonly t.Tensor[],
  Plain | readonly Plain[],
])[] = [
  ["softmax", (_, b) => t.softmax(b), golden.softmax],
  ["softmax over axis 0", (a) => t.softmax(a, { axis: 0 }), golden.softmaxFirst],
  ["logSoftmax", (_, b) => t.logSoftmax(b), golden.logSoftmax],
  ["logsumexp", (a) => t.logsumexp(a, { axis: [0, 2] }), golden.logsumexp],
  ["logsumexp of large numbers", (_, b) => t.logsumexp(b, { axis: 1 }), golden.logsumexpLarge],
  ["sort", (a) => t.sort(a, { axis: 1 }), golden.sort],
  ["sort, the largest first", (a) => t.sort(a, { descending: true }), golden.sortDescending],
  ["eye", () => t.eye(3, { columns: 4, diagonal: 1 }), golden.eye],
  ["eye, below", () => t.eye(3, { diagonal: -1 }), golden.eyeBelow],
  ["tril", (a) => t.tril(a, { diagonal: 1 }), golden.tril],
  ["triu", (a) => t.triu(a, { diagonal: -1 }), golden.triu],
  ["swapaxes", (a) => t.swapaxes(a, 0, -1), golden.swapaxes],
  ["moveaxis", (a) => t.moveaxis(a, 0, -1), golden.moveaxis],
  ["moveaxis, back", (a) => t.moveaxis(a, 2, 0), golden.moveaxisBack],
  ["split at positions", (a) => t.split(a, [1, 1, 3], { axis: 2 }), golden.split],
  ["split evenly", (a) => t.split(a, 2, { axis: -1 }), golden.splitEven],
  ["roll", (a) => t.roll(a, -5, { axis: 1 }), golden.roll],
  ["roll, last axis", (a) => t.roll(a, 3), golden.rollLast],
  ["tile", (a) => t.tile(t.take(a, [0]), [2, 1, 3]), golden.tile],
  ["tile, fewer axes", (a) => t.tile(a, [2]), golden.tileShort],
  ["repeat", (a) => t.repeat(a, 3, { axis: 1 }), golden.repeat],
  ["cumsum", (a) => t.cumsum(a, { axis: 1 }), golden.cumsum],
  ["cumprod", (a) => t.cumprod(a), golden.cumprod],
  ["cummax", (a) => t.cummax(a, { axis: 0 }), golden.cummax],
  ["prod", (a) => t.prod(a, { axis: [0, 2] }), golden.prod],
  ["prod of all", (a) => t.div(t.prod(t.add(a, 5.5)), 1), golden.prodAll],
  ["std", (a) => t.std(a, { axis: 1, correction: 1 }), golden.std],
  ["any", (a) => t.cast(t.any(t.equal(a, 2), { axis: 2 }), a.dtype), golden.any],
  ["all", (a) => t.cast(t.all(t.less(a, 5), { axis: 2 }), a.dtype), golden.all],
  ["norm", (a) => t.norm(a, { axis: 1 }), golden.norm],
  ["norm of order 1", (a) => t.norm(first(a), { axis: 1, order: 1 }), golden.norm1],
  ["norm of order Infinity", (a) => t.norm(first(a), { axis: 0, order: Infinity }), golden.normInfinity],
  ["norm of order 3", (a) => t.norm(first(a), { axis: 0, order: 3 }), golden.norm3],
  ["linspace", (a) => t.linspace(-1, 2, 7, { dtype: a.dtype as "float32" }), golden.linspace],
  [
    "linspace without its end",
    (a) => t.linspace(3, 1, 4, { endpoint: false, dtype: a.dtype as "float32" }),
    golden.linspaceOpen,
  ],
  ["linspace of one", (a) => t.linspace(3, 1, 1, { dtype: a.dtype as "float32" }), golden.linspaceOne],
  ["outer", (a) => t.outer(line(a, 0, 0), t.reshape(t.take(t.take(a, [1]), [1], { axis: 2 }), [3])), golden.outer],
  ["vdot", (a) => t.vdot(line(a, 0, 0), line(a, 1, 1)), golden.vdot],
];

for (const device of [t.referenceDevice(), t.cpuDevice()]) {
  const dtype = device.name === "reference" ? "float64" : "float32";
  for (const [name, f, expected] of ROWS) {
    Deno.test(`${name} is NumPy's on ${device.name}`, async () => {
      const found = [f(given(A, dtype), given(B, dtype))].flat();
      const wanted = [expected].flat() as readonly Plain[];
      equal(found.length, wanted.length);
      for (const [i, { shape, values }] of wanted.entries()) {
        deepStrictEqual(found[i]!.shape, shape);
        assertClose(await found[i]!.data({ device }), values.map((value) => value ?? -Infinity), {}, name);
      }
    });
  }
}

Deno.test("the sum of exponentials of infinities is what it is, with its gradient", async () => {
  const x = t.tensor([[-Infinity, -Infinity], [1, -Infinity]], { dtype: "float64" });
  const device = t.referenceDevice();
  deepStrictEqual([...await t.logsumexp(x, { axis: 1 }).data({ device })], [-Infinity, 1]);
  const gradient = t.grad((x: t.Tensor) => t.sum(t.logsumexp(x, { axis: 1 })))(
    t.tensor([[1, -Infinity]], { dtype: "float64" }),
  );
  deepStrictEqual([...await gradient.data({ device })], [1, 0]);
});

for (
  const [name, f] of [
    ["softmax", (x: t.Tensor) => t.softmax(x)],
    ["logSoftmax", (x: t.Tensor) => t.logSoftmax(x)],
    ["logsumexp", (x: t.Tensor) => t.logsumexp(x, { axis: -1 })],
    ["sort", (x: t.Tensor) => t.square(t.sort(x))],
    ["topK", (x: t.Tensor) => t.square(t.topK(x, 2)[0])],
    ["cumsum", (x: t.Tensor) => t.square(t.cumsum(x))],
    ["cumprod", (x: t.Tensor) => t.cumprod(x)],
    ["prod", (x: t.Tensor) => t.prod(x, { axis: -1 })],
    ["std", (x: t.Tensor) => t.std(x, { axis: -1 })],
    ["norm", (x: t.Tensor) => t.norm(x, { axis: -1, order: 3 })],
  ] as const
) {
  Deno.test(`${name}: pullbacks equal differences`, async () => {
    await checkGrads(f, [t.tensor([[0.3, -1.2, 2.1], [0.7, 0.1, -0.4]], { dtype: "float64" })]);
  });
}

Deno.test("topK tells values and places; oneHot undoes argmax; likes take shape and dtype", async () => {
  const x = t.tensor([[3, 9, 9, 1], [4, 0, 2, 8]], { dtype: "int32" });
  const [values, indices] = t.topK(x, 2);
  deepStrictEqual([[...await values.data()], [...await indices.data()]], [[9, 9, 8, 4], [1, 2, 3, 0]]);
  deepStrictEqual([...await t.oneHot(t.argmax(x), 4).data()], [0, 1, 0, 0, 0, 0, 0, 1]);
  deepStrictEqual([...await t.oneHot(t.tensor([-1, 9], { dtype: "int32" }), 2).data()], [0, 0, 0, 0]);
  deepStrictEqual([t.zerosLike(x).dtype, t.onesLike(x).shape], ["int32", [2, 4]]);
});

Deno.test("topK takes NaN first, as PyTorch and JAX do, and of equals the lower place", async () => {
  const [values, indices] = t.topK(t.tensor([3, NaN, 1, Infinity, 3, NaN]), 5);
  deepStrictEqual([[...await values.data()], [...await indices.data()]], [[NaN, NaN, Infinity, 3, 3], [1, 5, 3, 0, 4]]);
  deepStrictEqual([...await t.topK(t.tensor([5, 9, 7], { dtype: "uint32" }), 3)[1].data()], [1, 2, 0]);
});

Deno.test("over nothing, a product is 1, any is false, all is true; a product of a zero has a gradient", async () => {
  const x = t.zeros([0, 2]);
  deepStrictEqual([...await t.prod(x, { axis: 0 }).data()], [1, 1]);
  deepStrictEqual([...await t.any(x, { axis: 0 }).data(), ...await t.all(x, { axis: 0 }).data()], [0, 0, 1, 1]);
  deepStrictEqual([...await t.cumsum(t.tensor([true, false, true])).data()], [1, 1, 2]);
  deepStrictEqual([...await t.grad((x: t.Tensor) => t.prod(x))(t.tensor([0, 3, 4])).data()], [12, 0, 0]);
});

Deno.test("what does not fit is refused", async () => {
  const x = t.ones([2, 3]);
  throws(() => t.topK(x, 4), /at most 3/);
  throws(() => t.split(x, 2, { axis: 1 }), t.ShapeError);
  throws(() => t.tril(t.ones([3])), t.ShapeError);
  throws(() => t.oneHot(x, 3), /integers/);
  throws(() => t.fullLike(t.zeros([2], { dtype: "int32" }), 0.5), /int32/);
  throws(() => t.roll(x, 0.5), /whole/);
  throws(() => t.softmax([1, 2] as never), TypeError);
  await rejects(async () => await t.eye(2.5).data(), t.ShapeError);
});

Deno.test("an axis in the place of options is refused, not passed over", () => {
  const x = t.ones([2, 3]);
  const called: Readonly<Record<string, (options: never) => unknown>> = {
    sum: (options) => t.sum(x, options),
    mean: (options) => t.mean(x, options),
    variance: (options) => t.variance(x, options),
    std: (options) => t.std(x, options),
    max: (options) => t.max(x, options),
    argmax: (options) => t.argmax(x, options),
    argsort: (options) => t.argsort(x, options),
    take: (options) => t.take(x, [0], options),
    takeAlongAxis: (options) => t.takeAlongAxis(x, t.zeros([2, 1], { dtype: "int32" }), options),
    prod: (options) => t.prod(x, options),
    any: (options) => t.any(x, options),
    norm: (options) => t.norm(x, options),
    softmax: (options) => t.softmax(x, options),
    logSoftmax: (options) => t.logSoftmax(x, options),
    logsumexp: (options) => t.logsumexp(x, options),
    sort: (options) => t.sort(x, options),
    cumsum: (options) => t.cumsum(x, options),
    split: (options) => t.split(x, 1, options),
    roll: (options) => t.roll(x, 1, options),
    repeat: (options) => t.repeat(x, 2, options),
    concat: (options) => t.concat([x], options),
    tril: (options) => t.tril(x, options),
  };
  for (const [name, call] of Object.entries(called)) {
    for (const wrong of [0, 1, "int32", null, [0]]) {
      throws(() => call(wrong as never), TypeError, `${name} takes ${wrong}`);
    }
  }
});
