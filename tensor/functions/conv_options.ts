/** @file Settings of convolutions and windows as callers write them, and with every default filled in. */
import type { OptionNames } from "../errors.ts";
import type { ConvParams } from "../contraction/convolution.ts";

/** Settings of a convolution as callers write them; lists have one item for each axis that is convolved, outermost first. */
export interface ConvOptions {
  /** Positions between neighbouring windows. 1 by default. */
  readonly stride?: number | readonly number[];
  /**
   * Zeros around the images: one number, or `[before, after]` of each axis. `"VALID"` is none; `"SAME"` as many as make the
   * output `ceil(size / stride)` long, the odd one after. 0 by default.
   */
  readonly padding?: number | "SAME" | "VALID" | readonly (readonly [number, number])[];
  /** Positions between neighbouring taps. 1 by default. */
  readonly dilation?: number | readonly number[];
  /** Number of groups; as many as channels makes the convolution depthwise. 1 by default. */
  readonly groups?: number;
}

/** Names of ConvOptions. */
export const CONV_OPTIONS: OptionNames<ConvOptions> = { stride: true, padding: true, dilation: true, groups: true };

/** Settings of a convolution of images. */
export interface Conv2dOptions extends ConvOptions {
  /** Pixels between neighbouring windows, one number or `[y, x]`. 1 by default. */
  readonly stride?: number | readonly [number, number];
  /** Zeros around the image: one number, or `[[top, bottom], [left, right]]`. 0 by default. */
  readonly padding?: number | readonly [readonly [number, number], readonly [number, number]];
  /** Pixels between neighbouring taps, one number or `[y, x]`. 1 by default. */
  readonly dilation?: number | readonly [number, number];
}

/** Refuses a setting whose numbers are not whole or too small. */
export function requireWhole(operation: string, name: string, values: readonly number[], least: number): void {
  if (values.every((n) => Number.isInteger(n) && n >= least)) return;
  const bound = least === 0 ? "not negative" : `at least ${least}`;
  throw new RangeError(`Cannot ${operation} as ${name} must be whole and ${bound}: current ${name} is ${values}`);
}

/** One item an axis. */
export function onEach<T>(operation: string, name: string, value: T | readonly T[], rank: number): readonly T[] {
  const all = Array.isArray(value) ? value as readonly T[] : Array<T>(rank).fill(value as T);
  if (all.length === rank) return all;
  throw new RangeError(
    `Cannot ${operation} as ${name} must be one for all axes or one for each of ${rank}: current ${name} is ` +
      JSON.stringify(value),
  );
}

/** Sizes that `"SAME"` follows from. */
export interface Sizes {
  /** Positions along each axis. */
  readonly size: readonly number[];
  /** Taps along each axis. */
  readonly kernel: readonly number[];
}

/**
 * Fills in every default.
 *
 * @param operation For errors.
 * @param rank How many axes are convolved.
 * @param options As callers write them.
 * @param sizes Of the images and the kernel, for `"SAME"`.
 * @returns The settings.
 * @throws {RangeError} If a number is not whole or too small, or a list has another length.
 */
export function convParams(
  operation: string,
  rank: number,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions,
  sizes?: Sizes,
): ConvParams {
  const strides = onEach(operation, "stride", stride, rank);
  const dilations = onEach(operation, "dilation", dilation, rank);
  requireWhole(operation, "stride", strides, 1);
  requireWhole(operation, "dilation", dilations, 1);
  requireWhole(operation, "groups", [groups], 1);
  const settings = { stride: strides, dilation: dilations, groups };
  if (padding === "SAME" && sizes) return { ...settings, padding: samePadding(sizes, settings) };
  return { ...settings, padding: zerosOf(operation, rank, padding) };
}

/** Zeros around each axis as they are written. */
function zerosOf(operation: string, rank: number, padding: ConvOptions["padding"]): ConvParams["padding"] {
  if (typeof padding === "string" && padding !== "VALID") {
    throw new RangeError(
      `Cannot ${operation} as padding must be numbers, "SAME" or "VALID": current padding is ${padding}`,
    );
  }
  const zeros = padding === "VALID" ? 0 : padding ?? 0;
  const both = typeof zeros === "number" ? [zeros, zeros] as const : zeros;
  const all = typeof zeros === "number"
    ? Array.from({ length: rank }, () => both as readonly [number, number])
    : onEach(operation, "padding", zeros, rank);
  all.forEach((pair) => requireWhole(operation, "padding", onEach(operation, "padding", pair, 2), 0));
  return all;
}

/** As many zeros as make the output `ceil(size / stride)` long, the odd one after. */
function samePadding(
  { size, kernel }: Sizes,
  { stride, dilation }: Pick<ConvParams, "stride" | "dilation">,
): ConvParams["padding"] {
  return stride.map((stride, axis) => {
    const reach = dilation[axis]! * (kernel[axis]! - 1) + 1;
    const zeros = Math.max(0, (Math.ceil(size[axis]! / stride) - 1) * stride + reach - size[axis]!);
    return [Math.floor(zeros / 2), Math.ceil(zeros / 2)];
  });
}
