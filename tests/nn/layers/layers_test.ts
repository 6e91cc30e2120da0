import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { checkGrads, ones, random, ShapeError, type Tensor, vjp, zeros } from "../../../tensor/mod.ts";
import {
  addFeatures,
  batchNorm,
  conv2d,
  convTranspose2d,
  dotProductAttention,
  dropout,
  dropPath,
  gelu,
  globalAvgPool,
  globalResponseNorm,
  groupNorm,
  initBatchNorm,
  initConv2d,
  initConvTranspose2d,
  kaimingNormal,
  layerNorm,
  layerScale,
  linear,
  relu,
  relu6,
  rmsNorm,
} from "../../../nn/mod.ts";
import { gather, patternFromIndices, type SparsePattern, sparseTensor, toDense } from "../../../sparse/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { randomValues } from "../../support/random_values.ts";
import ops from "../../golden/ops.json" with { type: "json" };
import torch from "../../golden/nn_torch.json" with { type: "json" };
import { float64, read } from "../support.ts";

const SHARP = { absolute: 1e-9, relative: 1e-9 };

const train = (x: Tensor, weight: Tensor, bias: Tensor) =>
  batchNorm({ weight, bias }, initBatchNorm(weight.shape[0]!, { dtype: "float64" }).state, x, { train: true }).output;

const LAYERS: Readonly<Record<string, (...inputs: Tensor[]) => Tensor>> = {
  batchNorm: (x, weight, bias) => train(x!, weight!, bias!),
  layerNorm: (x, weight, bias) => layerNorm({ weight: weight!, bias: bias! }, x!),
  relu: (x) => relu(x!),
  relu6: (x) => relu6(x!),
  gelu: (x) => gelu(x!),
};

for (const [name, layer] of Object.entries(LAYERS)) {
  Deno.test(`${name}() is PyTorch's, with its gradients`, async () => {
    const trace = torch[name as "relu"];
    const inputs = trace.inputs.map(({ shape, values }) => float64(values, shape));
    const [output, pullback] = vjp(layer, ...inputs);
    assertClose(await read(output), trace.output, SHARP, "output");
    const gradients = pullback(float64(trace.cotangent, output.shape));
    for (const [i, gradient] of gradients.entries()) {
      assertClose(await read(gradient), trace.gradients[i]!, SHARP, `gradient ${i}`);
    }
  });
}

Deno.test("batchNorm() and layerNorm() have second derivatives", async () => {
  const inputs = [float64(randomValues(1, 12), [2, 2, 3]), float64([1, 2, 3]), float64([0, 1, 0])] as const;
  await checkGrads((x, weight, bias) => [train(x!, weight!, bias!)], inputs, { order: 2 });
  await checkGrads((x, weight, bias) => [layerNorm({ weight: weight!, bias: bias! }, x!)], inputs, { order: 2 });
});

/** The mask and the input of the operation traces, channels last. */
function traced(): { readonly x: Tensor; readonly pattern: SparsePattern } {
  const [batch, channels, side] = [2, 3, 6];
  const nchw = (b: number, c: number, p: number) => Math.sin(0.9 * ((b * channels + c) * side * side + p) + 0.3);
  const values = Array.from({ length: batch * channels * side * side }, (_, i) => {
    const [b, p, c] = [
      Math.floor(i / (channels * side * side)),
      Math.floor(i / channels) % (side * side),
      i % channels,
    ];
    return nchw(b, c, p);
  });
  const active = ops.ops_float64.active as number[][][];
  const indices = active.flatMap((rows, b) =>
    rows.flatMap((cells, y) => cells.flatMap((cell, x) => cell ? [[b, y, x] as const] : []))
  );
  return { x: float64(values, [batch, side, side, channels]), pattern: patternFromIndices(indices, [batch, 3, 3]) };
}

function toNchw(values: ArrayLike<number>): number[] {
  return Array.from({ length: values.length }, (_, i) => {
    const [b, c, p] = [Math.floor(i / 108), Math.floor(i / 36) % 3, i % 36];
    return values[(b * 36 + p) * 3 + c]!;
  });
}

