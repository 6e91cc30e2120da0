/** @file Fourier transforms of any length, as NumPy's `fft` module. */
import { type OptionNames, requireKind, requireOptions, ShapeError } from "../../errors.ts";
import { arange } from "../creation.ts";
import { mul } from "../../primitives/arithmetic.ts";
import { reshape } from "../../primitives/layout.ts";
import { normalizeAxes } from "../../primitives/sum.ts";
import { pad, slice } from "../../primitives/window.ts";
import { requireTensor } from "../../require_tensor.ts";
import { sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { cast } from "../../primitives/cast.ts";
import { concat, flip } from "../axes.ts";
import { moveaxis, roll } from "../pieces.ts";
import { type Complex, complexOf, conjugate, onBoth } from "./complex.ts";
import { transformLines } from "./transform.ts";

/** Options of transforms. */
export interface FftOptions {
  /** Axis or axes that are transformed, the last by default. */
  readonly axis?: number | readonly number[];
  /** Elements of the (last) axis: what is missing is zero, what is more is left out. As many as there are by default. */
  readonly size?: number;
  /** Where the factor `1 / n` stands: in the inverse (`"backward"`, the default), in both as its root, or in the other. */
  readonly norm?: "backward" | "ortho" | "forward";
}

const FFT_OPTIONS: OptionNames<FftOptions> = { axis: true, size: true, norm: true };

/** The factor of a transform over `count` elements. */
function scaleOf(operation: string, norm: FftOptions["norm"], count: number, isInverse: boolean): number {
  if (norm === "ortho") return 1 / Math.sqrt(count);
  if (norm === undefined || norm === "backward") return isInverse ? 1 / count : 1;
  if (norm === "forward") return isInverse ? 1 : 1 / count;
  throw new RangeError(
    `Cannot ${operation} as norm must be "backward", "ortho" or "forward": current norm is ${norm}`,
  );
}

function requireSize(operation: string, size: number): void {
  if (Number.isInteger(size) && size >= 1) return;
  throw new RangeError(`Cannot ${operation} as the size must be whole and at least 1: current size is ${size}`);
}

/** An axis with zeros at its end, or cut. */
function resized(operation: string, x: Tensor, axis: number, size: number): Tensor {
  requireSize(operation, size);
  const given = x.shape[axis]!;
  if (size <= given) return slice(x, { start: x.shape.map(() => 0), size: x.shape.with(axis, size) });
  return pad(x, x.shape.map((_, i) => [0, i === axis ? size - given : 0]));
}

function alongAxis(z: Complex, axis: number): Complex {
  const moved = onBoth(z, (x) => moveaxis(x, axis, -1));
  const { shape } = moved.re;
  const lines = onBoth(moved, (x) => reshape(x, [sizeOf(shape.slice(0, -1)), shape.at(-1)!]));
  return onBoth(transformLines(lines), (x) => moveaxis(reshape(x, shape), -1, axis));
}

/** Axes as they were named, from the front. */
function axesOf(operation: string, x: Tensor, axis: FftOptions["axis"]): readonly number[] {
  const named = typeof axis === "number" ? [axis] : axis ?? [-1];
  normalizeAxes(operation, x, named);
  return named.map((i) => i < 0 ? i + x.shape.length : i);
}

function transform(operation: string, given: Complex | Tensor, options: FftOptions, isInverse: boolean): Complex {
  requireOptions(operation, options, FFT_OPTIONS);
  const z = complexOf(operation, given);
  const axes = axesOf(operation, z.re, options.axis);
  const last = axes.at(-1)!;
  const { size } = options;
  const sized = size === undefined ? z : onBoth(z, (x) => resized(operation, x, last, size));
  const count = sizeOf(axes.map((axis) => sized.re.shape[axis]!));
  if (count === 0) throw new ShapeError(operation, "there must be elements", [sized.re.shape]);
  const turned = isInverse ? conjugate(sized) : sized;
  const done = axes.reduce(alongAxis, turned);
  const scale = scaleOf(operation, options.norm, count, isInverse);
  const scaled = scale === 1 ? done : onBoth(done, (x) => mul(x, scale));
  return isInverse ? conjugate(scaled) : scaled;
}

/**
 * The discrete Fourier transform, of any length: products with small matrices for lengths with small prime factors, Bluestein's
 * convolution for others.
 *
 * @param z Complex numbers `{ re, im }`, or a real tensor.
 * @param options `axis` or axes, the last by default; `size`; `norm`.
 * @returns `{ re, im }`: for each k the sum of `z[j] e^(-2πi jk / n)`.
 * @throws {ShapeError} If there are no elements, or axes are not those of the tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fft, tensor } from "@tessera/tessera/tensor";
 *
 * const { re } = fft.fft(tensor([1, 0, 0, 0]));
 * deepStrictEqual(await re.data(), new Float32Array([1, 1, 1, 1]));
 * ```
 */
export function fft(z: Complex | Tensor, options: FftOptions = {}): Complex {
  return transform("fft", z, options, false);
}

/**
 * The inverse of `fft`.
 *
 * @param z Complex numbers `{ re, im }`, or a real tensor.
 * @param options As of `fft`.
 * @returns `{ re, im }`.
 * @throws {ShapeError} If there are no elements, or axes are not those of the tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fft, tensor } from "@tessera/tessera/tensor";
 *
 * const { re } = fft.ifft(fft.fft(tensor([1, 2])));
 * deepStrictEqual(await re.data(), new Float32Array([1, 2]));
 * ```
 */
export function ifft(z: Complex | Tensor, options: FftOptions = {}): Complex {
  return transform("ifft", z, options, true);
}

/** The first `count` elements of an axis. */
function head(x: Tensor, axis: number, count: number): Tensor {
  return slice(x, { start: x.shape.map(() => 0), size: x.shape.with(axis, count) });
}

/**
 * The Fourier transform of real numbers: the half that is not the mirror image of the other.
 *
 * @param x Real tensor; integers and bools are taken as float32.
 * @param options As of `fft`; the half is that of the last axis that is transformed.
 * @returns `{ re, im }` with `floor(n / 2) + 1` elements on that axis.
 * @throws {ShapeError} If there are no elements, or axes are not those of the tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fft, ones } from "@tessera/tessera/tensor";
 *
 * const { re } = fft.rfft(ones([4])); // 4, 0, 0 but for rounding
 * deepStrictEqual(Array.from(await re.data(), (x) => Math.abs(x).toFixed(4)), ["4.0000", "0.0000", "0.0000"]);
 * ```
 */
export function rfft(x: Tensor, options: FftOptions = {}): Complex {
  requireOptions("rfft", options, FFT_OPTIONS);
  requireTensor("rfft", "x", x);
  const whole = transform("rfft", x, options, false);
  const last = axesOf("rfft", x, options.axis).at(-1)!;
  return onBoth(whole, (y) => head(y, last, Math.floor(y.shape[last]! / 2) + 1));
}

/**
 * The inverse of `rfft`.
 *
 * @param z Complex numbers `{ re, im }`: one half of a transform of real numbers. The imaginary part of its first element, and
 * for an even size of its last, counts as 0.
 * @param options As of `fft`; `size` is that of the result, `2 (m - 1)` by default.
 * @returns Real tensor.
 * @throws {ShapeError} If there are no elements, or axes are not those of the tensor.
 * @throws {RangeError} If the size is not whole or less than 1, as that of a single element is unless it is given.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fft, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await fft.irfft(fft.rfft(tensor([1, 2, 3])), { size: 3 }).data(), new Float32Array([1, 2, 3]));
 * ```
 */
export function irfft(z: Complex | Tensor, options: FftOptions = {}): Tensor {
  requireOptions("irfft", options, FFT_OPTIONS);
  const half = complexOf("irfft", z);
  const axes = axesOf("irfft", half.re, options.axis);
  const last = axes.at(-1)!;
  const { size = 2 * (half.re.shape[last]! - 1), axis: _axis, ...rest } = options;
  requireSize("irfft", size); // of a single element nothing follows
  const count = Math.floor(size / 2) + 1;
  const others = axes.slice(0, -1);
  // The other axes first: then each line along the last is the half of a transform of real numbers.
  const lines = others.length === 0 ? half : transform("irfft", half, { ...rest, axis: others }, true);
  const known = onBoth(lines, (x) => resized("irfft", x, last, count));
  // Conjugates of the elements between the ends, backwards.
  const between = Math.max(0, size - count);
  const mirror = (x: Tensor) => {
    const start = x.shape.map((_, i) => i === last ? 1 : 0);
    return flip(slice(x, { start, size: x.shape.with(last, between) }), { axis: last });
  };
  const whole = {
    re: concat([known.re, mirror(known.re)], { axis: last }),
    im: concat([known.im, mul(mirror(known.im), -1)], { axis: last }),
  };
  return transform("irfft", whole, { ...rest, axis: last }, true).re;
}

/**
 * The frequencies of `fft`: 0, 1, …, then the negative ones, over `size · spacing`.
 *
 * @param size Elements of the transform.
 * @param options `spacing` of the samples, 1 by default.
 * @returns float32 `[size]`.
 * @throws {RangeError} If the size is not whole or less than 1.
 * @throws {TypeError} If the spacing is 0 or no finite number.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fft } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await fft.fftfreq(4).data(), new Float32Array([0, 0.25, -0.5, -0.25]));
 * ```
 */
export function fftfreq(size: number, options: { readonly spacing?: number } = {}): Tensor {
  requireOptions("fftfreq", options, { spacing: true });
  const { spacing = 1 } = options;
  requireSize("fftfreq", size);
  requireKind("fftfreq", "spacing", spacing, Number.isFinite(spacing) && spacing !== 0, "a finite number, not 0");
  const low = -Math.floor(size / 2);
  return mul(cast(roll(arange(low, low + size), low), "float32"), 1 / (size * spacing));
}

/**
 * Moves frequency 0 to the middle of axes.
 *
 * @param x Any tensor.
 * @param options `axis` or axes, all by default.
 * @returns Tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fft } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await fft.fftshift(fft.fftfreq(4)).data(), new Float32Array([-0.5, -0.25, 0, 0.25]));
 * ```
 */
export function fftshift(x: Tensor, options: { readonly axis?: number | readonly number[] } = {}): Tensor {
  requireOptions("fftshift", options, { axis: true });
  requireTensor("fftshift", "x", x);
  return normalizeAxes("fftshift", x, options.axis).reduce(
    (y, axis) => roll(y, Math.floor(y.shape[axis]! / 2), { axis }),
    x,
  );
}

/**
 * The inverse of `fftshift`.
 *
 * @param x Any tensor.
 * @param options `axis` or axes, all by default.
 * @returns Tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fft, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await fft.ifftshift(fft.fftshift(tensor([1, 2, 3]))).data(), new Float32Array([1, 2, 3]));
 * ```
 */
export function ifftshift(x: Tensor, options: { readonly axis?: number | readonly number[] } = {}): Tensor {
  requireOptions("ifftshift", options, { axis: true });
  requireTensor("ifftshift", "x", x);
  return normalizeAxes("ifftshift", x, options.axis).reduce(
    (y, axis) => roll(y, -Math.floor(y.shape[axis]! / 2), { axis }),
    x,
  );
}
