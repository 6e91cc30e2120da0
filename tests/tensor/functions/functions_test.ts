import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import * as k from "../../../tensor/kernel.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import golden from "../../golden/ops_torch.json" with { type: "json" };
import { assertClose } from "../../support/assert_close.ts";
import { checkGrads } from "../../../tensor/mod.ts";
import { randomValues } from "../../support/random_values.ts";

const device = t.referenceDevice();
const values = async (x: Tensor) => [...await x.data({ device })];

// deno-lint-ignore no-explicit-any
type Options = any;
const OPERATIONS: Readonly<Record<string, (inputs: readonly Tensor[], options: Options) => Tensor>> = {
  conv2d: ([x, w], options) => t.conv2d(x!, w!, options),
  convTranspose2d: ([x, w], options) => t.convTranspose2d(x!, w!, options),
  maxPool2d: ([x], options) => t.maxPool2d(x!, options),
  avgPool2d: ([x], options) => t.avgPool2d(x!, options),
  gelu: ([x]) => t.mul(t.mul(x!, 0.5), t.add(t.erf(t.mul(x!, Math.SQRT1_2)), 1)),
  erf: ([x]) => t.erf(x!),
  sigmoid: ([x]) => t.sigmoid(x!),
  variance: ([x], options) => t.variance(x!, options),
  max: ([x], options) => t.max(x!, options),
  matmul: ([a, b]) => t.matmul(a!, b!),
  argsort: ([x], options) => t.argsort(x!, options),
};