Deno.test("batchNorm() of sparse features is the official one, in training and after", async () => {
  const { x, pattern } = traced();
  const { bn_train: expected, bn_eval_after: after } = ops.ops_float64;
  // The traced layer holds its parameters in float32.
  const params = { weight: float64(expected.gamma.map(Math.fround)), bias: float64(expected.beta.map(Math.fround)) };
  const first = initBatchNorm(3, { dtype: "float64" }).state;
  const { output, state } = batchNorm(params, first, gather(x, pattern), { train: true });
  assertClose(toNchw(await read(toDense(output))), expected.out, SHARP);
  assertClose(await read(state.runningMean), expected.running_mean, SHARP);
  assertClose(await read(state.runningVar), expected.running_var, SHARP);
  deepStrictEqual([...await read(state.count) as Int32Array], [1]);
  const evaluated = batchNorm(params, state, gather(x, pattern));
  assertClose(toNchw(await read(toDense(evaluated.output))), after.out, SHARP);
  deepStrictEqual(evaluated.state, state);
});

Deno.test("layerNorm() of sparse features is the official one", async () => {
  const { x, pattern } = traced();
  const { gamma, beta } = ops.ops_float64.bn_train;
  const output = layerNorm(
    { weight: float64(gamma.map(Math.fround)), bias: float64(beta.map(Math.fround)) },
    gather(x, pattern),
  );
  assertClose(toNchw(await read(toDense(output))), ops.ops_float64.ln_channels_first.out, SHARP);
});

Deno.test("batchNorm() refuses to train on one number a channel", () => {
  const { params, state } = initBatchNorm(2);
  throws(() => batchNorm(params, state, zeros([1, 1, 1, 2]), { train: true }), RangeError);
});

Deno.test("layers refuse parameters of other shapes, which would be broadcast or broadcast the features", () => {
  const [x, one, two, two2] = [ones([1, 2, 2, 2]), ones([1]), ones([2]), ones([2, 2])];
  const of = (weight: Tensor) => ({ weight, bias: weight });
  const state = (runningMean: Tensor) => ({ runningMean, runningVar: two, count: zeros([], { dtype: "int32" }) });
  const refused: readonly (readonly [call: () => unknown, message: RegExp])[] = [
    [() => layerNorm(of(one), x), /Cannot layerNorm as params.weight must be \[2\]: current shape is \[1\]/],
    [() => layerNorm(of(two), ones([3, 1])), /params.weight must be \[1\]: current shape is \[2\]/],
    [() => rmsNorm({ weight: one }, x), /Cannot rmsNorm as params.weight must be \[2\]/],
    [() => groupNorm(of(one), x, { groups: 1 }), /Cannot groupNorm as params.weight must be \[2\]/],
    [() => globalResponseNorm({ weight: two, bias: one }, x), /params.bias must be \[2\]/],
    [() => batchNorm(of(one), state(two), x), /Cannot batchNorm as params.weight must be \[2\]/],
    [() => batchNorm(of(two), state(one), x), /Cannot batchNorm as state.runningMean must be \[2\]/],
    [() => layerScale(one, x), /Cannot layerScale as gamma must have one number for each channel/],
    [() => linear({ weight: ones([2, 3]), bias: one }, x), /Cannot linear as params.bias must be \[3\]/],
    [() => conv2d({ weight: ones([1, 1, 2, 3]), bias: one }, x), /Cannot conv2d as params.bias must be \[3\]/],
    [() => convTranspose2d({ weight: ones([1, 1, 3, 2]), bias: one }, x), /params.bias must be \[3\]/],
    [
      () => dotProductAttention(two2, two2, two2, { mask: ones([2, 1, 1], { dtype: "bool" }) }),
      /Cannot broadcast to \[2, 2\]/,
    ],
    [() => dotProductAttention(two2, two2, two2, { bias: ones([2, 2, 2]) }), /Cannot broadcast to \[2, 2\]/],
  ];
  for (const [call, message] of refused) throws(call, message, `${call}`);
});

Deno.test("relu() and relu6() let NaN through", async () => {
  ok(Number.isNaN((await read(relu(float64([NaN]))))[0]) && Number.isNaN((await read(relu6(float64([NaN]))))[0]));
});

