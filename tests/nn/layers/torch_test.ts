/** @file Layers and losses, values and gradients, as PyTorch has them. */
import { deepStrictEqual, throws } from "node:assert/strict";
import {
  checkGrads,
  ones,
  random,
  sigmoid,
  slice,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
  zeros,
} from "../../../tensor/mod.ts";
import {
  crossEntropy,
  diceLoss,
  dotProductAttention,
  embedding,
  focalLoss,
  globalResponseNorm,
  gru,
  huberLoss,
  initEmbedding,
  initGlobalResponseNorm,
  initGru,
  initLstm,
  initMultiHeadAttention,
  instanceNorm,
  l1Loss,
  lstm,
  mseLoss,
  multiHeadAttention,
  rmsNorm,
  smoothL1Loss,
} from "../../../nn/mod.ts";
import { gather, patternFromIndices, toDense } from "../../../sparse/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import torch from "../../golden/layers_torch.json" with { type: "json" };
import { float64, read } from "../support.ts";

const SHARP = { absolute: 1e-9, relative: 1e-9 };
const LABELS = tensor([2, 0, 3, -100, 1], { dtype: "int32" });
const IGNORED = { ignoreLabel: -100 };
const classWeights = float64([0.5, 1, 2, 1.5]);
const BINARY = float64([1, 0, 0, 0, 1, 1], [2, 3]);

const attention = (causal: boolean, heads: number) => (...[x, ...parts]: Tensor[]) => {
  const [query, key, value, output] = [0, 1, 2, 3].map((i) => ({ weight: parts[2 * i]!, bias: parts[2 * i + 1]! }));
  return multiHeadAttention({ query: query!, key: key!, value: value!, output: output! }, x!, { heads, causal });
};

const recurrentParams = ([weight, bias, remembered, shift]: Tensor[]) => ({
  input: { weight: weight!, bias: bias! },
  hidden: { weight: remembered!, bias: shift! },
});

const LAYERS: Readonly<Record<keyof typeof torch.layers, (...inputs: Tensor[]) => Tensor>> = {
  rmsNorm: (x, weight) => rmsNorm({ weight: weight! }, x!),
  instanceNorm: (x, weight, bias) => instanceNorm({ weight: weight!, bias: bias! }, x!),
  globalResponseNorm: (x, weight, bias) => globalResponseNorm({ weight: weight!, bias: bias! }, x!),
  attention: attention(false, 2),
  causalAttention: attention(true, 1),
  crossEntropy: (x) => crossEntropy(x!, LABELS, IGNORED),
  crossEntropySum: (x) => crossEntropy(x!, LABELS, { ...IGNORED, reduction: "sum", classWeights }),
  crossEntropyNone: (x) => crossEntropy(x!, LABELS, { ...IGNORED, reduction: "none", labelSmoothing: 0.1 }),
  crossEntropyWeighted: (x) => crossEntropy(x!, LABELS, { ...IGNORED, classWeights }),
  crossEntropySmooth: (x) =>
    crossEntropy(x!, LABELS, { ...IGNORED, classWeights, labelSmoothing: 0.2, reduction: "sum" }),
  focalLoss: (x) => focalLoss(x!, BINARY),
  focalLossPlain: (x) => focalLoss(x!, BINARY, { alpha: -1, gamma: 1.5, reduction: "sum" }),
  mseLoss: (a, b) => mseLoss(a!, b!),
  l1Loss: (a, b) => l1Loss(a!, b!),
  smoothL1Loss: (a, b) => smoothL1Loss(a!, b!, { beta: 0.5 }),
  huberLoss: (a, b) => huberLoss(a!, b!, { delta: 0.7, reduction: "none" }),
  diceLoss: (x) => diceLoss(sigmoid(x!), BINARY),
  lstm: (x, ...parts) => lstm(recurrentParams(parts), x!).outputs,
  lstmReverse: (x, ...parts) => lstm(recurrentParams(parts), x!, { reverse: true }).outputs,
  gru: (x, ...parts) => gru(recurrentParams(parts), x!).outputs,
};

for (const [name, layer] of Object.entries(LAYERS)) {
  Deno.test(`${name}: PyTorch's, with its gradients`, async () => {
    const trace = torch.layers[name as keyof typeof torch.layers];
    const inputs = trace.inputs.map(({ shape, values }) => float64(values, shape));
    const [output, pullback] = vjp(layer, ...inputs);
    assertClose(await read(output), trace.output, SHARP, "output");
    for (const [i, gradient] of pullback(float64(trace.cotangent, output.shape)).entries()) {
      assertClose(await read(gradient), trace.gradients[i]!, SHARP, `gradient ${i}`);
    }
  });
}

