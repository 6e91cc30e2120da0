/** @file Reading at positions that are values themselves, and its transpose. */
import type { ScatterParams } from "../compiler/kernel_forms.ts";
import { SCATTER_ADD_FORM } from "../kernels/scatter_add.ts";
import { type OptionNames, requireOptions, ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { sizeOf, type TensorSpec } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { fillOf, wrap } from "./cast.ts";
import { type Indices, indicesOf } from "./indices.ts";
import { endToEnd } from "./batching/end_to_end.ts";
import { scatteredRule } from "./batching/scattered.ts";
import { reshape, transpose } from "./layout.ts";
import { normalizeAxes } from "./sum.ts";

/** Options of `take` and `takeAlongAxis`. */
export interface TakeOptions {
  /** The axis that is read. */
  readonly axis?: number;
  /** What is read outside. */
  readonly fill?: number;
  /**
   * True for negative indices to count from the end, as in NumPy; false for them to lie outside, as in tables of
   * neighbours, where -1 is none.
   */
  readonly wrapNegativeIndices?: boolean;
}

/** Names of TakeOptions. */
export const TAKE_OPTIONS: OptionNames<TakeOptions> = { axis: true, fill: true, wrapNegativeIndices: true };

interface GatherParams {
  readonly axis: number;
  readonly fill: number;
}

function requireInt32(operation: string, indices: TensorSpec): void {
  if (indices.dtype === "int32") return;
  throw new TypeError(`Cannot ${operation} as indices must be int32: current dtype is ${indices.dtype}`);
}

/** Sizes before the axis, of it, and after it. */
function split(x: TensorSpec, axis: number): readonly [number, number, number] {
  return [sizeOf(x.shape.slice(0, axis)), x.shape[axis]!, sizeOf(x.shape.slice(axis + 1))];
}

const TAKE: Primitive<GatherParams> = {
  name: "take",
  shapeRule: ([x, indices], { axis }) => {
    requireInt32("take", indices!);
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    return { shape, dtype: x!.dtype };
  },
  reference: ([x, indices], { axis, fill }, output) => {
    const [, size, after] = split(x!, axis);
    const count = indices!.data.length;
    const result = new Float64Array(sizeOf(output.shape));
    for (let i = 0; i < result.length; i++) {
      const inner = i % after;
      const index = indices!.data[Math.floor(i / after) % count]!;
      const outer = Math.floor(i / after / count);
      result[i] = index >= 0 && index < size ? x!.data[(outer * size + index) * after + inner]! : fill;
    }
    return result;
  },
  vjpRule: (cotangent, { inputs: [x, indices] }, { axis }) => {
    const [before, size, after] = split(x!, axis);
    const rows = transpose(reshape(cotangent, [before, sizeOf(indices!.shape), after]), [1, 0, 2]);
    const sums = scatterAdd(reshape(rows, [sizeOf(indices!.shape), before * after]), reshape(indices!, [-1]), {
      size,
      wrapNegativeIndices: false,
    });
    return [reshape(transpose(reshape(sums, [size, before, after]), [1, 0, 2]), x!.shape), null];
  },
  lowering: { kind: "gather", axis: ({ axis }) => axis, along: () => false, fill: ({ fill }) => fill },
};

/**
 * Takes slices at given positions of one axis.
 *
 * @param x Any tensor.
 * @param indices Whole numbers: a number, nested arrays, or a tensor. A negative one counts from the end, one outside
 * `[-size, size)` reads `fill`.
 * @param options `axis`, 0 by default; `fill`, 0 by default; `wrapNegativeIndices`, true by default.
 * @returns Tensor `[...x.shape[:axis], ...indices.shape, ...x.shape[axis+1:]]`.
 * @throws {TypeError} If the indices are no whole numbers.
 * @throws {RangeError} If the fill is no number of the dtype, unless it is infinite or NaN: then the nearest element stands for it.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { take, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await take(tensor([5, 6, 7]), [0, -1, 9]).data(), new Float32Array([5, 7, 0]));
 * ```
 */
export function take(
  x: Tensor,
  indices: Indices,
  options: TakeOptions = {},
): Tensor {
  requireOptions("take", options, TAKE_OPTIONS);
  requireTensor("take", "x", x);
  const { axis = 0, fill = 0, wrapNegativeIndices = true } = options;
  const at = normalizeAxes("take", x, axis)[0]!;
  const positions = indicesOf("take", indices, wrapNegativeIndices ? x.shape[at]! : null);
  return bind(TAKE, [x, positions], { axis: at, fill: fillOf("take", "fill", fill, x.dtype) });
}

const TAKE_ALONG_AXIS: Primitive<GatherParams> = {
  name: "takeAlongAxis",
  shapeRule: ([x, indices], { axis }) => {
    requireInt32("takeAlongAxis", indices!);
    if (
      x!.shape.length === indices!.shape.length && x!.shape.every((size, i) => i === axis || size === indices!.shape[i])
    ) {
      return { shape: indices!.shape, dtype: x!.dtype };
    }
    throw new ShapeError("takeAlongAxis", `sizes must agree except on axis ${axis}`, [x!.shape, indices!.shape]);
  },
  reference: ([x, indices], { axis, fill }) => {
    const [, size, after] = split(x!, axis);
    const count = indices!.shape[axis]!;
    return indices!.data.map((index, i) => {
      const outer = Math.floor(i / (after * count));
      return index >= 0 && index < size ? x!.data[(outer * size + index) * after + i % after]! : fill;
    });
  },
  vjpRule: (cotangent, { inputs: [x, indices] }, { axis }) => {
    const moved = [...x!.shape.keys()].filter((i) => i !== axis).concat(axis);
    const back = moved.map((_, i) => moved.indexOf(i));
    const [ct, at] = [transpose(cotangent, moved), transpose(indices!, moved)];
    const lines = sizeOf(ct.shape.slice(0, -1));
    const size = x!.shape[axis]!;
    const positions = reshape(at, [lines, -1]);
    const sums = scatterAdd(reshape(ct, [-1, 1]), reshape(endToEnd(positions, size), [-1]), {
      size: lines * size,
      wrapNegativeIndices: false,
    });
    const shape = moved.map((i) => x!.shape[i]!);
    return [transpose(reshape(sums, shape), back), null];
  },
  lowering: { kind: "gather", axis: ({ axis }) => axis, along: () => true, fill: ({ fill }) => fill },
};

/**
 * Takes one element for each position along an axis, line by line.
 *
 * @param x Any tensor.
 * @param indices Whole numbers, of the sizes of `x` off the axis. A negative one counts from the end, one outside
 * `[-size, size)` reads `fill`.
 * @param options `axis`, the last by default; `fill`, 0 by default; `wrapNegativeIndices`, true by default.
 * @returns Tensor of the shape of the indices.
 * @throws {ShapeError} If sizes off the axis differ.
 * @throws {TypeError} If the indices are no whole numbers.
 * @throws {RangeError} If the fill is no number of the dtype, unless it is infinite or NaN: then the nearest element stands for it.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { takeAlongAxis, tensor } from "@tessera/tessera/tensor";
 *
 * const last = takeAlongAxis(tensor([[1, 2], [3, 4]]), [[1], [0]]);
 * deepStrictEqual(await last.data(), new Float32Array([2, 3]));
 * ```
 */
export function takeAlongAxis(
  x: Tensor,
  indices: Indices,
  options: TakeOptions = {},
): Tensor {
  requireOptions("takeAlongAxis", options, TAKE_OPTIONS);
  requireTensor("takeAlongAxis", "x", x);
  const { axis = -1, fill = 0, wrapNegativeIndices = true } = options;
  const at = normalizeAxes("takeAlongAxis", x, axis)[0]!;
  const positions = indicesOf("takeAlongAxis", indices, wrapNegativeIndices ? x.shape[at]! : null);
  return bind(TAKE_ALONG_AXIS, [x, positions], {
    axis: at,
    fill: fillOf("takeAlongAxis", "fill", fill, x.dtype),
  });
}

const SCATTER_ADD: Primitive<ScatterParams> = {
  name: "scatterAdd",
  shapeRule: ([updates, indices], { size }) => {
    requireInt32("scatterAdd", indices!);
    if (updates!.shape.length === 2 && indices!.shape.join() === `${updates!.shape[0]}`) {
      return { shape: [size, updates!.shape[1]!], dtype: updates!.dtype };
    }
    throw new ShapeError("scatterAdd", "updates must be [M, R] and indices [M]", [updates!.shape, indices!.shape]);
  },
  reference: ([updates, indices], _, { shape: [size, columns], dtype }) => {
    const result = new Float64Array(size! * columns!);
    indices!.data.forEach((index, row) => {
      if (index < 0 || index >= size!) return;
      for (let c = 0; c < columns!; c++) {
        const at = index * columns! + c;
        result[at] = wrap(result[at]! + updates!.data[row * columns! + c]!, dtype);
      }
    });
    return result;
  },
  vjpRule: (cotangent, { inputs: [, indices] }) => [take(cotangent, indices!, { wrapNegativeIndices: false }), null],
  batchRule: scatteredRule(() => SCATTER_ADD),
  lowering: { kind: "kernel", form: SCATTER_ADD_FORM },
};

/**
 * Adds rows into the places that indices name: the transpose of `take`.
 *
 * @param updates Rows, `[M, ...rest]`.
 * @param indices Whole numbers, `[M]`. A negative one counts from the end; rows whose index is outside `[-size, size)` are
 * dropped.
 * @param options `size`, the number of places; `wrapNegativeIndices`, true by default.
 * @returns Tensor `[size, ...rest]` of sums, added in the order of the rows.
 * @throws {ShapeError} If there is not one index for each row.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { scatterAdd, tensor } from "@tessera/tessera/tensor";
 *
 * const sums = scatterAdd(tensor([1, 2, 4]), [0, -1, 0], { size: 3 });
 * deepStrictEqual(await sums.data(), new Float32Array([5, 0, 2]));
 * ```
 */
export function scatterAdd(
  updates: Tensor,
  indices: Indices,
  options: { readonly size: number; readonly wrapNegativeIndices?: boolean },
): Tensor {
  requireOptions("scatterAdd", options, { size: true, wrapNegativeIndices: true });
  const { size, wrapNegativeIndices = true } = options;
  requireTensor("scatterAdd", "updates", updates);
  const [rows = 0, ...rest] = updates.shape;
  const places = indicesOf("scatterAdd", indices, wrapNegativeIndices ? size : null);
  const sums = bind(SCATTER_ADD, [reshape(updates, [rows, sizeOf(rest)]), places], { size });
  return reshape(sums, [size, ...rest]);
}
