/** @file Windows of sparse convolutions and pools; what their settings mean is the dense ones' (`tensor/functions`). */
import { type ConvOptions, type Shape, ShapeError } from "../tensor/core.ts";
import { type ConvParams, convParams, onEach, requireWhole, windowCount } from "../tensor/parts.ts";

/** A window with every default filled in: kernel, stride, padding, dilation, one item an axis. */
export interface ConvWindow extends Omit<ConvParams, "groups"> {
  /** Taps on each axis. */
  readonly kernel: readonly number[];
}

/** Stride, padding and dilation as users write them. */
export type WindowOptions = Pick<ConvOptions, "stride" | "padding" | "dilation">;

/**
 * Fills in defaults and checks every number of a window.
 *
 * @param operation For errors.
 * @param kernel Taps: one number, or one for each axis.
 * @param options Stride, padding, dilation as users write them.
 * @param size Pixels of the image on each axis.
 * @returns The window.
 * @throws {RangeError} If a number is not whole or too small, or a list has another length.
 */
export function convWindow(
  operation: string,
  kernel: number | readonly number[],
  { stride = 1, padding = 0, dilation = 1 }: WindowOptions,
  size: readonly number[],
): ConvWindow {
  const taps = onEach(operation, "kernel", kernel, size.length);
  requireWhole(operation, "kernel", taps, 1);
  const { groups: _, ...settings } = convParams(operation, size.length, { stride, padding, dilation }, {
    size,
    kernel: taps,
  });
  return { kernel: taps, ...settings };
}

/** Size of the dense output on each axis; throws if the window does not fit. */
export function denseOutputSize(operation: string, size: Shape, window: ConvWindow): readonly number[] {
  const { kernel, stride, padding, dilation } = window;
  const output = size.map((extent, axis) =>
    windowCount(extent, kernel[axis]!, { stride: stride[axis]!, padding: padding[axis]!, dilation: dilation[axis]! })
  );
  if (output.every((n) => n >= 1)) return output;
  throw new ShapeError(operation, `a window of [${kernel}] must fit into the padded image`, [size]);
}
