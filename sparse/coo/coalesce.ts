import {
  add,
  argsort,
  cumsum,
  logicalAnd,
  logicalNot,
  reshape,
  scatterAdd,
  type Shape,
  sizeOf,
  take,
  type Tensor,
  tensor,
  where,
  zeros,
} from "../../tensor/core.ts";
import { requireOptions } from "../../tensor/parts.ts";
import { type CooTensor, denseSizes, makeCoo, nseOf, requireCoo, shapeOf, sparseSizes } from "./coo_tensor.ts";
import { countOf, isStored, orPadding, positionsOf, rowsAt, sameAsBefore, sortedOrder } from "./coordinates.ts";
import { NSE_OPTION, type NseOption, settle, type Tables } from "./settle.ts";

/** Coordinates of the result, and the row of the result that each entry adds to, or -1. */
function tablesOf(indices: Tensor, sizes: Shape): Tables {
  const order = sortedOrder(indices, sizes);
  const sorted = take(orPadding(isStored(indices, sizes), indices, sizes), order);
  const stored = isStored(sorted, sizes);
  const isFirst = logicalAnd(stored, logicalNot(sameAsBefore(sorted)));
  const group = where(stored, add(cumsum(isFirst), -1), -1);
  return {
    count: countOf(isFirst),
    make: (size) => [rowsAt(sorted, positionsOf(isFirst, size), sizes), take(group, argsort(order))],
  };
}

/** Adds blocks of entries `[N, ...dense]` up to rows `[size, ...dense]`; -1 goes nowhere. */
export function addRows(values: Tensor, rows: Tensor, size: number): Tensor {
  const dense = values.shape.slice(1);
  if (values.shape[0] === 0 || size === 0 || sizeOf(dense) === 0) return emptyRows(values, size);
  const flat = scatterAdd(reshape(values, [values.shape[0]!, sizeOf(dense)]), rows, {
    size,
    wrapNegativeIndices: false,
  });
  return reshape(flat, [size, ...dense]);
}

function emptyRows(values: Tensor, size: number): Tensor {
  return zeros([size, ...values.shape.slice(1)], { dtype: values.dtype });
}

/** `coalesce` under the name of the operation that needs it. */
export function coalesced(operation: string, a: CooTensor, nse?: number): CooTensor {
  if (a.form.value.coalesced && (nse === undefined || nse === nseOf(a))) return a;
  const sizes = sparseSizes(a);
  const most = Math.min(nseOf(a), sizeOf(sizes));
  const { size, tables: [indices, rows], guard } = settle(
    operation,
    [a.indices],
    ([indices]) => tablesOf(indices!, sizes),
    most,
    nse,
  );
  return makeCoo(indices!, guard(addRows(a.values, rows!, size)), [...sizes, ...denseSizes(a)], true);
}

/**
 * Sorts entries by their coordinates and adds up those of one (`torch.Tensor.coalesce`, JAX's `sum_duplicates`). Padding
 * goes to the end.
 *
 * @param a Any sparse tensor.
 * @param options `nse`: entries of the result.
 * @returns The same tensor, each coordinate once. Its gradient gives each entry that of its sum.
 * @throws {RangeError} If `nse` is too small, where the coordinates are on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.coalesce(coo.cooTensor([[2], [0], [2]], [1, 2, 3], [4]));
 * deepStrictEqual([await a.indices.data(), await a.values.data()], [new Int32Array([0, 2]), new Float32Array([2, 4])]);
 * ```
 */
export function coalesce(a: CooTensor, options: NseOption = {}): CooTensor {
  requireOptions("coalesce", options, NSE_OPTION);
  requireCoo("coalesce", "a", a);
  return coalesced("coalesce", a, options.nse);
}

/**
 * Reads the coordinates to the host and drops padding, after work whose `nse` had to be static. Refused inside `jit`.
 *
 * @param a Any sparse tensor whose coordinates are not traced.
 * @returns A coalesced sparse tensor of as many entries as are needed.
 * @throws {TypeError} If it is traced.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 * import { jit, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const f = jit((x: Tensor) => coo.fromDense(x, { nse: 4 }));
 * const a = await coo.compact(f(tensor([0, 7, 0, 8, 0, 0])));
 * deepStrictEqual(await a.indices.data(), new Int32Array([1, 3]));
 * ```
 */
export async function compact(a: CooTensor): Promise<CooTensor> {
  requireCoo("compact", "a", a);
  const { indices, values } = a;
  const there = tensor(await indices.data(), { shape: indices.shape, dtype: "int32" });
  return coalesced("compact", makeCoo(there, values, shapeOf(a), false));
}
