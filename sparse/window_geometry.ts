/** @file Which cell and which pixel of it each tap reads: the same for every active block, so it is computed once, on the host. */
import type { ConvWindow, Pair } from "./conv_window.ts";

/** For each pixel of a block (in raster order) and each tap: which cell of the window, and which pixel of that cell's block. */
export interface WindowGeometry {
  /** Smallest displacement in cells, `[y, x]`. */
  readonly low: Pair;
  /** Largest displacement in cells, `[y, x]`. */
  readonly high: Pair;
  /** `[pixels · taps]`: position in the window `low` to `high` in raster order, -1 where the tap reads nothing. */
  readonly slots: Int32Array;
  /** `[pixels · taps]`: pixel in that cell's block, in raster order. */
  readonly pixels: Int32Array;
}

/** One axis: cell displacement and pixel for each pixel and tap; `null` where the tap reads nothing. */
type AxisReads = readonly (readonly (readonly [cell: number, pixel: number] | null)[])[];

function axisReads(count: number, taps: number, block: number, read: (at: number, tap: number) => number): AxisReads {
  return Array.from({ length: count }, (_, at) =>
    Array.from({ length: taps }, (_, tap) => {
      const pixel = read(at, tap);
      if (!Number.isInteger(pixel)) return null;
      const cell = Math.floor(pixel / block);
      return [cell, pixel - cell * block];
    }));
}

function combine(y: AxisReads, x: AxisReads, block: Pair): WindowGeometry {
  const cells = (reads: AxisReads) => reads.flat().flatMap((read) => read ? [read[0]] : []);
  const [ys, xs] = [cells(y), cells(x)];
  const low: Pair = [Math.min(...ys, ...(ys.length > 0 ? [] : [0])), Math.min(...xs, ...(xs.length > 0 ? [] : [0]))];
  const high: Pair = [Math.max(low[0], ...ys), Math.max(low[1], ...xs)];
  const width = high[1] - low[1] + 1;
  const reads = y.flatMap((rows) =>
    x.flatMap((columns) => rows.flatMap((row) => columns.map((column) => ({ row, column }))))
  );
  const each = (f: (row: Pair, column: Pair) => number) =>
    Int32Array.from(reads, ({ row, column }) => row && column ? f(row, column) : -1);
  return {
    low,
    high,
    slots: each((row, column) => (row[0] - low[0]) * width + column[0] - low[1]),
    pixels: each((row, column) => row[1] * block[1] + column[1]),
  };
}

/**
 * What outputs read: pixel `o` of an output block reads input pixel `stride · o - padding + dilation · tap`, counted from
 * the input block that lies where the output block does.
 *
 * @param window Kernel, stride, padding, dilation.
 * @param input Block of the input, `[h, w]`.
 * @param output Block of the output.
 * @returns For output pixels and taps, in raster order both.
 */
export function readGeometry(
  { kernel, stride, padding, dilation }: ConvWindow,
  input: Pair,
  output: Pair,
): WindowGeometry {
  const along = (axis: 0 | 1) =>
    axisReads(output[axis], kernel[axis], input[axis], (o, t) => {
      return o * stride[axis] - padding[axis][0] + dilation[axis] * t;
    });
  return combine(along(0), along(1), input);
}

/**
 * What inputs are read by: tap `t` of output pixel `(i + padding - dilation · t) / stride` reads input pixel `i`, where
 * that is whole. It needs blocks that lie on each other: `input = stride · output`, or the stride of 1.
 *
 * @param window Kernel, stride, padding, dilation.
 * @param input Block of the input, `[h, w]`.
 * @param output Block of the output.
 * @returns For input pixels and taps, in raster order both.
 */
export function readByGeometry(
  { kernel, stride, padding, dilation }: ConvWindow,
  input: Pair,
  output: Pair,
): WindowGeometry {
  const along = (axis: 0 | 1) =>
    axisReads(input[axis], kernel[axis], output[axis], (i, t) => {
      return (i + padding[axis][0] - dilation[axis] * t) / stride[axis];
    });
  return combine(along(0), along(1), output);
}
