/** @file Pooling through kernel maps, with both readings of inactive sites. M outputs, N inputs, T taps, C channels. */
import {
  cast,
  customVjp,
  div,
  equal,
  expandDims,
  greaterEqual,
  max,
  maximum,
  min,
  mul,
  reshape,
  sum,
  sumPoolByMap,
  take,
  type Tensor,
  tensor,
  where,
} from "../tensor/mod.ts";
import { checkOptions, convWindow, type Pair } from "./conv_window.ts";
import { type KernelMap, mapOfWindow } from "./kernel_map.ts";
import { type OutputPattern, outputPatternOf } from "./output_pattern.ts";
import { nseOf } from "./pattern.ts";
import { type SparseTensor, sparseTensor } from "./sparse_tensor.ts";

/** Window of a sparse pooling. */
export interface SparsePoolOptions {
  /** Pixels of the window, one number or `[kh, kw]`. */
  readonly kernel: number | Pair;
  /** Pixels between neighbouring windows; the window by default. */
  readonly stride?: number | Pair;
  /** Cells around the image, one number or `[[top, bottom], [left, right]]`; 0 by default. */
  readonly padding?: number | readonly [Pair, Pair];
  /** Pixels between neighbouring taps; 1 by default. */
  readonly dilation?: number | Pair;
  /** Where to compute, as in `conv2d`. */
  readonly outputPattern?: OutputPattern;
}

const WINDOW_OPTIONS = ["kernel", "stride", "padding", "dilation", "outputPattern"];

function pool(
  operation: string,
  x: SparseTensor,
  options: SparsePoolOptions,
  over: (rows: Tensor, maps: KernelMap) => Tensor,
): SparseTensor {
  const window = convWindow(operation, options.kernel, { ...options, stride: options.stride ?? options.kernel });
  const output = outputPatternOf(operation, x.pattern, x.blockShape, window, options.outputPattern);
  const maps = mapOfWindow(operation, x.pattern, output, x.blockShape, window);
  const [rows, h, w, channels] = x.values.shape as [number, number, number, number];
  const y = over(reshape(x.values, [rows * h * w, channels]), maps);
  return sparseTensor(output, maps.outBlockShape, reshape(y, [nseOf(output), ...maps.outBlockShape, channels]));
}

function checkChoice(operation: string, name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new RangeError(
    `Cannot ${operation} as ${name} must be one of ${choices.join(", ")}: current ${name} is ${value}`,
  );
}

/** Options of `maxPool2d`. */
export interface SparseMaxPool2dOptions extends SparsePoolOptions {
  /**
   * How inactive sites within the image read: `"ignore"` (the default) leaves them out, so that negative maxima stay
   * negative; `"zero"` reads 0, as masked dense code and the official SparK do. After a ReLU both give the same.
   */
  readonly inactive?: "ignore" | "zero";
}

/**
 * Takes the largest number of each window.
 *
 * @param x Any sparse tensor.
 * @param options Window, and how inactive sites read. Sites outside the image are left out in either reading.
 * @returns Sparse tensor on the output pattern; a window without any site gives 0. The gradient goes to the first of the
 * largest in raster order, and to nobody where an inactive site won.
 * @throws {ShapeError} As of `conv2d`.
 * @throws {TypeError} If an option is unknown.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { maxPool2d, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0, 0]], [1, 3, 3]), [1, 1], tensor([[[[-5]]]]));
 * const window = { kernel: 3, stride: 1, padding: 1 };
 * deepStrictEqual(await maxPool2d(x, window).values.data(), new Float32Array([-5]));
 * deepStrictEqual(await maxPool2d(x, { ...window, inactive: "zero" }).values.data(), new Float32Array([0]));
 * ```
 */
export function maxPool2d(x: SparseTensor, options: SparseMaxPool2dOptions): SparseTensor {
  checkOptions("maxPool2d", options, [...WINDOW_OPTIONS, "inactive"]);
  const { inactive = "ignore" } = options;
  checkChoice("maxPool2d", "inactive", inactive, ["ignore", "zero"]);
  return pool("maxPool2d", x, options, (rows, maps) => maxOverTaps(rows, maps, inactive === "zero"));
}

/** What each tap reads, `[M, T, C]`; -Infinity where it is left out. */
function tapValues(rows: Tensor, { map, outside }: KernelMap, zero: boolean): Tensor {
  if (!zero) return take(rows, map, { fill: -Infinity, wrapNegativeIndices: false });
  return where(reshape(outside, [...outside.shape, 1]), -Infinity, take(rows, map, { wrapNegativeIndices: false }));
}

function maxOverTaps(rows: Tensor, maps: KernelMap, zero: boolean): Tensor {
  const taps = maps.map.shape[1]!;
  const tapNumbers = reshape(tensor(Int32Array.from({ length: taps }, (_, t) => t)), [1, taps, 1]);
  const forward = (rows: Tensor) => {
    const largest = max(tapValues(rows, maps, zero), { axis: 1 }); // [M, C]
    return where(equal(largest, -Infinity), 0, largest);
  };
  return customVjp(forward, ([rows], output, cotangent) => {
    const values = tapValues(rows, maps, zero); // [M, T, C]
    const won = equal(values, expandDims(output, 1));
    const winner = min(where(won, tapNumbers, taps), { axis: 1 }); // [M, C]; T in a window without any site
    const theirs = take(winner, maps.inverse, { fill: -1, wrapNegativeIndices: false }); // [N, T, C]: the winner of each window that sees the row
    return [
      sum(where(equal(theirs, tapNumbers), take(cotangent, maps.inverse, { wrapNegativeIndices: false }), 0), {
        axis: 1,
      }),
    ];
  })(rows);
}

/** Options of `avgPool2d`. */
export interface SparseAvgPool2dOptions extends SparsePoolOptions {
  /**
   * What sums are divided by: `"window"` (the default), the whole area, padding and inactive sites included, as masked
   * dense code, PyTorch and the official SparK do; `"active"`, the number of active sites, as MinkowskiEngine does.
   */
  readonly divisor?: "window" | "active";
}

/**
 * Averages each window; inactive sites add nothing.
 *
 * @param x Any sparse tensor.
 * @param options Window, and what sums are divided by.
 * @returns Sparse tensor on the output pattern; a window without active sites gives 0.
 * @throws {ShapeError} As of `conv2d`.
 * @throws {TypeError} If an option is unknown.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { avgPool2d, patternFromIndices, sparseTensor } from "@tessera/tessera/sparse";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const x = sparseTensor(patternFromIndices([[0, 0, 0]], [1, 3, 3]), [1, 1], tensor([[[[9]]]]));
 * const window = { kernel: 3, stride: 1, padding: 1 };
 * deepStrictEqual(await avgPool2d(x, window).values.data(), new Float32Array([1]));
 * deepStrictEqual(await avgPool2d(x, { ...window, divisor: "active" }).values.data(), new Float32Array([9]));
 * ```
 */
export function avgPool2d(x: SparseTensor, options: SparseAvgPool2dOptions): SparseTensor {
  checkOptions("avgPool2d", options, [...WINDOW_OPTIONS, "divisor"]);
  const { divisor = "window" } = options;
  checkChoice("avgPool2d", "divisor", divisor, ["window", "active"]);
  return pool("avgPool2d", x, options, (rows, maps) => {
    const sums = sumPoolByMap(rows, maps);
    if (divisor === "window") return mul(sums, 1 / maps.map.shape[1]!);
    const active = sum(cast(greaterEqual(maps.map, 0), sums.dtype), { axis: 1, keepDims: true }); // [M, 1]
    return div(sums, maximum(active, 1));
  });
}
