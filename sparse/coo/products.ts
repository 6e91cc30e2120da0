/** @file Products of matrices of which one at least is sparse. Shapes: m rows, k joint, n columns. */
import {
  add,
  arange,
  cast,
  cumsum,
  greaterEqual,
  less,
  mul,
  reshape,
  searchsorted,
  type Shape,
  ShapeError,
  sizeOf,
  slice,
  sub,
  sum,
  take,
  Tensor,
  transpose as transposeDense,
  where,
} from "../../tensor/core.ts";
import { requireOptions, requireTensor, sameShape } from "../../tensor/parts.ts";
import { addRows, coalesced } from "./coalesce.ts";
import { type CooTensor, denseSizes, makeCoo, nseOf, requireCoo, shapeOf, sparseSizes } from "./coo_tensor.ts";
import { cellNumbers, columnOf, isStored, ofColumns, orPadding, pickColumns, requireNumbers } from "./coordinates.ts";
import { type NseOption, settle, type Tables } from "./settle.ts";
import { transpose } from "./structure.ts";

/** Options of `matmul` of two sparse tensors. */
export interface SparseMatmulOptions extends NseOption {
  /**
   * Room for products of two entries, before those of one coordinate are added up: static, as `nse`. Where it is left out:
   * as many as are needed if the coordinates are on the host, else as many as there can be, which is entries of `a` times the
   * lesser of the entries and the columns of `b`.
   */
  readonly products?: number;
}

function requireMatrix(operation: string, name: string, a: CooTensor): void {
  requireCoo(operation, name, a);
  if (denseSizes(a).length === 0 && shapeOf(a).length >= 2) return;
  throw new ShapeError(operation, `${name} must be a sparse matrix, or a batch of them, without dense axes`, [
    shapeOf(a),
  ]);
}

/** Sparse times dense: each entry takes a row, and adds it to one. */
function sparseDense(a: CooTensor, x: Tensor): Tensor {
  const shape = shapeOf(a);
  const [batch, [m, k]] = [shape.slice(0, -2), shape.slice(-2) as [number, number]];
  const isVector = x.shape.length === 1 && batch.length === 0;
  const n = isVector ? 1 : x.shape.at(-1)!;
  if (!isVector && !sameShape(x.shape, [...batch, k, n]) || isVector && x.shape[0] !== k) {
    throw new ShapeError("matmul", `the second must be [${[...batch, k]}, n]`, [shape, x.shape]);
  }
  const [rowSizes, readSizes] = [[...batch, m], [...batch, k]];
  requireNumbers("matmul", "rows", rowSizes);
  requireNumbers("matmul", "joint rows", readSizes);
  const axes = [...shape.keys()];
  const stored = isStored(a.indices, shape);
  const numbers = (dropped: number, sizes: Shape) =>
    where(stored, cellNumbers(pickColumns(a.indices, axes.filter((axis) => axis !== dropped)), sizes), -1);
  const rows = take(reshape(x, [sizeOf(readSizes), n]), numbers(batch.length, readSizes), {
    wrapNegativeIndices: false,
  });
  const products = mul(reshape(where(stored, a.values, 0), [-1, 1]), rows); // [nse, n]
  const y = addRows(products, numbers(batch.length + 1, rowSizes), sizeOf(rowSizes));
  return reshape(y, isVector ? [m] : [...batch, m, n]);
}

function swapLast(count: number): readonly number[] {
  const axes = Array.from({ length: count }, (_, axis) => axis);
  return [...axes.slice(0, -2), count - 1, count - 2];
}

function denseSparse(x: Tensor, b: CooTensor): Tensor {
  const turned = transpose(b, swapLast(shapeOf(b).length));
  if (x.shape.length === 1) return sparseDense(turned, x);
  if (x.shape.length !== shapeOf(b).length || x.shape.at(-1) !== shapeOf(b).at(-2)) {
    throw new ShapeError("matmul", "columns of the first must be rows of the second", [x.shape, shapeOf(b)]);
  }
  const y = sparseDense(turned, transposeDense(x, swapLast(x.shape.length)));
  return transposeDense(y, swapLast(y.shape.length));
}

/** Every product of an entry of `a` with one of the row of `b` that it meets; rows of `b` stand together. */
function productTables(a: Tensor, b: Tensor, [m, k, n]: readonly [number, number, number]): Tables {
  const joint = where(isStored(a, [m, k]), columnOf(a, 1), -1);
  const bRows = where(isStored(b, [k, n]), columnOf(b, 0), -1);
  const lengths = reshape(addRows(cast(greaterEqual(bRows, 0), "int32"), bRows, k), [k]);
  const starts = sub(cumsum(lengths), lengths);
  const own = take(lengths, joint, { wrapNegativeIndices: false }); // products of each entry of a
  const ends = cumsum(own);
  const total = reshape(slice(ends, { start: [-1], size: [1] }), []);
  return {
    count: total,
    make: (size) => {
      const number = arange(size);
      const entry = searchsorted(ends, number, { side: "right" });
      const first = sub(take(ends, entry), take(own, entry));
      const at = add(
        take(starts, take(joint, entry, { fill: -1 }), { wrapNegativeIndices: false }),
        sub(number, first),
      );
      const used = less(number, total);
      const [inA, inB] = [where(used, entry, -1), where(used, at, -1)];
      const read = (indices: Tensor, rows: Tensor) => take(indices, rows, { wrapNegativeIndices: false });
      const places = ofColumns([columnOf(read(a, inA), 0), columnOf(read(b, inB), 1)]);
      return [orPadding(used, places, [m, n]), inA, inB];
    },
  };
}

