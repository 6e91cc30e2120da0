/** @file Pooling through kernel maps, with both readings of inactive sites. M outputs, N inputs, T taps, C channels. */
import {
  cast,
  div,
  equal,
  full,
  greaterEqual,
  maximum,
  mul,
  type PoolOptions,
  reshape,
  sizeOf,
  sum,
  type Tensor,
  where,
} from "../tensor/core.ts";
import { maxPoolByMap, type OptionNames, requireOptions, sumPoolByMap } from "../tensor/parts.ts";
import { convWindow } from "./conv_window.ts";
import { imageSize, type KernelMap, mapOfWindow } from "./kernel_map.ts";
import { type OutputPattern, outputPatternOf } from "./output_pattern.ts";
import { nseOf } from "./pattern.ts";
import { requireAxes, requireSparse, type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** Window of a sparse pooling: that of the dense one, and where to compute. */
export interface SparsePoolOptions extends PoolOptions {
  /** Where to compute, as in `conv`. */
  readonly outputPattern?: OutputPattern;
}

function pool(
  operation: string,
  x: SparseTensor,
  { kernel, stride = kernel, outputPattern, ...rest }: SparsePoolOptions,
  over: (rows: Tensor, maps: KernelMap) => Tensor,
): SparseTensor {
  const window = convWindow(operation, kernel, { ...rest, stride }, imageSize(x.pattern, x.blockShape));
  const output = outputPatternOf(operation, x.pattern, x.blockShape, window, outputPattern);
  const maps = mapOfWindow(operation, x.pattern, output, x.blockShape, window);
  const channels = x.values.shape.at(-1)!;
  const y = over(reshape(x.values, [sizeOf(x.values.shape.slice(0, -1)), channels]), maps);
  return sparseTensor(output, maps.outBlockShape, reshape(y, [nseOf(output), ...maps.outBlockShape, channels]));
}

function checkChoice(operation: string, name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new RangeError(
    `Cannot ${operation} as ${name} must be one of ${choices.join(", ")}: current ${name} is ${value}`,
  );
}

/** Options of `maxPool`. */
export interface SparseMaxPoolOptions extends SparsePoolOptions {
  /**
   * How inactive sites within the image read: `"zero"` (the default) as 0, as in `toDense(x)`, in masked dense code and in
   * the official SparK; `"ignore"` leaves them out, so that negative maxima stay negative, as MinkowskiEngine does. After
   * a ReLU both give the same.
   */
  readonly inactive?: "zero" | "ignore";
}

/** Names of SparseMaxPoolOptions. */
export const SPARSE_MAX_POOL_OPTIONS: OptionNames<SparseMaxPoolOptions> = {
  inactive: true,
  outputPattern: true,
  kernel: true,
  stride: true,
  padding: true,
  dilation: true,
};

/**
 * Takes the largest number of each window, on 1, 2 or 3 axes.
 *
 * @param x Any sparse tensor.
 * @param options Window, and how inactive sites read. Sites outside the image are left out in either reading.
 * @returns Sparse tensor on the output pattern; a window without any site gives 0. The gradient goes to the first of the
 * largest in raster order, and to nobody where an inactive site won.
 * @throws {ShapeError} As of `conv`.
 * @throws {TypeError} If an option is unknown.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maxPool, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0]], [1, 3]), [1], tensor([[[-5]]])); // a line of three, one active
 * const window = { kernel: 3, stride: 1, padding: 1 };
 * deepStrictEqual(await maxPool(x, window).values.data(), new Float32Array([0]));
 * deepStrictEqual(await maxPool(x, { ...window, inactive: "ignore" }).values.data(), new Float32Array([-5]));
 * ```
 */
export function maxPool(x: SparseTensor, options: SparseMaxPoolOptions): SparseTensor {
  requireOptions("maxPool", options, SPARSE_MAX_POOL_OPTIONS);
  requireSparse("maxPool", "x", x);
  return maxima("maxPool", x, options);
}

/**
 * Takes the largest number of each window of images: `maxPool` on two axes.
 *
 * @param x Sparse tensor on a grid of two axes.
 * @param options As of `maxPool`.
 * @returns As of `maxPool`.
 * @throws {ShapeError} As of `conv`, or if `x` has not two axes.
 * @throws {TypeError} If an option is unknown.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullPattern, maxPool2d, sparseTensor } from "@tessera/tessera/sparse";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(fullPattern([1, 2, 2]), [4, 4], ones([4, 4, 4, 3]));
 * deepStrictEqual(maxPool2d(x, { kernel: 2 }).values.shape, [4, 2, 2, 3]);
 * ```
 */
export function maxPool2d(x: SparseTensor, options: SparseMaxPoolOptions): SparseTensor {
  requireOptions("maxPool2d", options, SPARSE_MAX_POOL_OPTIONS);
  requireSparse("maxPool2d", "x", x);
  requireAxes("maxPool2d", x, 2);
  return maxima("maxPool2d", x, options);
}

function maxima(operation: string, x: SparseTensor, options: SparseMaxPoolOptions): SparseTensor {
  const { inactive = "zero", ...window } = options;
  checkChoice(operation, "inactive", inactive, ["zero", "ignore"]);
  return pool(operation, x, window, (rows, maps) => {
    const absent = inactive === "ignore" ? -Infinity : where(maps.outside, full([], -Infinity), 0); // [M, T]
    const largest = maxPoolByMap(rows, maps, absent);
    return where(equal(largest, -Infinity), 0, largest);
  });
}

/** Options of `avgPool`. */
export interface SparseAvgPoolOptions extends SparsePoolOptions {
  /**
   * What sums are divided by: `"window"` (the default), the whole area, padding and inactive sites included, as masked
   * dense code, PyTorch and the official SparK do; `"active"`, the number of active sites, as MinkowskiEngine does.
   */
  readonly divisor?: "window" | "active";
}

/** Names of SparseAvgPoolOptions. */
export const SPARSE_AVG_POOL_OPTIONS: OptionNames<SparseAvgPoolOptions> = {
  divisor: true,
  outputPattern: true,
  kernel: true,
  stride: true,
  padding: true,
  dilation: true,
};

/**
 * Averages each window, on 1, 2 or 3 axes; inactive sites add nothing.
 *
 * @param x Any sparse tensor.
 * @param options Window, and what sums are divided by.
 * @returns Sparse tensor on the output pattern; a window without any active site gives 0.
 * @throws {ShapeError} As of `conv`.
 * @throws {TypeError} If an option is unknown.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { avgPool, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0]], [1, 3]), [1], tensor([[[9]]])); // a line of three, one active
 * const window = { kernel: 3, stride: 1, padding: 1 };
 * deepStrictEqual(await avgPool(x, window).values.data(), new Float32Array([3]));
 * deepStrictEqual(await avgPool(x, { ...window, divisor: "active" }).values.data(), new Float32Array([9]));
 * ```
 */
export function avgPool(x: SparseTensor, options: SparseAvgPoolOptions): SparseTensor {
  requireOptions("avgPool", options, SPARSE_AVG_POOL_OPTIONS);
  requireSparse("avgPool", "x", x);
  return averages("avgPool", x, options);
}

/**
 * Averages each window of images: `avgPool` on two axes.
 *
 * @param x Sparse tensor on a grid of two axes.
 * @param options As of `avgPool`.
 * @returns As of `avgPool`.
 * @throws {ShapeError} As of `conv`, or if `x` has not two axes.
 * @throws {TypeError} If an option is unknown.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { avgPool2d, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0, 0]], [1, 3, 3]), [1, 1], tensor([[[[9]]]]));
 * deepStrictEqual(await avgPool2d(x, { kernel: 3, stride: 1, padding: 1 }).values.data(), new Float32Array([1]));
 * ```
 */
export function avgPool2d(x: SparseTensor, options: SparseAvgPoolOptions): SparseTensor {
  requireOptions("avgPool2d", options, SPARSE_AVG_POOL_OPTIONS);
  requireSparse("avgPool2d", "x", x);
  requireAxes("avgPool2d", x, 2);
  return averages("avgPool2d", x, options);
}

function averages(operation: string, x: SparseTensor, options: SparseAvgPoolOptions): SparseTensor {
  const { divisor = "window", ...window } = options;
  checkChoice(operation, "divisor", divisor, ["window", "active"]);
  return pool(operation, x, window, (rows, maps) => {
    const sums = sumPoolByMap(rows, maps);
    if (divisor === "window") return mul(sums, 1 / maps.map.shape[1]!);
    const active = sum(cast(greaterEqual(maps.map, 0), sums.dtype), { axis: 1, keepDims: true }); // [M, 1]
    return div(sums, maximum(active, 1));
  });
}
