/**
 * @file Antialiased resizing in 8 bits whose every value equals that of Pillow's `Image.resize`: separable windows in
 * fixed point with 22 fractional bits, columns first, rounded to 8 bits between the two passes.
 */
import { requireOptions } from "../../tensor/errors.ts";
import { crop, type Pixels, type Rectangle } from "./pixels.ts";

/** Interpolation kernels, named as in Pillow. */
export type Filter = "bilinear" | "bicubic" | "lanczos";

/** Settings of `resample`. */
export interface ResampleOptions {
  /** Columns of the result. */
  readonly width: number;
  /** Rows of the result. */
  readonly height: number;
  /** Kernel; `"bicubic"` (a = -0.5) if not given. */
  readonly filter?: Filter;
  /**
   * Part of the image to resize, `[left, top, right, bottom]` in (fractional) pixels; all of it if not given. Windows
   * may read beyond it. Crop first to prevent that, as torchvision does.
   */
  readonly box?: readonly [number, number, number, number];
  /**
   * Part of the result that is made, in whole pixels of it; all if not given. Bit-equal to resizing and then cropping, but
   * the rest of a result that may be huge takes neither time nor memory.
   */
  readonly part?: Rectangle;
}

interface Kernel {
  /** Half the width of the kernel, in source pixels where the image is not shrunk. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

/** What one pass needs: for each output position the first input position, the count and the weights. */
export interface Windows {
  /** First input position of each output position. */
  readonly first: Int32Array;
  /** Input positions of each. */
  readonly count: Int32Array;
  /** Weights in fixed point. */
  readonly weights: Int32Array;
  /** Places for weights at each output position. */
  readonly size: number;
}

/** 32 bits less 8 of the pixel less 2 for overshoot. */
export const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

const sinc = (x: number): number => x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);

const KERNELS: Readonly<Record<Filter, Kernel>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0 },
};

/** Keys' cubic with a = -0.5. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/**
 * Resizes an image, with antialiasing where it shrinks. Bit-equal to Pillow's `Image.resize` of an RGB image; with four
 * channels alpha is treated as the others, so multiply the colours by it first.
 *
 * @param image Source, at least one pixel.
 * @param options Size, filter and box.
 * @returns The resized image; the same object if nothing changes.
 * @throws {RangeError} If a size is not a positive integer, or the box is empty or reaches outside the image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resample } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(0, 0, 0, 100, 50, 20) } as const;
 * deepStrictEqual(resample(image, { width: 1, height: 1 }).data, Uint8Array.of(50, 25, 10));
 * ```
 */
export function resample(image: Pixels, options: ResampleOptions): Pixels {
  requireOptions("resample", options, { width: true, height: true, filter: true, box: true, part: true });
  const { width, height, filter = "bicubic", part = { left: 0, top: 0, width, height } } = options;
  // Pillow keeps boxes in single precision.
  const box = (options.box ?? [0, 0, image.width, image.height]).map(Math.fround);
  checkResample(image, options, box);
  const [left, top, right, bottom] = box as [number, number, number, number];
  const kernel = KERNELS[filter];
  const isWide = width === image.width && left === 0 && right === width;
  const isHigh = height === image.height && top === 0 && bottom === height;
  const columns = isWide ? null : windowsOf(image.width, [left, right], width, kernel, [part.left, part.width]);
  const rows = isHigh ? null : windowsOf(image.height, [top, bottom], height, kernel, [part.top, part.height]);
  // An axis that is not resized is cut.
  const source = crop(image, {
    ...(isWide ? { left: part.left, width: part.width } : { left: 0, width: image.width }),
    ...(isHigh ? { top: part.top, height: part.height } : { top: 0, height: image.height }),
  });
  const start = rows ? rows.first[0]! : 0;
  const end = rows ? rows.first.at(-1)! + rows.count.at(-1)! : source.height;
  const narrowed = columns ? resampleColumns(source, columns, [start, end]) : source;
  return rows ? resampleRows(narrowed, rows, columns ? start : 0) : narrowed;
}

function checkResample(
  image: Pixels,
  { width, height, filter, part }: ResampleOptions,
  box: readonly number[],
): void {
  if (![width, height].every((size) => Number.isInteger(size) && size > 0)) {
    throw new RangeError(`Cannot resample as the size must be positive integers: current size is ${width}x${height}`);
  }
  if (filter !== undefined && !Object.hasOwn(KERNELS, filter)) {
    const names = Object.keys(KERNELS).join(", ");
    throw new RangeError(`Cannot resample as the filter must be one of ${names}: current filter is ${filter}`);
  }
  const inside = ([from, size]: readonly number[], whole: number) =>
    Number.isInteger(from) && Number.isInteger(size) && from! >= 0 && size! > 0 && from! + size! <= whole;
  if (part && !(inside([part.left, part.width], width) && inside([part.top, part.height], height))) {
    throw new RangeError(
      `Cannot resample as the part must be whole pixels of the ${width}x${height} result: current part is ` +
        `${part.width}x${part.height} at ${part.left}, ${part.top}`,
    );
  }
  const [left = NaN, top = NaN, right = NaN, bottom = NaN] = box;
  if (!(left >= 0 && top >= 0 && right > left && bottom > top && right <= image.width && bottom <= image.height)) {
    throw new RangeError(
      `Cannot resample as the box must lie inside the ${image.width}x${image.height} image: current box is [${box}]`,
    );
  }
}

