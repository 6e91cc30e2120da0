/** @file Functions of `nn` on tensors, beside PyTorch's. */
import { nn, t } from "../../support/public_calls.ts";
import type { Shape, Tensor } from "../../../tensor/mod.ts";
import { floats, type OpCase, within } from "../../support/op_row.ts";
import { type ConformanceRow, drawn, op, type Rest } from "../row.ts";

const rows = floats([6, 5]);
const images = (...params: readonly Shape[]) => floats([2, 4, 5, 6], ...params);
const labelled: OpCase = { inputs: [{ shape: [6, 5] }, { shape: [6], dtype: "int32", domain: [0, 5] }] };
const targets: OpCase = { inputs: [{ shape: [6, 5] }, { shape: [6, 5], domain: [0, 1] }] };
const loose: Rest = { tolerance: { absolute: 1e-5, relative: 2e-5 } };
const dense = (weight: Tensor, bias: Tensor) => ({ weight, bias });
const running = (mean: Tensor, variance: Tensor) => ({
  runningMean: t.add(mean, 0.5),
  runningVar: t.add(t.abs(variance), 0.5),
  count: t.zeros([]),
});

const NORMS: readonly ConformanceRow[] = [
  op(
    "nn.layerNorm",
    (x, w, b) => nn.layerNorm(dense(w!, b!), x!),
    images([6], [6]),
    "N(F.layer_norm(T(a), (6,), T(b), T(c), 1e-6))",
    loose,
  ),
  op(
    "nn.groupNorm",
    (x, w, b) => nn.groupNorm(dense(w!, b!), x!, { groups: 3 }),
    images([6], [6]),
    "back(F.group_norm(torched(a), 3, T(b), T(c)))",
    loose,
  ),
  op(
    "nn.instanceNorm",
    (x, w, b) => nn.instanceNorm(dense(w!, b!), x!),
    images([6], [6]),
    "back(F.instance_norm(torched(a), None, None, T(b), T(c)))",
    loose,
  ),
  op(
    "nn.batchNorm",
    (x, w, b) => nn.batchNorm(dense(w!, b!), nn.initBatchNorm(6).state, x!, { train: true }).output,
    images([6], [6]),
    "back(F.batch_norm(torched(a), None, None, T(b), T(c), True))",
    loose,
  ),
  op(
    "nn.batchNormOfRows",
    (x, w, b, m, v) =>
      nn.batchNormOfRows(dense(w!, b!), running(m!, v!), x!, { valid: t.ones([6], { dtype: "bool" }) }).output,
    floats([6, 5], [5], [5], [5], [5]),
    "N(F.batch_norm(T(a), T(d + 0.5), T(np.abs(e) + 0.5), T(b), T(c)))",
    loose,
  ),
  op(
    "nn.rmsNorm",
    (x, w) => nn.rmsNorm({ weight: w! }, x!, { epsilon: 1e-6 }),
    floats([6, 5], [5]),
    "a / np.sqrt(np.mean(a * a, -1, keepdims=True) + 1e-6) * b",
    loose,
  ),
  op(
    "nn.globalResponseNorm",
    (x, w, b) => nn.globalResponseNorm(dense(w!, b!), x!, { epsilon: 1e-6 }),
    images([6], [6]),
    "response_norm(a, b, c)",
    loose,
  ),
];