interface Golden {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const double = (x: Golden) => t.tensor(Float64Array.from(x.values), { shape: x.shape });
const exact = { absolute: 1e-10, relative: 1e-10 };

for (const { name, op, options, inputs, output, ...rest } of golden.cases) {
  Deno.test(`${name} equals PyTorch, with gradients`, async () => {
    const [actual, pullback] = t.vjp((...xs: Tensor[]) => OPERATIONS[op]!(xs, options), ...inputs.map(double));
    deepStrictEqual(actual.shape, output.shape);
    assertClose(await actual.data({ device }), output.values, exact, "output");
    if (!("cotangent" in rest)) return;
    const gradients = pullback(double(rest.cotangent as Golden));
    for (const [i, expected] of (rest.gradients as Golden[]).entries()) {
      deepStrictEqual(gradients[i]!.shape, expected.shape);
      assertClose(await gradients[i]!.data({ device }), expected.values, exact, `gradient ${i}`);
    }
  });
}

Deno.test("Promotion goes bool < uint32 < int32 < float32 < float64, and numbers are weak", () => {
  const [b, u, i, f, d] = (["bool", "uint32", "int32", "float32", "float64"] as const).map((dtype) =>
    t.zeros([2], { dtype })
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  deepStrictEqual(t.add(b, u).dtype, "uint32");
  throws(() => t.add(u, i), /Cannot add as one dtype must hold the values of both: .* uint32 and int32; cast one/);
  deepStrictEqual(t.add(i, f).dtype, "float32");
  deepStrictEqual(t.add(f, d).dtype, "float64");
  deepStrictEqual(t.add(d, 1.5).dtype, "float64");
  deepStrictEqual(t.add(f, 1.5).dtype, "float32");
  deepStrictEqual(t.add(i, 1).dtype, "int32");
  deepStrictEqual(t.add(i, 1.5).dtype, "float32");
  deepStrictEqual(t.less(i, 1).dtype, "bool");
});

Deno.test("Integers wrap; quotients and remainders are named by where they round", async () => {
  const x = t.tensor([7, -7, 2 ** 31 - 1], { dtype: "int32" });
  deepStrictEqual(await values(t.truncDivide(x, 2)), [3, -3, 1073741823]);
  deepStrictEqual(await values(t.floorDivide(x, 2)), [3, -4, 1073741823]);
  deepStrictEqual(await values(t.div(x, 2)), [3.5, -3.5, 2 ** 30]);
  deepStrictEqual(await values(t.fmod(x, 4)), [3, -3, 3]);
  deepStrictEqual(await values(t.remainder(x, 4)), [3, 1, 3]);
  deepStrictEqual(await values(t.add(x, 1)), [8, -6, -(2 ** 31)]);
  deepStrictEqual(await values(t.mul(t.tensor([2 ** 31 + 1], { dtype: "uint32" }), 2 ** 31 + 1)), [1]);
  deepStrictEqual(await values(t.sum(t.full([3], 2 ** 31 - 1, { dtype: "int32" }))), [2 ** 31 - 3]);
});

Deno.test("cast() stops at the ends of a range, and keeps the bits between integers", async () => {
  const x = t.tensor([3e9, -3e9, NaN, 1.9, -1.9]);
  deepStrictEqual(await values(t.cast(x, "int32")), [2 ** 31 - 1, -(2 ** 31), 0, 1, -1]);
  deepStrictEqual(await values(t.cast(x, "uint32")), [3e9, 0, 0, 1, 0]);
  deepStrictEqual(await values(t.cast(t.tensor([-1], { dtype: "int32" }), "uint32")), [2 ** 32 - 1]);
  deepStrictEqual(await values(t.cast(x, "bool")), [1, 1, 1, 1, 1]);
  throws(() => t.full([1], -1, { dtype: "uint32" }), /Cannot fill as the value must be of uint32: current value is -1/);
});

Deno.test("Reductions over nothing give their neutral elements", async () => {
  const none = t.zeros([2, 0]);
  deepStrictEqual(await values(t.sum(none, { axis: 1 })), [0, 0]);
  deepStrictEqual(await values(t.mean(none, { axis: 1 })), [NaN, NaN]);
  deepStrictEqual(await values(t.sum(none, { axis: 0 })), []);
});

Deno.test("Ties share the cotangent of max() and maximum() equally", async () => {
  const x = t.tensor([3, 1, 3, 3, 0]);
  assertClose(await values(t.grad((x: Tensor) => t.max(x))(x)), [1 / 3, 0, 1 / 3, 1 / 3, 0]);
  const both = t.grad((x: Tensor) => t.sum(t.maximum(x, t.tensor([3, 2]))))(t.tensor([3, 1]));
  deepStrictEqual(await values(both), [0.5, 0]);
});

Deno.test("Cotangents do not flow to what where() leaves out, not even of NaN", async () => {
  const safeLog = (x: Tensor) => t.sum(t.where(t.greater(x, 0), t.log(t.where(t.greater(x, 0), x, 1)), 0));
  deepStrictEqual(await values(t.grad(safeLog)(t.tensor([-1, 0, 2]))), [0, 0, 0.5]);
});

Deno.test("take() and takeAlongAxis() read the fill outside, and give it no cotangent", async () => {
  const x = t.tensor([[1, 2], [3, 4]]);
  const rows = t.tensor([-1, 1, 2, 1], { dtype: "int32" });
  const outside = { fill: 9, wrapNegativeIndices: false };
  deepStrictEqual(await values(t.take(x, rows, outside)), [9, 9, 3, 4, 9, 9, 3, 4]);
  deepStrictEqual(await values(t.grad((x: Tensor) => t.sum(t.take(x, rows, outside)))(x)), [0, 0, 2, 2]);
  deepStrictEqual(await values(t.take(x, rows, { fill: 9 })), [3, 4, 3, 4, 9, 9, 3, 4]);
  deepStrictEqual(await values(t.grad((x: Tensor) => t.sum(t.take(x, rows)))(x)), [0, 0, 3, 3]);
  const places = t.tensor([[1, -1], [2, 0]], { dtype: "int32" });
  deepStrictEqual(await values(t.takeAlongAxis(x, places)), [2, 2, 0, 3]);
  deepStrictEqual(await values(t.takeAlongAxis(x, places, { wrapNegativeIndices: false })), [2, 0, 0, 3]);
  deepStrictEqual(await values(t.grad((x: Tensor) => t.sum(t.takeAlongAxis(x, places)))(x)), [0, 2, 1, 0]);
});

Deno.test("argsort() keeps the order of equals and puts NaN last", async () => {
  const x = t.tensor([2, NaN, 1, 2, -Infinity]);
  deepStrictEqual(await values(t.argsort(x)), [4, 2, 0, 3, 1]);
  deepStrictEqual(await values(t.argsort(x, { descending: true })), [0, 3, 2, 4, 1]);
});

Deno.test("convTranspose2d() is the adjoint of conv2d()", async () => {
  const options = { stride: 2, padding: 1 };
  const w = t.tensor(Float64Array.from(randomValues(1, 4 * 4 * 2 * 3)), { shape: [4, 4, 2, 3] });
  const x = t.tensor(Float64Array.from(randomValues(2, 2 * 6 * 4 * 2)), { shape: [2, 6, 4, 2] });
  const y = t.tensor(Float64Array.from(randomValues(3, 2 * 3 * 2 * 3)), { shape: [2, 3, 2, 3] });
  const forward = await t.sum(t.mul(t.conv2d(x, w, options), y)).item({ device });
  const adjoint = await t.sum(t.mul(x, t.convTranspose2d(y, w, options))).item({ device });
  ok(Math.abs(forward - adjoint) < 1e-10);
});

Deno.test("kernelMapConv() over the windows of dense images equals conv2d()", async () => {
  const shape = [2, 5, 4, 4] as const;
  const x = t.tensor(Float64Array.from(randomValues(1, t.sizeOf(shape))), { shape });
  const w = t.tensor(Float64Array.from(randomValues(2, 3 * 3 * 2 * 6)), { shape: [3, 3, 2, 6] });
  const maps = k.windowMap(2, [5, 4], [3, 3], { stride: [2, 1], padding: [[1, 1], [0, 1]], dilation: [1, 1] });
  const dense = t.conv2d(x, w, { stride: [2, 1], padding: [[1, 1], [0, 1]], groups: 2 });
  const rows = k.kernelMapConv(t.reshape(x, [-1, 4]), t.reshape(w, [9, 2, 6]), maps, { groups: 2 });
  deepStrictEqual(dense.shape.slice(1, 3), maps.outputSize);
  assertClose(await values(rows), await values(dense), exact);
});

Deno.test("maxPoolByMap() lets a larger fill win, and gives it the cotangent of nobody", async () => {
  const maps = {
    map: t.tensor([[0, -1], [0, 1]], { dtype: "int32" }),
    inverse: t.tensor([[0, -1], [-1, 1]], { dtype: "int32" }),
  };
  const x = t.tensor([[-2], [-1]]);
  const pulled = {
    map: t.tensor([[0, -1], [-1, 1]], { dtype: "int32" }),
    inverse: t.tensor([[0, -1], [-1, 1]], { dtype: "int32" }),
  };
  deepStrictEqual(await values(k.maxPoolByMap(x, maps, 0)), [0, -1]);
  deepStrictEqual(await values(k.maxPoolByMap(x, maps)), [-2, -1]);
  deepStrictEqual(await values(t.grad((x: Tensor) => t.sum(k.maxPoolByMap(x, pulled, 0)))(x)), [0, 0]);
  deepStrictEqual(await values(t.grad((x: Tensor) => t.sum(k.maxPoolByMap(x, pulled)))(x)), [1, 1]);
});

Deno.test("Gradients pass through a composition of views, reductions and products", async () => {
  const x = t.tensor(Float64Array.from(randomValues(5, 24)), { shape: [2, 3, 4] });
  const w = t.tensor(Float64Array.from(randomValues(6, 20)), { shape: [4, 5] });
  await checkGrads((x, w) => {
    const h = t.tanh(t.matmul(x, w)); // [2, 3, 5]
    const centred = t.sub(h, t.mean(h, { axis: -1, keepDims: true }));
    const scaled = t.mul(centred, t.rsqrt(t.add(t.variance(h, { axis: -1, keepDims: true }), 1e-2)));
    return t.concat([t.flip(scaled, { axis: 1 }), t.transpose(t.reshape(scaled, [2, 5, 3]), [0, 2, 1])], { axis: 2 });
  }, [x, w]);
});

Deno.test("tensor() refuses ragged arrays and shapes that do not hold the values", () => {
  throws(() => t.tensor([[1, 2], [3]]), t.ShapeError);
  throws(() => t.tensor([[1], 2]), t.ShapeError);
  throws(() => t.tensor([1, [2]]), t.ShapeError);
  throws(() => t.tensor(new Float32Array(3), { shape: [2] }), t.ShapeError);
  throws(() => t.tensor([1, 2, 3], { shape: [2] }), t.ShapeError);
});

Deno.test("tensor() copies: the caller's array may change afterwards", async () => {
  const source = new Float32Array([1, 2]);
  const x = t.tensor(source);
  source[0] = 5;
  deepStrictEqual(await values(x), [1, 2]);
});

Deno.test("arange() counts up and down", async () => {
  deepStrictEqual(await values(t.arange(4)), [0, 1, 2, 3]);
  deepStrictEqual(await values(t.arange(5, 0, -2)), [5, 3, 1]);
  deepStrictEqual(await values(t.arange(0, 1, 0.25, { dtype: "float32" })), [0, 0.25, 0.5, 0.75]);
  deepStrictEqual(t.arange(3, { dtype: "float32" }).dtype, "float32");
  deepStrictEqual(t.arange(1, 3, { dtype: "uint32" }).dtype, "uint32");
  deepStrictEqual(t.arange(3, 1).shape, [0]);
  throws(() => t.arange(0, 3, 0), RangeError);
});

Deno.test("Operations name what they were given", () => {
  throws(
    () => t.add(t.ones([2]), t.ones([3])),
    /Cannot add as shapes must broadcast: .*: current shapes are \[2\] and \[3\]/,
  );

  throws(() => t.where(t.ones([2]), 1, 0), /Cannot where as the condition must be bool: current dtype is float32/);
  throws(() => t.take(t.ones([2]), t.ones([1])), /Cannot take as indices must be whole numbers, or int32: .* float32/);
  throws(
    () => t.matmul(t.zeros([1, 1], { dtype: "int32" }), t.zeros([1, 1], { dtype: "uint32" })),
    /Cannot matmul .* int32 and uint32; cast one of them/,
  );
  for (const q of [t.tensor([0.5]), new Float32Array([0.5])]) {
    throws(
      () => t.quantile(t.ones([2]), q as never),
      /Cannot quantile as q must be a number or a list of numbers/,
    );
  }
  throws(() => t.matmul(t.zeros([2]), t.zeros([2, 2]), { transposeA: true }), /Cannot matmul .* vectors that are not/);
  throws(
    () => t.conv2d(t.zeros([1, 4, 4, 1]), t.zeros([1, 1, 1, 1], { dtype: "int32" })),
    /Cannot conv2d .* float32 and int32/,
  );
  throws(() => t.bitwiseAnd(t.ones([2]), 1), /Cannot bitwiseAnd as operands must be integers or bool/);
  throws(() => t.conv2d(t.ones([1, 4, 4, 1]), t.ones([3, 3, 1, 1]), { stride: 0 }), RangeError);
  throws(() => t.conv2d(t.ones([1, 4, 4, 1]), t.ones([3, 3, 1, 1]), { padding: -1 }), RangeError);
});

Deno.test("erf() is exact to float64 on the reference", async () => {
  // Abramowitz and Stegun, table 7.1, and erfc(3) = 2.209049699858544e-5.
  const x = t.tensor([0, 0.5, 1, 2, 3, -1], { dtype: "float64" });
  const expected = [0, 0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 1 - 2.209049699858544e-5];
  assertClose(await values(t.erf(x)), [...expected, -0.8427007929497149], { absolute: 2e-16, relative: 4e-16 });
  equal(await t.erf(t.tensor(7, { dtype: "float64" })).item({ device }), 1);
});
