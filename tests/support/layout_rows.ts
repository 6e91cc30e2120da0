import { t } from "./public_calls.ts";
import type { Tensor } from "../../tensor/mod.ts";
import { floats, integers, type OpCase, type OpRow, row, within } from "./op_row.ts";

const FULL: readonly OpCase[] = [floats([3, 4, 5]), floats([1, 1, 1]), floats([7, 129, 65]), floats([300, 1, 3])];
const REDUCED: readonly OpCase[] = [...FULL, floats([2, 0, 3]), floats([3, 2, 0])];
const MANY: OpCase = { ...floats([65_537, 5, 13]), large: true };
const WHOLE = integers("int32", [-(2 ** 20), 2 ** 20], [3, 70, 5]);
const rejectAxis = (f: (x: Tensor, options: { axis: number | number[] }) => unknown) => [
  () => f(t.ones([2, 3]), { axis: 2 }),
  () => f(t.ones([2, 3]), { axis: [1, -1] }),
];

const rejectExtremum = (f: Parameters<typeof rejectAxis>[0]) => [
  ...rejectAxis(f),
  () => f(t.zeros([2, 0]), { axis: 1 }),
  () => f(t.zeros([0, 2], { dtype: "int32" }), { axis: [0, 1] }),
];

/** Sums round at every step: the bound grows with the number of terms. */
const summed = { absolute: 2e-4, relative: 2e-5 };

const REDUCTIONS: readonly OpRow[] = [
  row("sum", (x) => t.sum(x), [...REDUCED, floats([]), WHOLE], { tolerance: summed, rejects: rejectAxis(t.sum) }),
  row("sum over axis 0", (x) => t.sum(x, { axis: 0 }), [...REDUCED, WHOLE, MANY], { tolerance: summed }),
  row("sum over the last axis", (x) => t.sum(x, { axis: -1 }), [...REDUCED, MANY], { tolerance: summed }),
  row("sum over axis 1 kept", (x) => t.sum(x, { axis: 1, keepDims: true }), REDUCED, { tolerance: summed }),
  row("sum over axes 0 and 2", (x) => t.sum(x, { axis: [2, 0] }), REDUCED, { tolerance: summed }),
  row("sum of bool", (x) => t.sum(x), [integers("bool", [0, 2], [300])], { order: 0 }),
  row("mean", (x) => t.mean(x), REDUCED, { tolerance: summed }),
  row("mean over axes 0 and 1", (x) => t.mean(x, { axis: [0, 1] }), REDUCED, { tolerance: summed }),
  row("variance", (x) => t.variance(x), REDUCED, { tolerance: summed }),
  row("variance over the last axis", (x) => t.variance(x, { axis: -1, keepDims: true, correction: 1 }), REDUCED, {
    tolerance: summed,
  }),
  row("max", (x) => t.max(x), [floats([3, 5]), ...FULL, floats([]), WHOLE], { rejects: rejectExtremum(t.max) }),
  row("max over axis 1", (x) => t.max(x, { axis: 1 }), [...FULL, floats([3, 2, 0]), WHOLE]),
  row("min", (x) => t.min(x, { axis: -1, keepDims: true }), [...FULL, floats([2, 0, 3]), WHOLE], {
    rejects: rejectExtremum(t.min),
  }),
  row("argmax", (x) => t.argmax(x), [floats([3, 5]), integers("int32", [0, 3], [5, 70])], { order: 0 }),
  row("argmin over axis 0", (x) => t.argmin(x, { axis: 0 }), [floats([3, 5]), integers("int32", [0, 3], [70, 5])], {
    order: 0,
  }),
];

