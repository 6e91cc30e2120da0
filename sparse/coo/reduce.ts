/** @file Sums, and softmax over what is stored. */
import {
  div,
  exp,
  reshape,
  scatterMax,
  ShapeError,
  sizeOf,
  stopGradient,
  sub,
  sum as sumDense,
  take,
  type Tensor,
  where,
} from "../../tensor/core.ts";
import { asFloating, requireOptions } from "../../tensor/parts.ts";
import { addRows, coalesced } from "./coalesce.ts";
import {
  type CooTensor,
  denseSizes,
  makeCoo,
  nseOf,
  requireCoo,
  shapeOf,
  sparseSizes,
  storedValues,
} from "./coo_tensor.ts";
import { axesOf, cellNumbers, isStored, orPadding, pickColumns, requireNumbers } from "./coordinates.ts";
import { type NseOption, tableOf } from "./settle.ts";

/** Options of `sum`. */
export interface SparseSumOptions extends NseOption {
  /** The axes that are summed, negative from the end; all if left out. */
  readonly axis?: number | readonly number[];
}

/**
 * Sums over axes (`torch.sparse.sum`, JAX's `bcoo_reduce_sum`).
 *
 * @param a Any sparse tensor.
 * @param options `axis`: which; `nse`: entries of a sparse result.
 * @returns A dense tensor if no sparse axis is left, as when all are summed; else a coalesced sparse tensor.
 * @throws {ShapeError} If an axis is none.
 * @throws {RangeError} If `nse` is too small, where the coordinates are on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual, equal } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import type { Tensor } from "@tessera/tessera/tensor";
 *
 * const a = coo.cooTensor([[0, 1], [1, 0], [1, 1]], [2, 3, 4], [2, 2]);
 * equal(await (coo.sum(a) as Tensor).item(), 9);
 * const rows = coo.sum(a, { axis: 1 }) as coo.CooTensor;
 * deepStrictEqual(await coo.toDense(rows).data(), new Float32Array([2, 7]));
 * ```
 */
export function sum(a: CooTensor, options: SparseSumOptions = {}): CooTensor | Tensor {
  requireOptions("sum", options, { axis: true, nse: true });
  requireCoo("sum", "a", a);
  const shape = shapeOf(a);
  const summed = new Set(axesOf("sum", shape, options.axis ?? [...shape.keys()]));
  const sizes = sparseSizes(a);
  const left = [...sizes.keys()].filter((axis) => !summed.has(axis));
  const dense = denseSizes(a).map((_, i) => i).filter((i) => summed.has(i + sizes.length)).map((i) => i + 1);
  if (left.length === 0) {
    if (options.nse !== undefined) {
      throw new TypeError(`Cannot sum as nse is of sparse results: current axes leave none that is sparse`);
    }
    return sumDense(storedValues(a), { axis: [0, ...dense] });
  }
  const values = dense.length > 0 ? sumDense(a.values, { axis: dense }) : a.values;
  const kept = shape.filter((_, axis) => !summed.has(axis));
  if (left.length === sizes.length) return makeCoo(a.indices, values, kept, a.form.value.coalesced);
  const leftSizes = left.map((axis) => sizes[axis]!);
  const indices = tableOf(
    [a.indices],
    ([indices]) => orPadding(isStored(indices!, sizes), pickColumns(indices!, left), leftSizes),
  );
  return coalesced("sum", makeCoo(indices, values, kept, false), options.nse);
}

/**
 * Softmax over the entries of each line, what is not stored counting as minus infinity (`torch.sparse.softmax`): attention
 * weights on the edges of a graph.
 *
 * @param a Sparse tensor; integers and bools are taken as float32.
 * @param options `axis`: a sparse one, the last of them by default.
 * @returns A coalesced sparse tensor; entries of a line add up to 1.
 * @throws {ShapeError} If the axis is not sparse.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.cooTensor([[0, 0], [0, 2], [1, 1]], [3, 3, 8], [2, 3]);
 * deepStrictEqual(await coo.softmax(a).values.data(), new Float32Array([0.5, 0.5, 1]));
 * ```
 */
export function softmax(a: CooTensor, options: { readonly axis?: number } = {}): CooTensor {
  requireOptions("softmax", options, { axis: true });
  requireCoo("softmax", "a", a);
  const sizes = sparseSizes(a);
  const { axis = sizes.length - 1 } = options;
  const [at] = axesOf("softmax", shapeOf(a), axis);
  if (at! >= sizes.length) throw new ShapeError("softmax", `axis ${axis} must be a sparse one`, [shapeOf(a)]);
  const x = coalesced("softmax", a);
  if (nseOf(x) === 0) return x;
  const others = [...sizes.keys()].filter((other) => other !== at);
  const lineSizes = others.map((other) => sizes[other]!);
  requireNumbers("softmax", "lines", lineSizes);
  const stored = isStored(x.indices, sizes);
  const numbers = others.length === 0
    ? where(stored, 0, -1)
    : where(stored, cellNumbers(pickColumns(x.indices, others), lineSizes), -1);
  const values = asFloating(reshape(x.values, [nseOf(x), -1]));
  const result = softmaxOf(values, numbers, sizeOf(lineSizes));
  return makeCoo(x.indices, reshape(result, x.values.shape), shapeOf(a), true);
}

/** Softmax of `values [N, D]` over the rows of each line; 0 for rows of line -1. */
function softmaxOf(values: Tensor, lines: Tensor, count: number): Tensor {
  const readBack = (rows: Tensor, fill: number) => take(rows, lines, { fill, wrapNegativeIndices: false });
  const largest = scatterMax(stopGradient(values), lines, { size: count, wrapNegativeIndices: false });
  const used = reshape(isStored(reshape(lines, [-1, 1]), [count]), [-1, 1]);
  const powers = where(used, exp(where(used, sub(values, readBack(largest, 0)), 0)), 0);
  return div(powers, readBack(addRows(powers, lines, count), 1));
}
