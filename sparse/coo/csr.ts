import {
  add,
  arange,
  cast,
  concat,
  cumsum,
  greaterEqual,
  reshape,
  searchsorted,
  type Shape,
  ShapeError,
  Static,
  type Tensor,
  tensor,
  where,
} from "../../tensor/core.ts";
import { requireKind, requireList, requireOptions, requireTensor, sameShape } from "../../tensor/parts.ts";
import { hostValues } from "../host_values.ts";
import { addRows, coalesced } from "./coalesce.ts";
import { type CooTensor, makeCoo, requireCoo, shapeOf, sparseSizes } from "./coo_tensor.ts";
import { columnOf, isStored, ofColumns } from "./coordinates.ts";
import { NSE_OPTION, type NseOption, tableOf } from "./settle.ts";

/** A sparse matrix by rows, with SciPy's names: row `i` has the entries from `indptr[i]` to `indptr[i + 1]`. */
export interface CsrMatrix {
  /** int32 `[m + 1]`: where the entries of each row begin (`crow_indices` in PyTorch). */
  readonly indptr: Tensor;
  /** int32 `[nse]`: the column of each entry (`col_indices`); those behind the last row are padding. */
  readonly indices: Tensor;
  /** `[nse, ...dense sizes]`. */
  readonly values: Tensor;
  /** `[m, n, ...dense sizes]`. */
  readonly form: Static<{ readonly shape: Shape }>;
}

/**
 * Shows a sparse matrix by rows (`torch.Tensor.to_sparse_csr`, SciPy's `tocsr`).
 *
 * @param a Sparse `[m, n, ...dense]`.
 * @param options `nse`: entries of the result.
 * @returns Its rows; entries of one coordinate are added up, columns of a row ascend.
 * @throws {ShapeError} If `a` has not two sparse axes.
 * @throws {RangeError} If `nse` is too small, where the coordinates are on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const { indptr, indices } = coo.toCsr(coo.cooTensor([[2, 1], [0, 2], [0, 0]], [1, 2, 3], [3, 3]));
 * deepStrictEqual([await indptr.data(), await indices.data()], [new Int32Array([0, 2, 2, 3]), new Int32Array([0, 2, 1])]);
 * ```
 */
export function toCsr(a: CooTensor, options: NseOption = {}): CsrMatrix {
  requireOptions("toCsr", options, NSE_OPTION);
  requireCoo("toCsr", "a", a);
  const sizes = sparseSizes(a);
  if (sizes.length !== 2) throw new ShapeError("toCsr", "there must be two sparse axes", [shapeOf(a)]);
  const { indices, values } = coalesced("toCsr", a, options.nse);
  const indptr = tableOf([indices], ([indices]) => rowStarts(indices!, sizes));
  return {
    indptr,
    indices: tableOf([indices], ([indices]) => columnOf(indices!, 1)),
    values,
    form: new Static({ shape: shapeOf(a) }),
  };
}

function rowStarts(indices: Tensor, sizes: Shape): Tensor {
  const rows = where(isStored(indices, sizes), columnOf(indices, 0), -1);
  const lengths = reshape(addRows(cast(greaterEqual(rows, 0), "int32"), rows, sizes[0]!), [sizes[0]!]);
  return concat([tensor(new Int32Array(1)), cumsum(lengths)]);
}

function requireInt32(name: string, x: Tensor): void {
  if (x.dtype === "int32") return;
  throw new TypeError(
    `Cannot fromCsr as ${name} must be int32: current dtype is ${x.dtype}; use cast(${name}, "int32")`,
  );
}

/** Refuses rows and columns on the host that are none; what stands behind the last row is padding. */
function checkRows(indptr: Tensor, indices: Tensor, columns: number): void {
  const starts = hostValues(indptr);
  if (!starts) return;
  const [first, last] = [starts[0]!, starts.at(-1)!];
  const bad = starts.findIndex((start, row) => row > 0 && start < starts[row - 1]!);
  if (first !== 0 || bad >= 0 || last > indices.shape[0]!) {
    throw new RangeError(
      `Cannot fromCsr as indptr must rise from 0 to at most the ${indices.shape[0]} entries: current indptr is ` +
        (bad < 0 ? `${first} to ${last}` : `${starts[bad]} at ${bad}, after ${starts[bad - 1]}`),
    );
  }
  const outside = hostValues(indices)?.subarray(0, last).findIndex((column) => column < 0 || column >= columns) ?? -1;
  if (outside < 0) return;
  throw new RangeError(
    `Cannot fromCsr as columns must lie in [0, ${columns}): current column of entry ${outside} is ` +
      hostValues(indices)![outside],
  );
}

/** Parts of a matrix by rows. */
export interface CsrParts {
  /** int32 `[m + 1]`, from 0, never descending. */
  readonly indptr: Tensor;
  /** int32 `[nse]`. */
  readonly indices: Tensor;
  /** `[nse, ...dense sizes]`. */
  readonly values: Tensor;
}

/**
 * Takes a sparse matrix by rows, of `toCsr`, SciPy or PyTorch.
 *
 * @param parts `indptr`, `indices`, `values`: of `toCsr`, or such tensors.
 * @param shape `[m, n, ...dense]`; that of `toCsr` if left out.
 * @returns The sparse tensor, its entries in the order of the rows.
 * @throws {ShapeError} If the parts do not fit.
 * @throws {TypeError} If there is no shape.
 * @throws {RangeError} If rows do not follow each other, or a column lies outside, where they are on the host.
 * @throws {TypeError} If rows or columns are not int32.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const int = (x: number[]) => tensor(x, { dtype: "int32" });
 * const a = coo.fromCsr({ indptr: int([0, 1, 3]), indices: int([1, 0, 1]), values: tensor([5, 6, 7]) }, [2, 2]);
 * deepStrictEqual(await coo.toDense(a).data(), new Float32Array([0, 5, 6, 7]));
 * ```
 */
export function fromCsr(parts: CsrParts | CsrMatrix, shape?: Shape): CooTensor {
  requireKind("fromCsr", "parts", parts, typeof parts === "object" && parts !== null, "a matrix by rows");
  const { indptr, indices, values } = parts;
  Object.entries({ indptr, indices, values }).forEach(([name, x]) => requireTensor("fromCsr", name, x));
  const sizes = shape ?? ("form" in parts ? parts.form.value.shape : undefined);
  if (!sizes) {
    throw new TypeError("Cannot make a matrix of rows as its shape must be given: current shape is undefined");
  }
  requireList("fromCsr", "shape", sizes);
  const [m, n, ...dense] = sizes;
  const count = indices.shape[0]!;
  const fits = sizes.length >= 2 && sameShape(indptr.shape, [m! + 1]) && sameShape(indices.shape, [count]) &&
    sameShape(values.shape, [count, ...dense]);
  if (!fits) {
    throw new ShapeError("fromCsr", `indptr [m + 1], indices [nse] and values [nse, ...dense] must fit [${sizes}]`, [
      indptr.shape,
      indices.shape,
      values.shape,
    ]);
  }
  requireInt32("indptr", indptr);
  requireInt32("indices", indices);
  checkRows(indptr, indices, n!);
  const coordinates = tableOf([indptr, indices], ([indptr, indices]) => {
    const rows = add(searchsorted(indptr!, arange(count), { side: "right" }), -1); // m behind the last: padding
    return ofColumns([rows, indices!]);
  });
  return makeCoo(coordinates, values, [m!, n!, ...dense], false);
}