const LAYOUT: readonly OpRow[] = [
  row("reshape", (x) => t.reshape(x, [-1, 2]), [floats([3, 4]), floats([2]), floats([0, 2]), floats([65, 3, 2])], {
    rejects: [() => t.reshape(t.ones([3]), [2]), () => t.reshape(t.ones([4]), [-1, -1])],
  }),
  row("transpose", (x) => t.transpose(x, [2, 0, 1]), REDUCED, { rejects: [() => t.transpose(t.ones([2, 3]), [0, 0])] }),
  row("transpose reversed", (x) => t.transpose(x), [floats([3, 5]), floats([]), floats([129, 67])]),
  row("reshape of transpose", (x) => t.reshape(t.transpose(x), [-1]), [floats([3, 5]), floats([33, 2, 9])]),
  row("broadcastTo", (x) => t.broadcastTo(x, [2, 3, 4]), [floats([3, 1]), floats([]), floats([2, 3, 4]), floats([4])], {
    rejects: [() => t.broadcastTo(t.ones([2]), [3]), () => t.broadcastTo(t.ones([2, 1]), [2])],
  }),
  row("broadcastTo many", (x) => t.mul(t.broadcastTo(x, [65_537, 65]), 2), [{ ...floats([65]), large: true }], {
    order: 0,
  }),
  row("squeeze", (x) => t.squeeze(x), [floats([1, 3, 1]), floats([1])], {
    rejects: [() => t.squeeze(t.ones([2, 1]), { axis: 0 })],
  }),
  row("expandDims", (x) => t.expandDims(x, { axis: -1 }), [floats([2, 3]), floats([])]),
  row("slice", (x) => t.slice(x, { start: [1, -3], size: [2, -1] }), [floats([4, 5]), floats([67, 129])], {
    rejects: [
      () => t.slice(t.ones([3]), { start: [2], size: [2] }),
      () => t.slice(t.ones([3]), { start: [0, 0], size: [1, 1] }),
      () => t.slice(t.ones([3]), { start: [0], size: [1, 1] }),
    ],
  }),
  row("slice by steps", (x) => t.slice(x, { start: [1, 4], size: [2, 2], step: [2, -3] }), [floats([5, 6])]),
  row("slice to nothing", (x) => t.slice(x, { start: [1, 0], size: [0, 2] }), [floats([3, 2])]),
  row("flip", (x) => t.flip(x, { axis: 1 }), [floats([3, 4]), floats([2, 0]), floats([5, 257])]),
  row("pad", (x) => t.pad(x, [[1, 2], [0, 3]], 0.5), [floats([2, 3]), floats([0, 2]), floats([65, 67])], {
    rejects: [() => t.pad(t.ones([2]), [[-1, 0]]), () => t.pad(t.ones([2]), [[1, 0], [0, 1]])],
  }),
  row("pad of slice", (x) => t.pad(t.slice(x, { start: [1], size: [3] }), [[2, 1]]), [floats([5])]),
  row("concat", (x, y) => t.concat([x, y, x], { axis: 1 }), [
    floats([2, 3], [2, 1]),
    floats([2, 0], [2, 4]),
    floats([33, 65], [33, 7]),
    { inputs: [{ shape: [2, 3], dtype: "bool" }, { shape: [2, 3], dtype: "bool" }] },
  ], { rejects: [() => t.concat([t.ones([2, 3]), t.ones([3, 3])], { axis: 1 }), () => t.concat([])] }),
  row("stack", (x, y) => t.stack([x, y], { axis: -1 }), [floats([2, 3], [2, 3]), floats([], [])], {
    rejects: [() => t.stack([t.ones([2]), t.ones([3])])],
  }),
];

const indices = (shape: readonly number[], size: number) => ({
  shape,
  dtype: "int32" as const,
  domain: [-1, size + 1] as const,
});

const INDEXING: readonly OpRow[] = [
  row("take", (x, i) => t.take(x, i), [
    { inputs: [{ shape: [5, 3] }, indices([2, 4], 5)] },
    { inputs: [{ shape: [5] }, indices([], 5)] },
    { inputs: [{ shape: [0, 3] }, indices([4], 0)] },
    { inputs: [{ shape: [5, 3] }, indices([0], 5)] },
    { inputs: [{ shape: [300, 65] }, indices([129], 300)] },
    { inputs: [{ shape: [1000, 65] }, indices([65_537], 1000)], large: true },
  ], { rejects: [() => t.take(t.ones([2]), t.zeros([1], { dtype: "int32" }), { axis: 1 })] }),
  row("take along axis 1 with a fill", (x, i) => t.take(x, i, { axis: 1, fill: -7 }), [
    { inputs: [{ shape: [2, 5, 3] }, indices([4], 5)] },
    { inputs: [{ shape: [2, 5] }, indices([3, 2], 5)] },
  ]),
  row("takeAlongAxis", (x, i) => t.takeAlongAxis(x, i), [
    { inputs: [{ shape: [3, 5] }, indices([3, 2], 5)] },
    { inputs: [{ shape: [5] }, indices([7], 5)] },
    { inputs: [{ shape: [33, 65] }, indices([33, 9], 65)] },
  ], { rejects: [() => t.takeAlongAxis(t.ones([2, 3]), t.zeros([3, 3], { dtype: "int32" }))] }),
  row("takeAlongAxis over axis 0", (x, i) => t.takeAlongAxis(x, i, { axis: 0, fill: 2 }), [
    { inputs: [{ shape: [4, 3] }, indices([6, 3], 4)] },
  ]),
  row("scatterAdd", (x, i) => t.scatterAdd(x, i, { size: 5 }), [
    { inputs: [{ shape: [9, 3] }, indices([9], 5)] },
    { inputs: [{ shape: [0, 3] }, indices([0], 5)] },
    { inputs: [{ shape: [4] }, indices([4], 5)] },
    { inputs: [{ shape: [300, 5, 13] }, indices([300], 5)] },
    { inputs: [{ shape: [300, 2], dtype: "int32", domain: [-99, 99] }, indices([300], 5)] },
  ], {
    tolerance: { absolute: 2e-5, relative: 1e-5 },
    rejects: [() => t.scatterAdd(t.ones([3, 2]), t.zeros([2], { dtype: "int32" }), { size: 4 })],
  }),
  ...[false, true].map((descending) =>
    row(`argsort ${descending ? "descending" : "ascending"}`, (x) => t.argsort(x, { descending }), [
      floats([3, 5]),
      floats([1]),
      floats([0]),
      floats([2, 0]),
      floats([2, 1025]),
      integers("int32", [-3, 3], [4, 67]),
      integers("uint32", [0, 2 ** 32], [300]),
      within([0, 1], [5, 64]),
    ], { order: 0 })
  ),
  row("argsort over axis 0", (x) => t.argsort(x, { axis: 0 }), [floats([7, 3])], { order: 0 }),
];

/** Reductions, views and indexing. */
export const LAYOUT_ROWS: readonly OpRow[] = [...REDUCTIONS, ...LAYOUT, ...INDEXING];
