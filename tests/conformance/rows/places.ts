/** @file Indexing, order, segments, counts. */
import { t } from "../../support/public_calls.ts";
import { floats, integers, type OpCase } from "../../support/op_row.ts";
import { type ConformanceRow, hosted, op } from "../row.ts";

const x34 = floats([3, 4]);
const rows = (shape: readonly number[], count: readonly number[], size: number): OpCase => ({
  inputs: [{ shape }, { shape: count, dtype: "int32", domain: [0, size] }],
});
const segments = { segments: 5 };
const scatter = rows([9, 3], [9], 5);
/** Every place has a row: differences of infinities are none. */
const full = rows([9, 3], [9], 2);
const rejectRows = (f: typeof t.scatterAdd) => [
  () => f(t.ones([3, 2]), t.zeros([2], { dtype: "int32" }), { size: 4 }),
];
const rejectIds = (f: typeof t.segmentSum) => [() => f(t.ones([3]), [0, 1], { segments: 2 })];

const INDEXING: readonly ConformanceRow[] = [
  op("at", (x, i) => [t.at(x, [i!, { start: 1 }]).get(), t.at(x, [i!]).add(2)], rows([4, 3], [5], 4), "at_rows(a, b)", {
    rejects: [() => t.at(t.ones([2]), [0, 0])],
  }),
  op("take", (x, i) => t.take(x, i!, { axis: 1 }), rows([3, 5], [2, 4], 5), "np.take(a, b, 1)", {
    rejects: [() => t.take(t.ones([2]), [0], { axis: 1 })],
  }),
  op("takeAlongAxis", (x, i) => t.takeAlongAxis(x, i!), rows([3, 5], [3, 2], 5), "np.take_along_axis(a, b, -1)", {
    rejects: [() => t.takeAlongAxis(t.ones([2, 3]), t.zeros([3, 3], { dtype: "int32" }))],
  }),
  op("scatterAdd", (x, i) => t.scatterAdd(x, i!, { size: 5 }), scatter, "segments(a, b, 5, np.add, 0)", {
    rejects: rejectRows(t.scatterAdd),
  }),
  op("scatterMax", (x, i) => t.scatterMax(x, i!, { size: 2 }), full, "segments(a, b, 2, np.maximum, LEAST)", {
    rejects: rejectRows(t.scatterMax),
  }),
  op("scatterMin", (x, i) => t.scatterMin(x, i!, { size: 2 }), full, "segments(a, b, 2, np.minimum, LARGEST)", {
    rejects: rejectRows(t.scatterMin),
  }),
  op("segmentSum", (x, i) => t.segmentSum(x, i!, segments), scatter, "segments(counted(a), b, 5, np.add, 0)", {
    rejects: rejectIds(t.segmentSum),
  }),
  op("segmentMax", (x, i) => t.segmentMax(x, i!, { segments: 2 }), full, "segments(a, b, 2, np.maximum, LEAST)", {
    rejects: rejectIds(t.segmentMax),
  }),
  op("segmentMin", (x, i) => t.segmentMin(x, i!, { segments: 2 }), full, "segments(a, b, 2, np.minimum, LARGEST)", {
    rejects: rejectIds(t.segmentMin),
  }),
  op(
    "segmentMean",
    (x, i) => t.segmentMean(x, i!, segments),
    scatter,
    "segments(counted(a), b, 5, np.add, 0) / np.maximum(np.bincount(b, minlength=5), 1)[:, None]",
    { rejects: rejectIds(t.segmentMean) },
  ),
  op("segmentProd", (x, i) => t.segmentProd(x, i!, segments), scatter, "segments(counted(a), b, 5, np.multiply, 1)", {
    rejects: rejectIds(t.segmentProd),
  }),
];

const ORDER: readonly ConformanceRow[] = [
  op("sort", (x) => t.sort(x, { axis: 0 }), x34, "np.sort(a, 0)"),
  op("argsort", (x) => t.argsort(x, { axis: 0 }), x34, "np.argsort(a, 0, kind='stable')"),
  op("topK", (x) => t.topK(x, 2), x34, "top_k(a, 2)"),
  op("searchsorted", (x, y) => t.searchsorted(t.sort(x), y!), floats([9], [2, 3]), "np.searchsorted(np.sort(a), b)", {
    rejects: [() => t.searchsorted(t.ones([2, 2]), 1)],
  }),
  op("histogram", (x) => t.histogram(x, { bins: 4, range: [-1, 1] }), x34, "np.histogram(a, 4, (-1, 1))", {
    exact: 1e-7,
  }),
  op(
    "bincount",
    (x) => t.bincount(x, { length: 6 }),
    integers("int32", [0, 6], [9]),
    "np.bincount(a, minlength=6)[:6]",
  ),
];

const HOST: readonly ConformanceRow[] = [
  hosted("nonzero", (x) => t.nonzero(t.greater(x, 0)), x34, "np.nonzero(a > 0)"),
  hosted("booleanMask", (x) => t.booleanMask(x, t.greater(x, 0)), x34, "a[a > 0]"),
  hosted(
    "unique",
    async (x) => {
      const { values, indices, inverse, counts } = await t.unique(t.round(t.mul(x, 2)));
      return [values, indices, t.reshape(inverse, [-1]), counts];
    },
    x34,
    "np.unique(np.round(a * 2), True, True, True)",
  ),
];

/** Indexing, order, segments, counts. */
export const PLACES: readonly ConformanceRow[] = [...INDEXING, ...ORDER, ...HOST];
