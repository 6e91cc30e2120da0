/** @file The largest and the smallest rows at places that are values themselves. */
import type { ScatterParams } from "../../compiler/kernel_forms.ts";
import { SCATTER_MAX_FORM } from "../../kernels/scatter_max.ts";
import { type OptionNames, requireOptions, ShapeError } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { DTYPES, sizeOf, type TensorSpec } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { requireTensor } from "../../require_tensor.ts";
import { maximum, mul, neg } from "../arithmetic.ts";
import { scatteredRule } from "../batching/scattered.ts";
import { cast } from "../cast.ts";
import { equal } from "../comparison.ts";
import { div } from "../division.ts";
import { scatterAdd, take } from "../gather.ts";
import { type Indices, indicesOf } from "../indices.ts";
import { reshape } from "../layout.ts";
import { bitwiseXor } from "../logic.ts";

/** What a place has that no row is put to. */
const leastOf = ({ dtype }: TensorSpec): number => DTYPES[dtype].limits[0];

const SCATTER_MAX: Primitive<ScatterParams> = {
  name: "scatterMax",
  shapeRule: ([updates, indices], { size }) => {
    if (updates!.dtype === "bool") {
      throw new TypeError("Cannot scatterMax as updates must be numbers: current dtype is bool; cast to int32");
    }
    if (updates!.shape.length === 2 && indices!.shape.join() === `${updates!.shape[0]}`) {
      return { shape: [size, updates!.shape[1]!], dtype: updates!.dtype };
    }
    throw new ShapeError("scatterMax", "updates must be [M, R] and indices [M]", [updates!.shape, indices!.shape]);
  },
  reference: ([updates, indices], _, output) => {
    const [size, columns] = output.shape as readonly [number, number];
    const result = new Float64Array(size * columns).fill(leastOf(output));
    indices!.data.forEach((index, row) => {
      if (index < 0 || index >= size) return;
      for (let c = 0; c < columns; c++) {
        const at = index * columns + c;
        result[at] = Math.max(result[at]!, updates!.data[row * columns + c]!);
      }
    });
    return result;
  },
  // Rows that tie at a place share its cotangent.
  vjpRule: (cotangent, output) => {
    const [updates, indices] = output.inputs as readonly [Tensor, Tensor];
    const read = (x: Tensor) => take(x, indices, { wrapNegativeIndices: false });
    const wins = cast(equal(updates, read(output)), updates.dtype);
    const counts = scatterAdd(wins, indices, { size: output.shape[0]!, wrapNegativeIndices: false });
    const shared = div(cotangent, maximum(counts, 1)); // a place without rows has a tangent of 0, not 0 / 0
    return [mul(wins, read(shared)), null];
  },
  batchRule: scatteredRule(() => SCATTER_MAX),
  lowering: { kind: "kernel", form: SCATTER_MAX_FORM },
};

/** Options of scatters. */
export interface ScatterOptions {
  /** Rows of the result. */
  readonly size: number;
  /** True, the default, for negative indices to count from the end; false for them to lie outside. */
  readonly wrapNegativeIndices?: boolean;
}

/** Names of ScatterOptions. */
export const SCATTER_OPTIONS: OptionNames<ScatterOptions> = { size: true, wrapNegativeIndices: true };

/**
 * The largest of the rows that are put to each place.
 *
 * @param updates Numbers `[M, ...rest]`.
 * @param indices Whole numbers `[M]`: the place of each row. Rows whose place is outside are left out.
 * @param options `size`: rows of the result; `wrapNegativeIndices`, true by default.
 * @returns `[size, ...rest]` of the dtype of `updates`. NaN wins; a place without rows has the least value: -Infinity of
 * floats. Rows that tie share the cotangent.
 * @throws {ShapeError} If there is not one index for each row.
 * @throws {TypeError} If updates are bool or indices not whole.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { scatterMax, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await scatterMax(tensor([1, 5, 3]), [0, 1, 0], { size: 2 }).data(), new Float32Array([3, 5]));
 * ```
 */
export function scatterMax(updates: Tensor, indices: Indices, options: ScatterOptions): Tensor {
  requireOptions("scatterMax", options, SCATTER_OPTIONS);
  requireTensor("scatterMax", "updates", updates);
  const { size, wrapNegativeIndices = true } = options;
  const [rows = 0, ...rest] = updates.shape;
  const places = indicesOf("scatterMax", indices, wrapNegativeIndices ? size : null);
  return reshape(bind(SCATTER_MAX, [reshape(updates, [rows, sizeOf(rest)]), places], { size }), [size, ...rest]);
}

/** Turns the order of numbers around; twice is nothing. */
function turned(x: Tensor): Tensor {
  if (DTYPES[x.dtype].floating) return neg(x);
  const [least, largest] = DTYPES[x.dtype].limits;
  return bitwiseXor(x, least < 0 ? -1 : largest);
}

/**
 * The smallest of the rows that are put to each place.
 *
 * @param updates Numbers `[M, ...rest]`.
 * @param indices Whole numbers `[M]`: the place of each row. Rows whose place is outside are left out.
 * @param options `size`: rows of the result; `wrapNegativeIndices`, true by default.
 * @returns `[size, ...rest]` of the dtype of `updates`. NaN wins; a place without rows has the largest value: Infinity of
 * floats. Rows that tie share the cotangent.
 * @throws {ShapeError} If there is not one index for each row.
 * @throws {TypeError} If updates are bool or indices not whole.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { scatterMin, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await scatterMin(tensor([1, 5, 3]), [0, 1, 0], { size: 2 }).data(), new Float32Array([1, 5]));
 * ```
 */
export function scatterMin(updates: Tensor, indices: Indices, options: ScatterOptions): Tensor {
  requireOptions("scatterMin", options, SCATTER_OPTIONS);
  requireTensor("scatterMin", "updates", updates);
  if (updates.dtype === "bool") {
    throw new TypeError("Cannot scatterMin as updates must be numbers: current dtype is bool; cast to int32");
  }
  return turned(scatterMax(turned(updates), indices, options));
}
