/** @file Functions made of other operations, whose programs devices and gradients are tested on. */
import type { Tensor } from "../../tensor/mod.ts";
import { t } from "./public_calls.ts";
import { floats, integers, type OpRow, row } from "./op_row.ts";

const places = (shape: readonly number[], size: number) => ({
  shape,
  dtype: "int32" as const,
  domain: [-size - 1, size + 1] as const,
});
/** Rows and their places, few and many. */
const rowsAt = (size: number) => [
  { inputs: [{ shape: [9, 3] }, places([9], size)] },
  { inputs: [{ shape: [67, 2] }, places([67], size)] },
];
const INTEGER_ROWS = {
  inputs: [{ shape: [9, 3], dtype: "int32" as const, domain: [-99, 99] as const }, places([9], 5)],
};
const segments = { segments: 5 };
const power = ({ re, im }: { readonly re: Tensor; readonly im: Tensor }) => t.add(t.square(re), t.square(im));
const spectral = { absolute: 2e-4, relative: 2e-5 };

/** Indexing, segments, products, spectra, images, draws. */
export const FUNCTION_ROWS: readonly OpRow[] = [
  row("scatterMax", (x, i) => t.maximum(t.scatterMax(x, i, { size: 5 }), -99), [...rowsAt(5), INTEGER_ROWS], {
    rejects: [() => t.scatterMax(t.ones([3, 2]), t.zeros([2], { dtype: "int32" }), { size: 4 })],
  }),
  row("scatterMin of unsigned", (x, i) => t.scatterMin(x, i, { size: 5 }), [
    { inputs: [{ shape: [9, 3], dtype: "uint32", domain: [0, 2 ** 32] }, places([9], 5)] },
  ], { order: 0 }),
  row("segmentMean", (x, i) => t.segmentMean(x, i, segments), rowsAt(5)),
  row("segmentProd", (x, i) => t.segmentProd(x, i, segments), rowsAt(5).slice(0, 1)),
  row("at, get", (x, i) => t.at(x, [i, { start: 1 }, 0]).get(), [{ inputs: [{ shape: [4, 3, 2] }, places([5], 4)] }]),
  row("at, set", (x, i, y) => t.at(x, [i, { step: 2 }]).set(t.mul(y, y)), [
    { inputs: [{ shape: [4, 3] }, places([5], 4), { shape: [5, 2] }] },
  ]),
  row("at, set of a box", (x, y) => t.at(x, [{ start: 1 }, { step: -2 }]).set(t.mul(y, y)), [floats([4, 3], [3, 2])]),
  row("at, add", (x, i, y) => t.at(x, [i]).add(t.mul(y, y)), [
    { inputs: [{ shape: [4, 3] }, places([5], 4), { shape: [5, 3] }] },
  ]),
  row("at, max", (x, i, y) => t.at(x, [i]).max(t.mul(y, y)), [
    { inputs: [{ shape: [4, 3] }, places([5], 4), { shape: [5, 3] }] },
  ]),
  row("diag of diagonal", (x) => t.diag(t.diagonal(x, { diagonal: 1 }), { batched: true }), [floats([2, 4, 5])]),
  row("einsum", (x, y, z) => t.einsum("bij,kj,k...->...ib", x, y, z), [floats([2, 3, 4], [5, 4], [5, 2])]),
  row("tensordot of integers", (x, y) => t.tensordot(x, y, 1), [integers("int32", [-9, 9], [3, 4], [4, 2])], {
    order: 0,
  }),
  row("kron", t.kron, [floats([2, 3], [3, 2])]),
  row("searchsorted", (x, y) => t.searchsorted(t.sort(x), y), [floats([33], [4, 5])], { order: 0 }),
  row("histogram", (x) => t.histogram(x, { bins: 7 })[0], [floats([300])], { order: 0 }),
  row("quantile", (x) => t.quantile(x, [0.2, 0.7], { axis: 0 }), [floats([7, 3])]),
  row("fft of 36", (x) => power(t.fft.fft(x)), [floats([2, 36])], { tolerance: spectral }),
  row("rfft of 67, a prime", (x) => power(t.fft.rfft(x)), [floats([67])], { tolerance: spectral }),
  row("irfft", (x, y) => t.fft.irfft({ re: x, im: y }, { size: 9 }), [floats([2, 5], [2, 5])]),
  row("resize", (x) => t.resize(x, [3, 7], { method: "bicubic", antialias: true }), [floats([1, 5, 4, 2])], {
    rejects: [() => t.resize(t.ones([1, 5, 4, 2]), [3])],
  }),
  row("adaptiveMaxPool2d", (x) => t.adaptiveMaxPool2d(x, [3, 2]), [floats([1, 5, 4, 2])], {
    rejects: [() => t.adaptiveMaxPool2d(t.ones([5, 4]), 2)],
  }),
  row("adaptiveAvgPool2d", (x) => t.adaptiveAvgPool2d(x, [3, 2]), [floats([1, 5, 4, 2])]),
  row("categorical", (key, x) => t.random.categorical(key, x), [
    { inputs: [{ shape: [2], dtype: "uint32", domain: [0, 2 ** 32] }, { shape: [9, 4] }] },
  ], { order: 0 }),
  row("randint", (key) => t.random.randint(key, [67], -9, 1000), [integers("uint32", [0, 2 ** 32], [2])], { order: 0 }),
];
