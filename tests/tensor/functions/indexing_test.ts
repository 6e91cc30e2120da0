import { deepStrictEqual, rejects, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import golden from "../../golden/indexing_numpy.json" with { type: "json" };
import { type GoldenRow, testGolden } from "../../support/golden_rows.ts";

const { at } = t;
const first = (a: Tensor) => at(a, 0).get();

/** Of arrays a, b, v, s (sorted), w. */
const ROWS: readonly GoldenRow[] = [
  ["a position", (a) => at(a!, 1).get(), golden.row],
  ["the last of the last axis", (a) => at(a!, ["...", -1]).get(), golden.last],
  ["ranges by steps", (a) => at(a!, [0, { start: 2, step: -1 }, { start: 1, stop: 4, step: 2 }]).get(), golden.strided],
  ["rows", (a) => at(a!, [[1, 0, 1]]).get(), golden.rows],
  ["arrays around a range", (a) => at(a!, [[1, 0], { start: 1 }, [0, 3]]).get(), golden.mixed],
  ["arrays side by side", (a) => at(a!, [{}, [[0], [2]], [1, -1]]).get(), golden.together],
  ["a number and an array", (a) => at(a!, [0, {}, [0, 3]]).get(), golden.number],
  ["ranges beyond", (a) => at(a!, [{}, { start: 1, stop: 99 }, { start: -99, stop: 2 }]).get(), golden.beyond],
  ["set of a row", (a) => at(a!, 1).set(7), golden.setRow],
  [
    "set of a box",
    (a, b) => {
      const values = t.mul(t.expandDims(t.slice(b!, { start: [0, 0], size: [2, 2] }), { axis: -1 }), t.tensor([1, 2]));
      return at(a!, [{}, { start: 0, stop: 3, step: 2 }, { step: -3 }]).set(values);
    },
    golden.setBox,
  ],
  ["set of rows", (a, b) => at(a!, [[1, 0], {}, [0, 3]]).set(b!), golden.setRows],
  ["add at rows that repeat", (a) => at(a!, [[1, 0, 1], { start: 1 }]).add(10), golden.addRows],
  ["mul at rows that repeat", (a) => at(a!, [{}, [0, 2, 2]]).mul(3), golden.mulRows],
  ["max at rows that repeat", (a) => at(a!, [{}, [0, 2, 2], -1]).max(t.tensor([1, 2, -9])), golden.maxRows],
  ["min at rows that repeat", (a) => at(a!, [1, [0, 0]]).min(t.tensor([[1], [0]])), golden.minRows],
  ["diagonal", (a) => t.diagonal(a!, { diagonal: 1 }), golden.diagonal],
  ["diagonal below", (a) => t.diagonal(a!, { diagonal: -1, axes: [2, 0] }), golden.diagonalBelow],
  ["trace", (a) => t.trace(a!, { axes: [2, 1] }), golden.trace],
  ["diag", (_a, _b, v) => t.diag(v!, { diagonal: 2 }), golden.diag],
  ["diag below", (_a, _b, v) => t.diag(v!, { diagonal: -1 }), golden.diagBelow],
  ["diag of a matrix", (_, b) => t.diag(b!, { diagonal: 1 }), golden.diagRead],
  ["tri", () => t.tri(3, { columns: 4, diagonal: 1 }), golden.tri],
  ["meshgrid", (_a, _b, v, s) => t.meshgrid([v!, s!]), golden.meshgrid],
  ["meshgrid ij", (_, b, v, s) => t.meshgrid([v!, s!, first(b!)], { indexing: "ij" }), golden.meshgridIj],
  ["meshgrid of three", (_, b, v, s) => t.meshgrid([v!, s!, first(b!)]), golden.meshgridXyz],
  ["rot90", (_, b) => t.rot90(b!), golden.rot90],
  ["rot90 twice", (a) => t.rot90(a!, { turns: 2, axes: [1, 2] }), golden.rot180],
  ["rot90 back", (a) => t.rot90(a!, { turns: -1, axes: [0, 2] }), golden.rot270],
  ["kron", (_a, b, _v, _s, w) => t.kron(b!, w!), golden.kron],
  ["kron of other ranks", (a, b) => t.kron(a!, b!), golden.kronRanks],
  ["tensordot", (a, b) => t.tensordot(a!, b!, [[1], [1]]), golden.tensordot],
  ["tensordot over all", (a) => t.tensordot(a!, a!, 3), golden.tensordot2],
  ["dot", (_a, b, _v, _s, w) => t.dot(b!, w!), golden.dot],
  ["dot with a vector", (a) => t.dot(a!, at(a!, [0, 0]).get()), golden.dotVector],
  ["dot of many", (a) => t.dot(a!, t.reshape(a!, [3, 4, 2])), golden.dotMany],
  ["einsum: matmul", (_a, b, _v, _s, w) => t.einsum("ij,jk->ik", b!, w!), golden.einsumMatmul],
  ["einsum: batch", (a) => t.einsum("bij,bkj->bik", a!, a!), golden.einsumBatch],
  ["einsum: diagonal", (a) => t.einsum("ii->i", at(a!, [0, {}, { stop: 3 }]).get()), golden.einsumDiagonal],
  ["einsum: trace", (a) => t.einsum("ii", at(a!, [0, {}, { stop: 3 }]).get()), golden.einsumTrace],
  ["einsum: implicit", (_a, b, _v, _s, w) => t.einsum("ij,ki", w!, b!), golden.einsumImplicit],
  ["einsum: chain", (_a, b, _v, _s, w) => t.einsum("ij,jk,kl,l->i", b!, w!, b!, first(b!)), golden.einsumChain],
  ["einsum: dots", (a) => t.einsum("...ij,jk->...ki", a!, t.transpose(first(a!), [1, 0])), golden.einsumDots],
  ["einsum: outer", (_, b, v) => t.einsum("i,j->ji", v!, first(b!)), golden.einsumOuter],
  ["einsum: sum", (a) => t.einsum("ijk->j", a!), golden.einsumSum],
  [
    "einsum: broadcast",
    (a, b) => t.einsum("...i,...i", at(a!, ["...", { stop: 3 }]).get(), t.expandDims(b!, { axis: 1 })),
    golden.einsumBroadcast,
  ],
  ["searchsorted", (_a, _b, _v, s, w) => t.searchsorted(s!, w!), golden.searchLeft],
  ["searchsorted right", (_a, _b, _v, s, w) => t.searchsorted(s!, w!, { side: "right" }), golden.searchRight],
  ["bincount", () => t.bincount(t.tensor([1, 4, 4, 0, 1], { dtype: "int32" }), { length: 6 }), golden.bincount],
  ["histogram", (_a, _b, _v, _s, w) => t.histogram(w!, { bins: 4 }), golden.histogram],
  [
    "histogram with weights",
    (_a, _b, _v, _s, w) => t.histogram(w!, { bins: t.tensor([-5, 0, 0.5, 9]), weights: t.mul(w!, 2) })[0],
    golden.histogramWeighted,
  ],
  ["median", (a) => t.median(a!, { axis: 1 }), golden.median],
  ["median of all", (_a, _b, v) => t.median(v!), golden.medianAll],
  ["quantile", (a) => t.quantile(a!, [0.1, 0.25, 0.9], { axis: [0, 2] }), golden.quantile],
  ...(["lower", "higher", "nearest", "midpoint"] as const).map((
    method,
  ): GoldenRow => [`quantile, ${method}`, (_a, _b, v) => t.quantile(v!, [0.3, 0.5, 0.62], { method }), golden[method]]),
];

testGolden("NumPy", [golden.a, golden.b, golden.v, golden.s, golden.w], ROWS);

const x = () => t.tensor([[1, 2, 3], [4, 5, 6]]);
const list = async (y: Tensor) => [...await y.data()];

Deno.test("Positions that are out of range: numbers are refused, arrays read the nearest end or a fill, updates leave them out", async () => {
  throws(() => at(x(), 2), RangeError);
  throws(() => at(x(), [0, -4]), RangeError);
  deepStrictEqual(await list(at(x(), [[2, -9]]).get()), [4, 5, 6, 1, 2, 3]);
  deepStrictEqual(await list(at(x(), [[2, -1]]).get({ fill: -1 })), [-1, -1, -1, 4, 5, 6]);
  deepStrictEqual(await list(at(x(), [[2, -3, -1], [0, 0, 0]]).add(10)), [1, 2, 3, 14, 5, 6]);
  deepStrictEqual(await list(at(x(), [[0, 0], [1, 3]]).set(t.tensor([7, 8]))), [1, 7, 3, 4, 5, 6]);
});

Deno.test("Of several values for one element set keeps the last, with its gradient alone", async () => {
  const updated = (values: Tensor) => at(x(), [[0, 1, 0], 2]).set(values);
  deepStrictEqual(await list(updated(t.tensor([7, 8, 9]))), [1, 2, 9, 4, 5, 8]);
  const gradient = t.grad((values: Tensor) => t.sum(t.square(updated(values))))(t.tensor([7, 8, 9]));
  deepStrictEqual(await list(gradient), [0, 16, 18]);
  deepStrictEqual(await list(t.grad((y: Tensor) => t.sum(at(y, [[0, 1, 0], 2]).set(0)))(x())), [1, 1, 0, 1, 1, 0]);
});

Deno.test("Integers and bools are indexed and updated as they are; what does not fit is refused", async () => {
  const whole = t.tensor([2 ** 31 - 1, -5, 3], { dtype: "int32" });
  deepStrictEqual(await list(at(whole, [[0, 1, 1]]).min(t.tensor([0, -7, -6], { dtype: "int32" }))), [0, -7, 3]);
  deepStrictEqual(await list(at(t.tensor([true, false, true]), [[1, 2]]).set(t.tensor([true, false]))), [1, 1, 0]);
  deepStrictEqual(await list(at(t.tensor([true, false]), [[0, 1]]).add(t.tensor([false, true]))), [1, 1]);
  throws(() => at(whole, 0).set(0.5), RangeError);
  throws(() => at(whole, 0).set(t.tensor(1)), /fit into int32/);
  throws(() => at(x(), [t.tensor([true, false])]), /booleanMask/);
  throws(() => at(x(), [0, 0, 0]), t.ShapeError);
  throws(() => at(x(), [{ step: 0 }]), TypeError);
  throws(() => at(x(), [0, [0, 1]]).set(t.ones([3])), t.ShapeError);
});

Deno.test("Segments: sums, extrema, means and products; empty ones, ids outside, ties and zeros", async () => {
  const rows = t.tensor([[1, 8], [2, 0], [3, 8], [4, 5]]);
  const ids = t.tensor([2, 0, 2, 5], { dtype: "int32" });
  const segments = { segments: 3 };
  const of = (f: typeof t.segmentSum) => list(f(rows, ids, segments));
  deepStrictEqual(await of(t.segmentSum), [2, 0, 0, 0, 4, 16]);
  deepStrictEqual(await of(t.segmentMean), [2, 0, 0, 0, 2, 8]);
  deepStrictEqual(await of(t.segmentMax), [2, 0, -Infinity, -Infinity, 3, 8]);
  deepStrictEqual(await of(t.segmentMin), [2, 0, Infinity, Infinity, 1, 8]);
  deepStrictEqual(await of(t.segmentProd), [2, 0, 1, 1, 3, 64]);
  const most = (y: Tensor) => t.sum(at(t.segmentMax(y, ids, { segments: 3 }), 2).get());
  deepStrictEqual(await list(t.grad(most)(rows)), [0, 0.5, 0, 0, 1, 0.5, 0, 0]);
  const product = (y: Tensor) => t.sum(t.segmentProd(y, [0, 0, 0], { segments: 1 }));
  deepStrictEqual(await list(t.grad(product)(t.tensor([0, 3, 4]))), [12, 0, 0]);
  const [, tangent] = t.jvp((y: Tensor) => t.segmentMax(y, ids, segments), [rows], [t.onesLike(rows)]);
  deepStrictEqual(await list(tangent), [1, 1, 0, 0, 1, 1]); // of nothing there is no tangent
  const nan = t.tensor([1, NaN, 3]);
  deepStrictEqual(await list(t.scatterMax(nan, [0, 0, 0], { size: 1 })), [NaN]);
  throws(() => t.segmentSum(rows, ids, { segments: -1 }), RangeError);
  throws(() => t.segmentMax(rows, [0, 1], { segments: 2 }), t.ShapeError);
});

Deno.test("Functions of the host read masks and find different elements; inside a transformation they are refused", async () => {
  const y = t.tensor([[3, 0, 3], [NaN, 1, NaN]]);
  const [rows, columns] = await t.nonzero(y);
  deepStrictEqual([await list(rows!), await list(columns!)], [[0, 0, 1, 1, 1], [0, 2, 0, 1, 2]]);
  deepStrictEqual(await list(await t.booleanMask(y, t.greater(y, 0))), [3, 3, 1]);
  deepStrictEqual((await t.booleanMask(y, t.tensor([false, true]))).shape, [1, 3]);
  const { values, indices, inverse, counts } = await t.unique(y);
  deepStrictEqual(await list(values), [0, 1, 3, NaN]);
  deepStrictEqual([await list(indices), await list(counts)], [[1, 4, 0, 3], [1, 1, 2, 2]]);
  deepStrictEqual([inverse.shape, await list(inverse)], [[2, 3], [2, 0, 2, 3, 1, 3]]);
  const columnsOf = await t.unique(y, { axis: 1 });
  deepStrictEqual([columnsOf.values.shape, await list(columnsOf.values)], [[2, 2], [0, 3, 1, NaN]]);
  for (const f of [t.unique, t.nonzero, (z: Tensor) => t.booleanMask(z, t.greater(z, 0))]) {
    throws(() => t.jit((z: Tensor) => (f(z), z))(y), /inside jit, grad or vmap/);
    throws(() => t.grad((z: Tensor) => (f(z), t.sum(z)))(y), /inside jit, grad or vmap/);
  }
});

Deno.test("Search, counts and quantiles of awkward values", async () => {
  const sorted = t.tensor([1, 2, NaN, NaN]);
  deepStrictEqual(await list(t.searchsorted(sorted, t.tensor([NaN, 5, -Infinity]))), [2, 2, 0]);
  deepStrictEqual(await list(t.searchsorted(sorted, NaN, { side: "right" })), [4]);
  deepStrictEqual(await list(t.searchsorted(t.zeros([0]), t.tensor([1]))), [0]);
  deepStrictEqual(await list(t.histogram(t.tensor([5, 5]), { bins: 2 })[1]), [4.5, 5, 5.5]);
  deepStrictEqual(await list(t.histogram(t.tensor([-1, NaN, 9, 2]), { bins: 2, range: [0, 4] })[0]), [0, 1]);
  deepStrictEqual(await list(t.median(t.tensor([[1, NaN], [2, 3]]), { axis: 1, keepDims: true })), [NaN, 2.5]);
  deepStrictEqual(await list(t.quantile(t.tensor([-Infinity, -Infinity, 0]), 0.25)), [-Infinity]);
  deepStrictEqual(await list(t.median(t.tensor([4, 1, 3, 2], { dtype: "int32" }))), [2.5]);
  throws(() => t.quantile(x(), 1.5), RangeError);
  throws(() => t.median(t.zeros([0])), t.ShapeError);
  throws(() => t.bincount(t.tensor([0.5]), { length: 2 }), TypeError);
});

Deno.test("einsum: the path begins with what shrinks most; integers, bools, and what is no subscript", async () => {
  const path = t.einsumPath("ij,jk,kl,l->i", t.ones([9, 9]), t.ones([9, 9]), t.ones([9, 9]), t.ones([9]));
  deepStrictEqual(path.map(({ pair, cost }) => [pair, cost]), [[[2, 3], 81], [[1, 2], 81], [[0, 1], 81]]);
  const whole = t.tensor([[1, 2], [3, 4]], { dtype: "int32" });
  deepStrictEqual(await list(t.einsum("ij,jk", whole, whole)), [7, 10, 15, 22]);
  deepStrictEqual(await list(t.einsum("i,i", t.tensor([true, true]), t.tensor([true, false]))), [1]);
  throws(() => t.einsum("ij,jk->ik", x()), RangeError);
  throws(() => t.einsum("ij->iz", x()), RangeError);
  throws(() => t.einsum("ii", x()), t.ShapeError);
  throws(() => t.einsum("i->i", x()), t.ShapeError);
  throws(() => t.einsum("i1->i", x()), RangeError);
  throws(() => t.tensordot(x(), x(), 1), t.ShapeError);
  throws(() => t.dot(x(), x()), t.ShapeError);
  await rejects(async () => await t.meshgrid([x()])[0]!.data(), t.ShapeError);
});
