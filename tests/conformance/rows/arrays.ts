/** @file Creation, layout and reductions. */
import { t } from "../../support/public_calls.ts";
import { floats, integers, type OpCase } from "../../support/op_row.ts";
import { type ConformanceRow, known, op } from "../row.ts";

const NONE: OpCase = { inputs: [] };
const x345 = floats([3, 4, 5]);
const x34 = floats([3, 4]);
const square = floats([4, 4]);

const CREATION: readonly ConformanceRow[] = [
  op("tensor", () => t.tensor([[1.5, -2], [0, 3]]), NONE, "np.array([[1.5, -2], [0, 3]])"),
  op("zeros", () => t.zeros([2, 3]), NONE, "np.zeros((2, 3))", { rejects: [() => t.zeros([-1])] }),
  op("ones", () => t.ones([2, 3]), NONE, "np.ones((2, 3))", { rejects: [() => t.ones([1.5])] }),
  op("full", () => t.full([2, 3], -2.5), NONE, "np.full((2, 3), -2.5)", { rejects: [() => t.full([-1], 0)] }),
  op("arange", () => t.arange(-3, 9, 2), NONE, "np.arange(-3, 9, 2)"),
  op("linspace", () => t.linspace(-1, 2, 7), NONE, "np.linspace(-1, 2, 7)", { exact: 1e-7 }),
  op("eye", () => t.eye(3, { columns: 4, diagonal: 1 }), NONE, "np.eye(3, 4, 1)", { rejects: [() => t.eye(2.5)] }),
  op("tri", () => t.tri(3, { columns: 4, diagonal: 1 }), NONE, "np.tri(3, 4, 1)"),
  op("zerosLike", (x) => t.zerosLike(x), x34, "np.zeros_like(a)"),
  op("onesLike", (x) => t.onesLike(x), x34, "np.ones_like(a)"),
  op("fullLike", (x) => t.fullLike(x, 1), x34, "np.full_like(a, 1)"),
  op("meshgrid", (x, y) => t.meshgrid([x!, y!]), floats([3], [2]), "np.meshgrid(a, b)", {
    rejects: [() => t.meshgrid([t.ones([2, 2])])],
  }),
  op("oneHot", (x) => t.oneHot(x, 4), integers("int32", [0, 4], [3, 2]), "np.eye(4)[a.astype(int)]"),
];

const LAYOUT: readonly ConformanceRow[] = [
  known("reshape", "np.reshape(a, (-1, 2))"),
  known("transpose", "np.transpose(a, (2, 0, 1))"),
  known("broadcastTo", "np.broadcast_to(a, (2, 3, 4))"),
  known("squeeze", "np.squeeze(a)"),
  known("expandDims", "np.expand_dims(a, -1)"),
  known("slice", "a[1:3, 2:5]"),
  known("flip", "np.flip(a, 1)"),
  op("pad", (x) => t.pad(x, [[1, 2], [0, 3]], 1), x34, "np.pad(a, ((1, 2), (0, 3)), constant_values=1)", {
    rejects: [() => t.pad(t.ones([2]), [[-1, 0]])],
  }),
  known("concat", "np.concatenate([a, b, a], 1)"),
  known("stack", "np.stack([a, b], -1)"),
  op("swapaxes", (x) => t.swapaxes(x, 0, -1), x345, "np.swapaxes(a, 0, -1)", {
    rejects: [() => t.swapaxes(t.ones([2]), 0, 1)],
  }),
  op("moveaxis", (x) => t.moveaxis(x, 0, -1), x345, "np.moveaxis(a, 0, -1)", {
    rejects: [() => t.moveaxis(t.ones([2]), 0, 1)],
  }),
  op("split", (x) => t.split(x, [1, 1, 3], { axis: 2 }), x345, "np.split(a, [1, 1, 3], 2)", {
    rejects: [() => t.split(t.ones([3]), 2)],
  }),
  op("roll", (x) => t.roll(x, -5, { axis: 1 }), x345, "np.roll(a, -5, 1)"),
  op("tile", (x) => t.tile(x, [2, 1, 3]), x34, "np.tile(a, (2, 1, 3))", { rejects: [() => t.tile(t.ones([2]), [-1])] }),
  op("repeat", (x) => t.repeat(x, 3, { axis: 1 }), x34, "np.repeat(a, 3, 1)"),
  op("rot90", (x) => t.rot90(x, { turns: -1, axes: [0, 2] }), x345, "np.rot90(a, -1, (0, 2))"),
  op("tril", (x) => t.tril(x, { diagonal: 1 }), x345, "np.tril(a, 1)", { rejects: [() => t.tril(t.ones([3]))] }),
  op("triu", (x) => t.triu(x, { diagonal: -1 }), x345, "np.triu(a, -1)", { rejects: [() => t.triu(t.ones([3]))] }),
  op("diagonal", (x) => t.diagonal(x, { diagonal: 1 }), square, "np.diagonal(a, 1)", {
    rejects: [() => t.diagonal(t.ones([3]))],
  }),
  op("diag", (x) => t.diag(x, { diagonal: -1 }), floats([3]), "np.diag(a, -1)", {
    rejects: [() => t.diag(t.ones([]))],
  }),
  op("trace", (x) => t.trace(x), square, "np.trace(a)", { rejects: [() => t.trace(t.ones([3]))] }),
];