Deno.test("convolutions add their bias; linear() maps the last axis of sparse blocks", async () => {
  const bias = float64([1, 2]);
  const map = conv2d(
    { weight: zeros([1, 1, 3, 2], { dtype: "float64" }), bias },
    ones([1, 1, 1, 3], { dtype: "float64" }),
  );
  assertClose(await read(map), [1, 2]);
  const up = convTranspose2d(
    { weight: zeros([2, 2, 2, 3], { dtype: "float64" }), bias },
    ones([1, 1, 1, 3], { dtype: "float64" }),
  );
  assertClose(await read(up), [1, 2, 1, 2, 1, 2, 1, 2]);
  const pattern = patternFromIndices([[0, 0, 1]], [1, 2, 2]);
  const x = sparseTensor(pattern, [2, 2], ones([1, 2, 2, 3], { dtype: "float64" }));
  const y = linear({ weight: ones([3, 2], { dtype: "float64" }), bias }, x);
  deepStrictEqual(y.values.shape, [1, 2, 2, 2]);
  assertClose((await read(y.values) as Float64Array).slice(0, 2), [4, 5]);
  throws(() => addFeatures<Tensor | typeof x>(x, ones([1, 4, 4, 3])), ShapeError);
});

Deno.test("dropPath() drops whole images and keeps the expectation", async () => {
  const kept = await read(dropPath(ones([1000, 2, 1, 1]), { rate: 0.25, key: random.key(3) }));
  const pairs = Array.from({ length: 1000 }, (_, i) => [kept[2 * i], kept[2 * i + 1]] as const);
  ok(pairs.every(([a, b]) => a === b && (a === 0 || Math.abs(a! - 4 / 3) < 1e-6)));
  const share = pairs.filter(([a]) => a !== 0).length / 1000;
  ok(Math.abs(share - 0.75) < 0.05, `share kept is ${share}`);
});

Deno.test("dropPath() drops the blocks of one image together", async () => {
  const indices = Array.from({ length: 64 }, (_, i) => [i >> 2, (i >> 1) & 1, i & 1] as const);
  const pattern = patternFromIndices(indices, [16, 2, 2]);
  const x = sparseTensor(pattern, [1, 1], ones([64, 1, 1, 1]));
  const values = await read(dropPath(x, { rate: 0.5, key: random.key(1) }).values) as Float32Array;
  const images = Array.from({ length: 16 }, (_, b) => new Set(values.slice(4 * b, 4 * b + 4)));
  ok(images.every((fates) => fates.size === 1));
  deepStrictEqual(new Set(values), new Set([0, 2]));
});

Deno.test("dropPath() and dropout() do nothing without a key, and refuse a rate of 1", () => {
  const x = ones([2, 1, 1, 1]);
  deepStrictEqual(dropPath(x, { rate: 0.5 }), x);
  deepStrictEqual(dropout(x, { rate: 0.5 }), x);
  throws(() => dropPath(x, { rate: 1, key: random.key(0) }), /current rate is 1/);
  throws(() => dropout(x, { rate: -0.1, key: random.key(0) }), RangeError);
});

Deno.test("dropout() drops single numbers", async () => {
  const values = await read(dropout(ones([4000]), { rate: 0.5, key: random.key(2) })) as Float32Array;
  deepStrictEqual(new Set(values), new Set([0, 2]));
  ok(Math.abs(values.filter((v) => v > 0).length / 4000 - 0.5) < 0.04);
});

Deno.test("globalAvgPool() averages active sites only", async () => {
  const pattern = patternFromIndices([[0, 0, 0], [0, 1, 1], [2, 0, 1]], [3, 2, 2]);
  const x = sparseTensor(pattern, [1, 2], float64([1, 3, 5, 7, 10, 20], [3, 1, 2, 1]));
  assertClose(await read(globalAvgPool(x)), [4, 0, 15]);
  assertClose(await read(globalAvgPool(float64([1, 3, 5, 7], [1, 2, 2, 1]))), [4]);
});

Deno.test("initializers have the deviations that they name", async () => {
  const deviation = async (x: Tensor) => {
    const values = [...await read(x) as Float32Array];
    return { deviation: Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length), values };
  };
  const conv = initConv2d(random.key(0), { inChannels: 16, outChannels: 32, kernel: 3, weight: kaimingNormal });
  assertClose([(await deviation(conv.weight)).deviation], [Math.sqrt(2 / (32 * 9))], { relative: 0.05 });
  const up = initConvTranspose2d(random.key(0), { inChannels: 16, outChannels: 8, kernel: 4, weight: kaimingNormal });
  assertClose([(await deviation(up.weight)).deviation], [Math.sqrt(2 / (16 * 16))], { relative: 0.05 });
  const bound = 1 / Math.sqrt(16 * 9);
  const uniform = await deviation(initConv2d(random.key(0), { inChannels: 16, outChannels: 32, kernel: 3 }).weight);
  assertClose([uniform.deviation], [bound / Math.sqrt(3)], { relative: 0.05 });
  ok(uniform.values.every((v) => Math.abs(v) <= bound));
});
