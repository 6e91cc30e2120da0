/** @file From dense tensors and back. */
import {
  any,
  broadcastTo,
  fmod,
  greaterEqual,
  logicalOr,
  mul,
  notEqual,
  reshape,
  type Shape,
  ShapeError,
  sizeOf,
  take,
  type Tensor,
  tensor,
  truncDivide,
  where,
} from "../../tensor/core.ts";
import { requireOptions, requireTensor, stridesOf } from "../../tensor/parts.ts";
import { hostValues } from "../host_values.ts";
import { addRows } from "./coalesce.ts";
import { type CooTensor, denseSizes, makeCoo, requireCoo, shapeOf, sparseSizes } from "./coo_tensor.ts";
import { cellNumbers, countOf, isStored, ofColumns, orPadding, positionsOf, requireNumbers } from "./coordinates.ts";
import { type NseOption, settle, type Tables } from "./settle.ts";

/** Options of `fromDense`. */
export interface FromDenseOptions extends NseOption {
  /** How many of the trailing axes are dense. 0 by default. */
  readonly denseAxes?: number;
}

/** The cells that hold something, and their coordinates. */
function tablesOf(x: Tensor, sizes: Shape): Tables {
  const cells = reshape(x, [sizeOf(sizes), -1]);
  const isActive = any(logicalOr(notEqual(cells, 0), notEqual(cells, cells)), { axis: 1 });
  return {
    count: countOf(isActive),
    make: (size) => {
      const at = positionsOf(isActive, size);
      const columns = stridesOf(sizes).map((stride, axis) => fmod(truncDivide(at, stride), sizes[axis]!));
      return [orPadding(greaterEqual(at, 0), ofColumns(columns), sizes), at];
    },
  };
}

/**
 * Keeps what is not zero (`torch.Tensor.to_sparse`, JAX's `BCOO.fromdense`).
 *
 * @param x Any tensor of at least one axis.
 * @param options `nse`, which must be given where the values are not on the host, as inside `jit`; `denseAxes`, 0 by default:
 * a block of them is kept if anything in it is not zero.
 * @returns A coalesced sparse tensor. Its gradient is that of the entries, at their places.
 * @throws {ShapeError} If no axis is left to be sparse.
 * @throws {RangeError} If `nse` is too small, where the values are on the host, or there are more cells than int32 numbers.
 * @throws {TypeError} If `nse` is missing for values that are not on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const a = coo.fromDense(tensor([[0, 5], [7, 0]]));
 * deepStrictEqual([await a.indices.data(), await a.values.data()], [
 *   new Int32Array([0, 1, 1, 0]),
 *   new Float32Array([5, 7]),
 * ]);
 * ```
 */
export function fromDense(x: Tensor, options: FromDenseOptions = {}): CooTensor {
  requireOptions("fromDense", options, { nse: true, denseAxes: true });
  requireTensor("fromDense", "x", x);
  const { nse, denseAxes = 0 } = options;
  const axes = x.shape.length - denseAxes;
  if (!(Number.isInteger(denseAxes) && denseAxes >= 0 && axes >= 1)) {
    throw new ShapeError("fromDense", `at least one axis must be left beside ${denseAxes} dense ones`, [x.shape]);
  }
  const [sizes, dense] = [x.shape.slice(0, axes), x.shape.slice(axes)];
  requireNumbers("fromDense", "the sparse axes", sizes);
  if (nse === undefined && !hostValues(x)) {
    throw new TypeError(
      `Cannot fromDense as nse must be given for values that are not on the host: current tensor is ${
        x.traced ? "traced" : "not there; give nse, or read it first"
      }`,
    );
  }
  const cells = sizeOf(sizes);
  const { tables: [indices, at], guard } = settle("fromDense", [x], ([x]) => tablesOf(x!, sizes), cells, nse);
  const values = take(reshape(x, [cells, ...dense]), at!, { wrapNegativeIndices: false });
  return makeCoo(indices!, guard(values), x.shape, true);
}

/**
 * Puts entries to their places; those of one coordinate add up (`torch.Tensor.to_dense`, JAX's `todense`).
 *
 * @param a Any sparse tensor.
 * @returns Tensor of `shapeOf(a)`. Its gradient reads the cotangent at the entries.
 * @throws {RangeError} If there are more cells than int32 numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.cooTensor([[1, 1]], [9], [2, 2]);
 * deepStrictEqual(await coo.toDense(a).data(), new Float32Array([0, 0, 0, 9]));
 * ```
 */
export function toDense(a: CooTensor): Tensor {
  requireCoo("toDense", "a", a);
  const sizes = sparseSizes(a);
  requireNumbers("toDense", "the sparse axes", sizes);
  return reshape(addRows(a.values, cellNumbers(a.indices, sizes), sizeOf(sizes)), shapeOf(a));
}

/** Reads a dense tensor at the entries, with sizes of 1 repeated as in broadcasting: `[nse, ...dense sizes]`. */
export function readAt(operation: string, a: CooTensor, x: Tensor): Tensor {
  const shape = shapeOf(a);
  const missing = shape.length - x.shape.length;
  const own = [...shape.slice(0, Math.max(0, missing)).map(() => 1), ...x.shape];
  if (missing < 0 || own.some((size, axis) => size !== 1 && size !== shape[axis])) {
    throw new ShapeError(operation, "the dense tensor must broadcast to the sparse one", [shape, x.shape]);
  }
  const axes = sparseSizes(a).length;
  const sizes = own.slice(0, axes);
  requireNumbers(operation, "the dense tensor", sizes);
  const still = tensor(Int32Array.from(sizes, (size) => Number(size !== 1)), { shape: [1, axes] });
  const places = cellNumbers(mul(a.indices, still), sizes);
  const at = where(isStored(a.indices, sparseSizes(a)), places, -1);
  return take(reshape(x, [sizeOf(sizes), ...own.slice(axes)]), at, { wrapNegativeIndices: false });
}

/**
 * Reads a dense tensor at the entries of a sparse one (`torch.Tensor.sparse_mask`, JAX's `bcoo_extract`).
 *
 * @param a Whose coordinates are read; coalesced, or each repeated coordinate reads the whole value.
 * @param x Dense tensor that broadcasts to `shapeOf(a)`.
 * @returns A sparse tensor of the same coordinates. Nothing else of `x` is read, so it may hold NaN elsewhere.
 * @throws {ShapeError} If `x` does not broadcast.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const a = coo.cooTensor([[0, 1], [1, 0]], [1, 1], [2, 2]);
 * deepStrictEqual(await coo.extract(a, tensor([[5, 6], [7, 8]])).values.data(), new Float32Array([6, 7]));
 * ```
 */
export function extract(a: CooTensor, x: Tensor): CooTensor {
  requireCoo("extract", "a", a);
  requireTensor("extract", "x", x);
  const read = readAt("extract", a, x);
  const values = broadcastTo(read, [read.shape[0]!, ...denseSizes(a)]);
  return makeCoo(a.indices, values, shapeOf(a), a.form.value.coalesced);
}