const axis1 = { axis: 1 } as const;
const REDUCTIONS: readonly ConformanceRow[] = [
  op("sum", (x) => t.sum(x, axis1), x345, "np.sum(a, 1)", { rejects: [() => t.sum(t.ones([2]), axis1)] }),
  op("mean", (x) => t.mean(x, axis1), x345, "np.mean(a, 1)", { rejects: [() => t.mean(t.ones([2]), axis1)] }),
  op("variance", (x) => t.variance(x, { axis: 1, correction: 1 }), x345, "np.var(a, 1, ddof=1)"),
  op("std", (x) => t.std(x, { axis: 1, correction: 1 }), x345, "np.std(a, 1, ddof=1)"),
  op("max", (x) => t.max(x, axis1), x345, "np.max(a, 1)", { rejects: [() => t.max(t.ones([2]), axis1)] }),
  op("min", (x) => t.min(x, axis1), x345, "np.min(a, 1)", { rejects: [() => t.min(t.ones([2]), axis1)] }),
  op("prod", (x) => t.prod(x, axis1), x345, "np.prod(a, 1)", { rejects: [() => t.prod(t.ones([2]), axis1)] }),
  op("any", (x) => t.any(t.greater(x, 0), axis1), x345, "np.any(a > 0, 1)"),
  op("all", (x) => t.all(t.greater(x, 0), axis1), x345, "np.all(a > 0, 1)"),
  op("argmax", (x) => t.argmax(x, axis1), x345, "np.argmax(a, 1)", { rejects: [() => t.argmax(t.ones([2]), axis1)] }),
  op("argmin", (x) => t.argmin(x, axis1), x345, "np.argmin(a, 1)", { rejects: [() => t.argmin(t.ones([2]), axis1)] }),
  op("norm", (x) => t.norm(x, { axis: 1, order: 3 }), x345, "np.linalg.norm(a, 3, 1)"),
  op("logsumexp", (x) => t.logsumexp(x, axis1), x345, "special.logsumexp(floating(a), 1)"),
  op("softmax", (x) => t.softmax(x), x34, "special.softmax(floating(a), -1)"),
  op("logSoftmax", (x) => t.logSoftmax(x), x34, "special.log_softmax(floating(a), -1)"),
  op("cumsum", (x) => t.cumsum(x), x34, "np.cumsum(a, -1)"),
  op("cumprod", (x) => t.cumprod(x), x34, "np.cumprod(a, -1)"),
  op("cummax", (x) => t.cummax(x), x34, "np.maximum.accumulate(a, -1)"),
  op("median", (x) => t.median(x, axis1), x345, "np.median(a, 1)", { rejects: [() => t.median(t.zeros([0]))] }),
  op("quantile", (x) => t.quantile(x, [0.2, 0.7], axis1), x345, "np.quantile(a, [0.2, 0.7], 1)"),
  op("allClose", (x) => t.allClose(x, t.add(x, 1e-9)), x34, "np.allclose(a, a + 1e-9)"),
];

/** Creation, layout and reductions. */
export const ARRAYS: readonly ConformanceRow[] = [...CREATION, ...LAYOUT, ...REDUCTIONS];