const LAYERS: readonly ConformanceRow[] = [
  op("nn.relu", (x) => nn.relu(x!), rows, "np.maximum(a, 0)"),
  op("nn.relu6", (x) => nn.relu6(x!), within([-9, 9], [6, 5]), "np.clip(a, 0, 6)"),
  op("nn.gelu", (x) => nn.gelu(x!), rows, "a * special.ndtr(a)"),
  op("nn.linear", (x, w, b) => nn.linear(dense(w!, b!), x!), floats([6, 5], [5, 4], [4]), "floating(a) @ b + c", loose),
  op(
    "nn.conv2d",
    (x, w, b) => nn.conv2d(dense(w!, b!), x!, { padding: 1 }),
    images([3, 3, 6, 4], [4]),
    "conv(a, b, 1, 1) + c",
    loose,
  ),
  op(
    "nn.convTranspose2d",
    (x, w, b) => nn.convTranspose2d(dense(w!, b!), x!, { stride: 2, padding: 1 }),
    images([4, 4, 3, 6], [3]),
    "convT(a, b, 2, 1) + c",
    loose,
  ),
  op("nn.maxPool2d", (x) => nn.maxPool2d(x!, { kernel: 2 }), images(), "pool(F.max_pool2d, a, 2)"),
  op("nn.avgPool2d", (x) => nn.avgPool2d(x!, { kernel: 2 }), images(), "pool(F.avg_pool2d, a, 2)"),
  op("nn.globalAvgPool", (x) => nn.globalAvgPool(x!), images(), "np.mean(a, (1, 2))"),
  op("nn.layerScale", (x, g) => nn.layerScale(g!, x!), images([6]), "a * b"),
  op("nn.addFeatures", (x, y) => nn.addFeatures(x!, y!), images([2, 4, 5, 6]), "a + b"),
  op(
    "nn.squeezeExcite",
    (x, w, b, v, c) => nn.squeezeExcite({ reduce: dense(w!, b!), expand: dense(v!, c!) }, x!),
    images([6, 2], [2], [2, 6], [6]),
    "a * special.expit(np.maximum(np.mean(a, (1, 2)) @ b + c, 0) @ d + e)[:, None, None]",
    loose,
  ),
  op(
    "nn.embedding",
    (w, i) => nn.embedding({ weight: w! }, i!),
    { inputs: [{ shape: [7, 3] }, { shape: [2, 4], dtype: "int32", domain: [0, 7] }] },
    "a[b]",
  ),
  drawn(
    "nn.dropout",
    (key, x) => nn.dropout(x!, { rate: 0.25, key: key! }),
    { inputs: [{ shape: [2], dtype: "uint32", domain: [0, 2 ** 32] }, { shape: [6, 5] }] },
    "b * (uniform(a, (6, 5)) < 0.75) / 0.75",
  ),
  drawn(
    "nn.dropPath",
    (key, x) => nn.dropPath(x!, { rate: 0.25, key: key! }),
    { inputs: [{ shape: [2], dtype: "uint32", domain: [0, 2 ** 32] }, { shape: [6, 2, 3, 2] }] },
    "b * (uniform(a, (6, 1, 1, 1)) < 0.75) / 0.75",
  ),
];

const head = floats([2, 3, 6], [6, 6], [6, 6], [6, 6], [6, 6]);
const gates = (n: number) => floats([2, 4, 3], [3, 5 * n], [5 * n], [5, 5 * n], [5 * n]);
const recurrent = ([, w, b, v, c]: readonly Tensor[]) => ({ input: dense(w!, b!), hidden: dense(v!, c!) });

const SEQUENCES: readonly ConformanceRow[] = [
  op(
    "nn.dotProductAttention",
    (q, k, v) => nn.dotProductAttention(q!, k!, v!, { causal: true }),
    floats([2, 3, 4], [2, 3, 4], [2, 3, 5]),
    "attention(a, b, c)",
    loose,
  ),
  op(
    "nn.multiHeadAttention",
    (x, q, k, v, o) =>
      nn.multiHeadAttention(
        { query: { weight: q! }, key: { weight: k! }, value: { weight: v! }, output: { weight: o! } },
        x!,
        { heads: 2 },
      ),
    head,
    "N(F.multi_head_attention_forward(*(T(np.swapaxes(a, 0, 1)),) * 3, 6, 2, T(np.concatenate([b, c, d], 1).T), None, None, " +
      "None, False, 0.0, T(e.T), None)[0]).swapaxes(0, 1)",
    loose,
  ),
  op(
    "nn.lstm",
    (...xs) => nn.lstm(recurrent(xs), xs[0]!).outputs,
    gates(4),
    "recurrent(torch.nn.LSTM, a, b, c, d, e)",
    loose,
  ),
  op(
    "nn.gru",
    (...xs) => nn.gru(recurrent(xs), xs[0]!).outputs,
    gates(3),
    "recurrent(torch.nn.GRU, a, b, c, d, e)",
    loose,
  ),
];