Deno.test("globalResponseNorm() of sparse features is that of dense ones that are zero elsewhere", async () => {
  const params = { weight: float64([1, -2]), bias: zeros([2], { dtype: "float64" }) };
  const pattern = patternFromIndices([[0, 0, 0], [1, 0, 1], [1, 1, 0]], [2, 2, 2]);
  const sparse = gather(float64(Array.from({ length: 64 }, (_, i) => Math.sin(i)), [2, 4, 4, 2]), pattern);
  const [ours, dense] = [globalResponseNorm(params, sparse), globalResponseNorm(params, toDense(sparse))];
  assertClose(await read(toDense(ours)), await read(dense), SHARP);
  const dead = vjp((x: Tensor) => globalResponseNorm(params, x), zeros([1, 2, 2, 2], { dtype: "float64" }));
  deepStrictEqual(Array.from(await read(dead[1](ones([1, 2, 2, 2], { dtype: "float64" }))[0])), Array(8).fill(1));
  const start = globalResponseNorm(initGlobalResponseNorm(2), sparse);
  assertClose(await read(start.values), await read(sparse.values), { absolute: 1e-7 });
});

Deno.test("attention gives zeros to a query that may look at nothing, and passes no gradient there", async () => {
  const [q, k, v] = [float64([1, 2, 3, 4], [2, 2]), float64([1, 0, 0, 1], [2, 2]), float64([5, 6, 7, 8], [2, 2])];
  const mask = tensor([[1, 1], [0, 0]], { dtype: "bool" });
  const f = (q: Tensor, k: Tensor, v: Tensor) => dotProductAttention(q, k, v, { mask });
  deepStrictEqual(Array.from(await read(f(q, k, v))).slice(2), [0, 0]);
  const [gradient] = vjp(f, q, k, v)[1](ones([2, 2], { dtype: "float64" }));
  deepStrictEqual(Array.from(await read(gradient)).slice(2), [0, 0]);
  await checkGrads(f, [q, k, v]);
  throws(() => dotProductAttention(q, ones([2, 3]), v), /Cannot dotProductAttention as query, key and value must be/);
  const params = initMultiHeadAttention(random.key(0), { channels: 8 });
  throws(() => multiHeadAttention(params, ones([1, 2, 8]), { heads: 3 }), /heads must divide the 8 channels: .* 3/);
});

Deno.test("labels and tokens out of range make NaN, and are no gradient of others", async () => {
  const logits = float64([1, 2, 3, 4], [2, 2]);
  const terms = crossEntropy(logits, tensor([0, 7], { dtype: "int32" }), { reduction: "none" });
  deepStrictEqual(Array.from(await read(terms), Number.isNaN), [false, true]);
  const { weight } = initEmbedding(random.key(0), { tokens: 3, channels: 2 });
  const rows = await read(embedding({ weight }, tensor([2, 3, -1], { dtype: "int32" })));
  deepStrictEqual(Array.from(rows, Number.isNaN), [false, false, true, true, true, true]);
});

Deno.test("a huber loss that never becomes linear is half the squared error, its gradient too", async () => {
  const [value, gradient] = valueAndGrad((x: Tensor) => huberLoss(x, zeros([2]), { delta: Infinity }))(tensor([2, -4]));
  deepStrictEqual([await value.item(), Array.from(await read(gradient))], [5, [1, -2]]);
});

Deno.test("losses refuse shapes that would be broadcast, and options that are none", () => {
  const [a, b] = [ones([2, 3]), ones([3])];
  for (const loss of [mseLoss, l1Loss, smoothL1Loss, huberLoss, focalLoss, diceLoss]) {
    throws(() => loss(a, b), /predictions and targets must be of one shape: current shapes are \[2, 3\] and \[3\]/);
  }
  throws(() => crossEntropy(a, b), /logits must be \[..., classes\] and labels \[...\]/);
  throws(() => crossEntropy(a, ones([2])), /labels must be int32/);
  throws(() => mseLoss(a, a, { reduction: "average" as "mean" }), /reduction must be mean, sum or none: .* average/);
  throws(() => smoothL1Loss(a, a, { beta: -1 }), /beta must not be negative/);
  throws(() => huberLoss(a, a, { delta: 0 }), /delta must be positive/);
});

Deno.test("recurrent layers go on from what they remember, and refuse what is no sequence", async () => {
  const params = initLstm(random.key(0), { inChannels: 3, hiddenChannels: 4 });
  const x = random.normal(random.key(1), [2, 6, 3]);
  const part = (from: number) => slice(x, { start: [0, from, 0], size: [2, 3, 3] });
  const whole = lstm(params, x);
  const second = lstm(params, part(3), { initial: lstm(params, part(0)).state });
  assertClose(await read(second.state.cell), await read(whole.state.cell), { absolute: 1e-6 });
  assertClose(
    await read(second.outputs),
    await read(slice(whole.outputs, { start: [0, 3, 0], size: [2, 3, 4] })),
    { absolute: 1e-6 },
  );
  throws(() => gru(initGru(random.key(0), { inChannels: 3, hiddenChannels: 4 }), ones([2, 3])), /must be \[B, T, in\]/);
});