function sparseSparse(a: CooTensor, given: CooTensor, { nse, products }: SparseMatmulOptions): CooTensor {
  const [m, k] = shapeOf(a) as [number, number];
  const [joint, n] = shapeOf(given) as [number, number];
  if (shapeOf(a).length !== 2 || shapeOf(given).length !== 2 || k !== joint) {
    throw new ShapeError("matmul", "sparse operands must be [m, k] and [k, n]", [shapeOf(a), shapeOf(given)]);
  }
  const b = coalesced("matmul", given);
  const most = nseOf(a) * Math.min(nseOf(b), n);
  requireNumbers("matmul", "products of entries; give products, the room for them; these", [products ?? most]);
  if (nseOf(a) === 0 || nseOf(b) === 0) {
    const none = makeCoo(take(a.indices, []), mul(take(a.values, []), take(b.values, [])), [m, n], true);
    return coalesced("matmul", none, nse);
  }
  const { tables: [indices, inA, inB], guard } = settle(
    "matmul",
    [a.indices, b.indices],
    ([x, y]) => productTables(x!, y!, [m, k, n]),
    most,
    products,
  );
  const read = (values: Tensor, rows: Tensor) => take(values, rows, { wrapNegativeIndices: false });
  const values = guard(mul(read(a.values, inA!), read(b.values, inB!)));
  return coalesced("matmul", makeCoo(indices!, values, [m, n], false), nse);
}

/**
 * Multiplies matrices of which one or both are sparse (`torch.sparse.mm`, JAX's `@`).
 *
 * @param a Sparse `[...batch, m, k]`, or dense.
 * @param b Dense `[...batch, k, n]`, or `[k]` beside a sparse matrix; or sparse `[k, n]` or `[...batch, k, n]`.
 * @param options `nse` and `products`, of two sparse matrices.
 * @returns Dense `[...batch, m, n]`, or `[m]` of a vector; of two sparse matrices, a coalesced sparse one. Entries of one
 * coordinate add up. What is not stored is zero, also beside NaN and infinities.
 * @throws {ShapeError} If the shapes do not fit, or a sparse operand has dense axes.
 * @throws {RangeError} If `nse` or `products` is too small, where the coordinates are on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const a = coo.cooTensor([[0, 1], [1, 0]], [2, 3], [2, 2]);
 * deepStrictEqual(await coo.matmul(a, tensor([[1, 2], [3, 4]])).data(), new Float32Array([6, 8, 3, 6]));
 * deepStrictEqual(await coo.toDense(coo.matmul(a, a)).data(), new Float32Array([6, 0, 0, 6]));
 * ```
 */
export function matmul(a: CooTensor, b: Tensor): Tensor;
/** Dense times sparse. */
export function matmul(a: Tensor, b: CooTensor): Tensor;
/** Sparse times sparse. */
export function matmul(a: CooTensor, b: CooTensor, options?: SparseMatmulOptions): CooTensor;
export function matmul(
  a: CooTensor | Tensor,
  b: CooTensor | Tensor,
  options: SparseMatmulOptions = {},
): CooTensor | Tensor {
  requireOptions("matmul", options, { nse: true, products: true });
  if (a instanceof Tensor || b instanceof Tensor) {
    if (options.nse !== undefined || options.products !== undefined) {
      throw new TypeError(
        "Cannot matmul as nse and products are of two sparse matrices: current operands hold a dense one",
      );
    }
    if (!(a instanceof Tensor)) {
      requireMatrix("matmul", "a", a);
      return sparseDense(a, b as Tensor);
    }
    requireMatrix("matmul", "b", b as CooTensor);
    return denseSparse(a, b as CooTensor);
  }
  requireMatrix("matmul", "a", a);
  requireMatrix("matmul", "b", b);
  return sparseSparse(a, b, options);
}

/**
 * Multiplies dense matrices, at the entries of a sparse one only (SDDMM; `torch.sparse.sampled_addmm` without its input,
 * JAX's `bcoo_dot_general_sampled`): `(x · y) ⊙ (a ≠ 0)`, as in attention on the edges of a graph.
 *
 * @param a Sparse `[m, n]`: where to compute. Its values do not matter.
 * @param x Dense `[m, k]`.
 * @param y Dense `[k, n]`.
 * @returns A coalesced sparse tensor `[m, n]`.
 * @throws {ShapeError} If the shapes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const a = coo.cooTensor([[0, 1], [1, 1]], [1, 1], [2, 2]);
 * const y = coo.sddmm(a, tensor([[1, 2], [3, 4]]), tensor([[5, 6], [7, 8]]));
 * deepStrictEqual(await y.values.data(), new Float32Array([22, 50]));
 * ```
 */
export function sddmm(a: CooTensor, x: Tensor, y: Tensor): CooTensor {
  requireMatrix("sddmm", "a", a);
  requireTensor("sddmm", "x", x);
  requireTensor("sddmm", "y", y);
  const [m, n] = shapeOf(a);
  const k = x.shape.at(-1)!;
  if (shapeOf(a).length !== 2 || !sameShape(x.shape, [m!, k]) || !sameShape(y.shape, [k, n!])) {
    throw new ShapeError("sddmm", "shapes must be [m, n], [m, k] and [k, n]", [shapeOf(a), x.shape, y.shape]);
  }
  const at = coalesced("sddmm", a);
  const stored = isStored(at.indices, sparseSizes(at));
  const read = (rows: Tensor, axis: number) =>
    take(rows, where(stored, columnOf(at.indices, axis), -1), { wrapNegativeIndices: false });
  const values = sum(mul(read(x, 0), read(transposeDense(y), 1)), { axis: 1 });
  return makeCoo(at.indices, values, [m!, n!], true);
}