const distant: OpCase = { inputs: [{ shape: [6, 5], domain: [-3, 3] }, { shape: [6, 5], domain: [-3, 3] }] };
const LOSSES: readonly ConformanceRow[] = [
  op(
    "nn.crossEntropy",
    (x, y) => nn.crossEntropy(x!, y!, { labelSmoothing: 0.1 }),
    labelled,
    "N(F.cross_entropy(T(a), T(b).long(), label_smoothing=0.1))",
    { rejects: [() => nn.crossEntropy(t.ones([2, 3]), t.zeros([3], { dtype: "int32" }))] },
  ),
  op(
    "nn.softCrossEntropy",
    (x, y) => nn.softCrossEntropy(x!, t.softmax(y!)),
    targets,
    "N(F.cross_entropy(T(a), T(special.softmax(floating(b), -1))))",
  ),
  op(
    "nn.binaryCrossEntropy",
    (x, y) => nn.binaryCrossEntropy(x!, y!),
    targets,
    "N(F.binary_cross_entropy_with_logits(T(a), T(b)))",
  ),
  op(
    "nn.focalLoss",
    (x, y) => nn.focalLoss(x!, y!),
    targets,
    "N(ops.sigmoid_focal_loss(T(a), T(b), reduction='mean'))",
  ),
  op("nn.mseLoss", (x, y) => nn.mseLoss(x!, y!), distant, "N(F.mse_loss(T(a), T(b)))"),
  op("nn.l1Loss", (x, y) => nn.l1Loss(x!, y!), distant, "N(F.l1_loss(T(a), T(b)))"),
  op(
    "nn.smoothL1Loss",
    (x, y) => nn.smoothL1Loss(x!, y!, { beta: 0.5 }),
    distant,
    "N(F.smooth_l1_loss(T(a), T(b), beta=0.5))",
  ),
  op("nn.huberLoss", (x, y) => nn.huberLoss(x!, y!, { delta: 2 }), distant, "N(F.huber_loss(T(a), T(b), delta=2.0))"),
  op(
    "nn.diceLoss",
    (x, y) => nn.diceLoss(t.sigmoid(x!), y!),
    targets,
    "np.mean(1 - (2 * np.sum(special.expit(a) * b, 1) + 1) / (np.sum(special.expit(a), 1) + np.sum(b, 1) + 1))",
  ),
  op("nn.isInTop", (x, y) => nn.isInTop(x!, y!, 2), labelled, "in_top(a, b, 2)"),
  op(
    "nn.confusionMatrix",
    (x, y) => nn.confusionMatrix(y!, t.argmax(x!), 5),
    labelled,
    "np.bincount(b * 5 + np.argmax(a, 1), minlength=25).reshape(5, 5)",
  ),
  op(
    "nn.classificationScores",
    (x) => Object.values(nn.classificationScores(t.add(t.abs(x!), 1))),
    floats([4, 4]),
    "scores(np.abs(a) + 1)",
    loose,
  ),
  op(
    "nn.globalNorm",
    (x, y) => nn.globalNorm({ x: x!, y: y! }),
    floats([3, 4], [5]),
    "np.sqrt(np.sum(a * a) + np.sum(b * b))",
  ),
];

/** Functions of `nn` on tensors. */
export const LAYER_ROWS: readonly ConformanceRow[] = [...NORMS, ...LAYERS, ...SEQUENCES, ...LOSSES];