/**
 * Weights of one axis of a whole image, for some positions of the output.
 *
 * @param size Values of the axis.
 * @param outputSize Values that the whole output has.
 * @param filter Kernel.
 * @param range First position of the output, and how many.
 * @returns The windows.
 */
export function windowsFor(
  size: number,
  outputSize: number,
  filter: Filter,
  range: readonly [number, number],
): Windows {
  return windowsOf(size, [0, size], outputSize, KERNELS[filter], range);
}

/**
 * Weights of one axis, for some positions of the output; each window normalised to a sum of one and rounded half away from
 * zero.
 */
function windowsOf(
  size: number,
  [low, high]: readonly [number, number],
  outputSize: number,
  kernel: Kernel,
  [from, length]: readonly [number, number],
): Windows {
  const scale = Math.fround(high - low) / outputSize;
  const stretch = Math.max(scale, 1);
  const support = kernel.support * stretch;
  const places = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * places);
  for (let i = 0; i < length; i++) {
    const center = low + (from + i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(center - support + 0.5));
    count[i] = Math.min(size, Math.trunc(center + support + 0.5)) - first[i]!;
    const inverse = 1 / stretch;
    const window = Array.from({ length: count[i]! }, (_, x) => kernel.weight((x + first[i]! - center + 0.5) * inverse));
    const total = window.reduce((sum, weight) => sum + weight, 0);
    window.forEach((weight, x) => {
      const fixed = (total === 0 ? weight : weight / total) * 2 ** PRECISION;
      weights[i * places + x] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    });
  }
  return { first, count, weights, size: places };
}

const clip = (sum: number): number => {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

/** Resizes along the rows of pixels, only for the input rows from `start` to `end`. */
function resampleColumns(image: Pixels, windows: Windows, [start, end]: readonly [number, number]): Pixels {
  const { channels } = image;
  const width = windows.first.length;
  const data = new Uint8Array((end - start) * width * channels);
  const resampleLine = channels === 3 ? resampleLine3 : resampleLine4;
  for (let row = start; row < end; row++) {
    const line = image.data.subarray(row * image.width * channels, (row + 1) * image.width * channels);
    resampleLine(line, windows, data.subarray((row - start) * width * channels));
  }
  return { width, height: end - start, channels, data };
}

function resampleLine3(source: Uint8Array, { first, count, weights, size }: Windows, target: Uint8Array): void {
  for (let column = 0; column < first.length; column++) {
    let at = first[column]! * 3;
    const end = column * size + count[column]!;
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    for (let k = column * size; k < end; k++) {
      const weight = weights[k]!;
      red = (red + Math.imul(source[at]!, weight)) | 0;
      green = (green + Math.imul(source[at + 1]!, weight)) | 0;
      blue = (blue + Math.imul(source[at + 2]!, weight)) | 0;
      at += 3;
    }
    target[column * 3] = clip(red);
    target[column * 3 + 1] = clip(green);
    target[column * 3 + 2] = clip(blue);
  }
}

function resampleLine4(source: Uint8Array, { first, count, weights, size }: Windows, target: Uint8Array): void {
  for (let column = 0; column < first.length; column++) {
    let at = first[column]! * 4;
    const end = column * size + count[column]!;
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    let alpha = HALF;
    for (let k = column * size; k < end; k++) {
      const weight = weights[k]!;
      red = (red + Math.imul(source[at]!, weight)) | 0;
      green = (green + Math.imul(source[at + 1]!, weight)) | 0;
      blue = (blue + Math.imul(source[at + 2]!, weight)) | 0;
      alpha = (alpha + Math.imul(source[at + 3]!, weight)) | 0;
      at += 4;
    }
    target[column * 4] = clip(red);
    target[column * 4 + 1] = clip(green);
    target[column * 4 + 2] = clip(blue);
    target[column * 4 + 3] = clip(alpha);
  }
}

/** Resizes along the columns of pixels; row 0 of `image` is row `start` of the windows. */
function resampleRows(image: Pixels, windows: Windows, start: number): Pixels {
  const { width, channels, data: source } = image;
  const stride = width * channels;
  const height = windows.first.length;
  const data = new Uint8Array(height * stride);
  for (let row = 0; row < height; row++) {
    const lines = source.subarray((windows.first[row]! - start) * stride);
    const weights = windows.weights.subarray(row * windows.size, row * windows.size + windows.count[row]!);
    const target = data.subarray(row * stride, (row + 1) * stride);
    resampleLines(lines, weights, target);
  }
  return { width, height, channels, data };
}

/** A weighted sum of lines of equal length, each value with four neighbours: weights are read a quarter as often. */
function resampleLines(lines: Uint8Array, weights: Int32Array, target: Uint8Array): void {
  const stride = target.length;
  for (let i = 0; i < stride; i += 4) {
    let [a, b, c, d] = [HALF, HALF, HALF, HALF];
    let at = i;
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k]!;
      a = (a + Math.imul(lines[at]!, weight)) | 0;
      b = (b + Math.imul(lines[at + 1]!, weight)) | 0;
      c = (c + Math.imul(lines[at + 2]!, weight)) | 0;
      d = (d + Math.imul(lines[at + 3]!, weight)) | 0;
      at += stride;
    }
    // Beyond the end reads give 0 in Math.imul, and writes are ignored.
    target[i] = clip(a);
    target[i + 1] = clip(b);
    target[i + 2] = clip(c);
    target[i + 3] = clip(d);
  }
}
