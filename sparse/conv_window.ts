import { type Conv2dOptions, type Shape, ShapeError } from "../tensor/mod.ts";

/** A pair `[y, x]`. */
export type Pair = readonly [number, number];

/** A window with every default filled in. */
export interface ConvWindow {
  /** Taps, `[kh, kw]`. */
  readonly kernel: Pair;
  /** Pixels between neighbouring windows. */
  readonly stride: Pair;
  /** Zeros around the image, `[[top, bottom], [left, right]]`. */
  readonly padding: readonly [Pair, Pair];
  /** Pixels between neighbouring taps. */
  readonly dilation: Pair;
}

/** Refuses options that an operation does not know: nothing is ignored. */
export function checkOptions(operation: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `Cannot ${operation} as options must be among ${known.join(", ")}: current option is ${unknown}`,
  );
}

function pairOf(operation: string, name: string, value: number | Pair, least: number): Pair {
  const pair: Pair = typeof value === "number" ? [value, value] : value;
  if (pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= least)) return [pair[0], pair[1]];
  throw new RangeError(
    `Cannot ${operation} as ${name} must be whole and at least ${least}: current ${name} is [${value}]`,
  );
}

/**
 * Fills in defaults and checks every number of a window.
 *
 * @param operation For errors.
 * @param kernel Taps on each axis.
 * @param options Stride, padding, dilation as users write them.
 * @returns The window.
 * @throws {RangeError} If a number is not whole or too small.
 */
export function convWindow(
  operation: string,
  kernel: number | Pair,
  { stride = 1, padding = 0, dilation = 1 }: Omit<Conv2dOptions, "groups">,
): ConvWindow {
  const sides = typeof padding === "number" ? [[padding, padding], [padding, padding]] as const : padding;
  return {
    kernel: pairOf(operation, "kernel", kernel, 1),
    stride: pairOf(operation, "stride", stride, 1),
    padding: [pairOf(operation, "padding", sides[0], 0), pairOf(operation, "padding", sides[1], 0)],
    dilation: pairOf(operation, "dilation", dilation, 1),
  };
}

/** Size of the dense output, `[H, W]`; throws if the window does not fit. */
export function denseOutputSize(operation: string, size: Shape, window: ConvWindow): Pair {
  const along = (axis: 0 | 1) => {
    const reach = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
    return Math.floor((size[axis]! + window.padding[axis][0] + window.padding[axis][1] - reach) / window.stride[axis]) +
      1;
  };
  const output: Pair = [along(0), along(1)];
  if (output.every((n) => n >= 1)) return output;
  throw new ShapeError(operation, `a window of [${window.kernel}] must fit into the padded image`, [size]);
}
