/** @file Sums and products of sparse tensors, entry by entry. */
import {
  add as plus,
  concat as concatDense,
  less,
  logicalAnd,
  mul as mulDense,
  neg,
  pad,
  type Shape,
  ShapeError,
  slice,
  take,
  Tensor,
  where,
} from "../../tensor/core.ts";
import { requireOptions, sameShape } from "../../tensor/parts.ts";
import { coalesced } from "./coalesce.ts";
import {
  type CooTensor,
  denseSizes,
  makeCoo,
  mapValues,
  nseOf,
  requireCoo,
  shapeOf,
  sparseSizes,
} from "./coo_tensor.ts";
import { countOf, isStored, positionsOf, rowsAt, sameAsBefore, sortedOrder } from "./coordinates.ts";
import { readAt } from "./dense.ts";
import { NSE_OPTION, type NseOption, settle, tableOf, type Tables } from "./settle.ts";

function requireAlike(operation: string, a: CooTensor, b: CooTensor): void {
  requireCoo(operation, "a", a);
  requireCoo(operation, "b", b);
  if (sameShape(shapeOf(a), shapeOf(b)) && sparseSizes(a).length === sparseSizes(b).length) return;
  throw new ShapeError(operation, "operands must have one shape, and as many sparse axes", [shapeOf(a), shapeOf(b)]);
}

/** Entries of both, one after the other, in axes that both have. */
export function together(all: readonly CooTensor[], shape: Shape): CooTensor {
  const indices = tableOf(all.map((a) => a.indices), (parts) => concatDense(parts));
  return makeCoo(indices, concatDense(all.map((a) => a.values)), shape, false);
}

/**
 * Adds sparse tensors: the union of their entries, those of one coordinate being added up.
 *
 * @param a Any sparse tensor.
 * @param b One of the same shape, with as many sparse axes.
 * @param options `nse`: entries of the result.
 * @returns A coalesced sparse tensor.
 * @throws {ShapeError} If the shapes differ.
 * @throws {RangeError} If `nse` is too small, where the coordinates are on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const sum = coo.add(coo.cooTensor([[0], [1]], [1, 2], [3]), coo.cooTensor([[1], [2]], [3, 4], [3]));
 * deepStrictEqual([await sum.indices.data(), await sum.values.data()], [
 *   new Int32Array([0, 1, 2]),
 *   new Float32Array([1, 5, 4]),
 * ]);
 * ```
 */
export function add(a: CooTensor, b: CooTensor, options: NseOption = {}): CooTensor {
  requireOptions("add", options, NSE_OPTION);
  requireAlike("add", a, b);
  return coalesced("add", together([a, b], shapeOf(a)), options.nse);
}

/**
 * Subtracts a sparse tensor: the union of the entries.
 *
 * @param a Any sparse tensor.
 * @param b One of the same shape, with as many sparse axes.
 * @param options `nse`: entries of the result.
 * @returns A coalesced sparse tensor. Where values cancel, a zero is stored.
 * @throws {ShapeError} As `add`.
 * @throws {RangeError} As `add`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.cooTensor([[0], [1]], [1, 2], [3]);
 * deepStrictEqual(await coo.sub(a, a).values.data(), new Float32Array([0, 0]));
 * ```
 */
export function sub(a: CooTensor, b: CooTensor, options: NseOption = {}): CooTensor {
  requireOptions("sub", options, NSE_OPTION);
  requireAlike("sub", a, b);
  return coalesced("sub", together([a, mapValues(b, neg)], shapeOf(a)), options.nse);
}

/** Coordinates that both have, and where they stand in each; entries of `a` and of `b` are coalesced. */
function tablesOf(a: Tensor, b: Tensor, sizes: Shape): Tables {
  const all = concatDense([a, b]);
  const order = sortedOrder(all, sizes);
  const sorted = take(all, order);
  const [count] = order.shape;
  const met = logicalAnd(sameAsBefore(sorted), isStored(sorted, sizes)); // of the second of a pair
  const isFirst = slice(pad(met, [[0, 1]]), { start: [1], size: [count!] });
  return {
    count: countOf(isFirst),
    make: (size) => {
      const at = positionsOf(isFirst, size);
      const inA = take(order, at, { fill: -1, wrapNegativeIndices: false });
      const inB = take(order, where(less(at, 0), -1, plus(at, 1)), { fill: -1, wrapNegativeIndices: false });
      return [rowsAt(a, inA, sizes), inA, where(less(inB, 0), -1, plus(inB, -a.shape[0]!))];
    },
  };
}

function mulSparse(a: CooTensor, b: CooTensor, nse: number | undefined): CooTensor {
  requireCoo("mul", "b", b);
  requireAlike("mul", a, b);
  const [x, y] = [coalesced("mul", a), coalesced("mul", b)];
  const sizes = sparseSizes(a);
  const { tables: [indices, inA, inB], guard } = settle(
    "mul",
    [x.indices, y.indices],
    ([a, b]) => tablesOf(a!, b!, sizes),
    Math.min(nseOf(x), nseOf(y)),
    nse,
  );
  const values = [[x, inA!], [y, inB!]] as const;
  const [p, q] = values.map(([{ values }, rows]) => take(values, rows, { wrapNegativeIndices: false }));
  return makeCoo(indices!, guard(mulDense(p!, q!)), [...sizes, ...denseSizes(a)], true);
}

/**
 * Multiplies entry by entry: by a sparse tensor, on the intersection of the entries; by a dense one that broadcasts, or a
 * number, on all of `a`.
 *
 * @param a Any sparse tensor.
 * @param b A sparse tensor of the same shape, a dense one that broadcasts to it, or a number.
 * @param options `nse`: entries of the result, of two sparse tensors.
 * @returns A sparse tensor; coalesced if both are sparse. What is not stored stays zero, also beside NaN and infinities.
 * @throws {ShapeError} If the shapes do not fit.
 * @throws {RangeError} As `add`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const a = coo.cooTensor([[0, 0], [1, 1]], [2, 3], [2, 2]);
 * const both = coo.mul(a, coo.cooTensor([[1, 0], [1, 1]], [5, 7], [2, 2]));
 * deepStrictEqual([await both.indices.data(), await both.values.data()], [new Int32Array([1, 1]), new Float32Array([21])]);
 * deepStrictEqual(await coo.mul(a, tensor([[10], [100]])).values.data(), new Float32Array([20, 300]));
 * ```
 */
export function mul(a: CooTensor, b: CooTensor | Tensor | number, options: NseOption = {}): CooTensor {
  requireOptions("mul", options, NSE_OPTION);
  requireCoo("mul", "a", a);
  if (typeof b !== "number" && !(b instanceof Tensor)) return mulSparse(a, b, options.nse);
  if (options.nse !== undefined) {
    throw new TypeError(
      `Cannot mul as nse is of products of two sparse tensors: current nse is ${options.nse}; use coo.coalesce(a, { nse })`,
    );
  }
  return mapValues(a, (values) => mulDense(values, typeof b === "number" ? b : readAt("mul", a, b)));
}
