/** @file Which cell and which pixel of it each tap reads: the same for every active block, so it is computed once, on the host. */
import type { ConvWindow } from "./conv_window.ts";

/** For each pixel of a block and each tap, both in raster order: which cell of the window, and which pixel of its block. */
export interface WindowGeometry {
  /** Smallest displacement in cells on each axis. */
  readonly low: readonly number[];
  /** Largest displacement in cells on each axis. */
  readonly high: readonly number[];
  /** `[pixels · taps]`: position in the window `low` to `high` in raster order, -1 where the tap reads nothing. */
  readonly slots: Int32Array;
  /** `[pixels · taps]`: pixel in that cell's block, in raster order. */
  readonly pixels: Int32Array;
}

/** A cell, as displacement or as slot of the window, and a pixel of its block. */
interface Read {
  readonly cell: number;
  readonly pixel: number;
}

/** What each tap reads of each pixel; `null` where it reads nothing. */
type Reads = readonly (readonly (Read | null)[])[];

function axisReads(count: number, taps: number, block: number, read: (at: number, tap: number) => number): Reads {
  return Array.from({ length: count }, (_, at) =>
    Array.from({ length: taps }, (_, tap) => {
      const pixel = read(at, tap);
      if (!Number.isInteger(pixel)) return null;
      const cell = Math.floor(pixel / block);
      return { cell, pixel: pixel - cell * block };
    }));
}

/** Axes together: pixels of the outer with pixels of the inner, taps with taps. */
function product(outer: Reads, inner: Reads, width: number, low: number, block: number): Reads {
  const both = (a: Read | null, b: Read | null) =>
    a && b ? { cell: a.cell * width + b.cell - low, pixel: a.pixel * block + b.pixel } : null;
  return outer.flatMap((first) => inner.map((second) => first.flatMap((a) => second.map((b) => both(a, b)))));
}

function combine(axes: readonly Reads[], block: readonly number[]): WindowGeometry {
  const cells = axes.map((reads) => reads.flat().flatMap((read) => read ? [read.cell] : []));
  const low = cells.map((all) => all.length > 0 ? Math.min(...all) : 0);
  const high = cells.map((all, axis) => Math.max(low[axis]!, ...all));
  const nothing: Reads = [[{ cell: 0, pixel: 0 }]];
  const reads = axes.reduce(
    (outer, inner, axis) => product(outer, inner, high[axis]! - low[axis]! + 1, low[axis]!, block[axis]!),
    nothing,
  ).flat();
  return {
    low,
    high,
    slots: Int32Array.from(reads, (read) => read ? read.cell : -1),
    pixels: Int32Array.from(reads, (read) => read ? read.pixel : -1),
  };
}

/**
 * What outputs read: pixel `o` of an output block reads input pixel `stride · o - padding + dilation · tap`, counted from
 * the input block that lies where the output block does.
 *
 * @param window Kernel, stride, padding, dilation.
 * @param input Block of the input.
 * @param output Block of the output.
 * @returns For output pixels and taps, in raster order both.
 */
export function readGeometry(
  { kernel, stride, padding, dilation }: ConvWindow,
  input: readonly number[],
  output: readonly number[],
): WindowGeometry {
  const axes = kernel.map((taps, axis) =>
    axisReads(output[axis]!, taps, input[axis]!, (o, t) => {
      return o * stride[axis]! - padding[axis]![0] + dilation[axis]! * t;
    })
  );
  return combine(axes, input);
}

/**
 * What inputs are read by: tap `t` of output pixel `(i + padding - dilation · t) / stride` reads input pixel `i`, where
 * that is whole. It needs blocks that lie on each other: `input = stride · output`, or the stride of 1.
 *
 * @param window Kernel, stride, padding, dilation.
 * @param input Block of the input.
 * @param output Block of the output.
 * @returns For input pixels and taps, in raster order both.
 */
export function readByGeometry(
  { kernel, stride, padding, dilation }: ConvWindow,
  input: readonly number[],
  output: readonly number[],
): WindowGeometry {
  const axes = kernel.map((taps, axis) =>
    axisReads(input[axis]!, taps, output[axis]!, (i, t) => {
      return (i + padding[axis]![0] - dilation[axis]! * t) / stride[axis]!;
    })
  );
  return combine(axes, output);
}
