/** @file Single elements of products and convolutions, by their definition in float64: what is timed is checked against them. */
import { ok } from "node:assert/strict";
import type { TypedArray } from "../tensor/mod.ts";
import { type ConvGeometry, convolutionOutput, type MatmulGeometry } from "./geometries.ts";

/** Which of the three products of a convolution. */
export type ConvPart = "forward" | "inputGradient" | "weightGradient";

/** Shapes of x, w and y, channels last. */
export function convolutionShapes(geometry: ConvGeometry): Readonly<Record<"x" | "w" | "y", readonly number[]>> {
  const { batch, size, channels, outChannels, kernel, groups } = geometry;
  const out = convolutionOutput(geometry);
  return {
    x: [batch, size, size, channels],
    w: [kernel, kernel, channels / groups, outChannels],
    y: [batch, out, out, outChannels],
  };
}

/** `count` positions of an array, spread over it, its first and last among them. */
export function samplePositions(length: number, count = 48): readonly number[] {
  const last = length - 1;
  return Array.from(
    { length: Math.min(count, length) },
    (_, i) => Math.round(last * i / Math.max(1, Math.min(count, length) - 1)),
  );
}

/** Element `at` of a product `a [rows, inner] × b [inner, columns]`. */
export function matmulElement(a: TypedArray, b: TypedArray, { inner, columns }: MatmulGeometry, at: number): number {
  const [row, column] = [Math.floor(at / columns), at % columns];
  let sum = 0;
  for (let k = 0; k < inner; k++) sum += a[row * inner + k]! * b[k * columns + column]!;
  return sum;
}

/** Element `at` of y, of the gradient of x, or of the gradient of w: the sum of all terms that meet in it. */
export function convElement(
  part: ConvPart,
  data: { readonly x: TypedArray; readonly w: TypedArray; readonly y: TypedArray },
  geometry: ConvGeometry,
  at: number,
): number {
  return { forward: outputElement, inputGradient: inputElement, weightGradient: weightElement }[part](
    data,
    geometry,
    at,
  );
}

type Data = Parameters<typeof convElement>[1];

function outputElement({ x, w }: Data, geometry: ConvGeometry, at: number): number {
  const { size, channels, outChannels, kernel, stride, padding, groups } = geometry;
  const out = convolutionOutput(geometry);
  const [n, ox, oy, b] = digits(at, [outChannels, out, out]);
  const each = channels / groups;
  const first = Math.floor(n / (outChannels / groups)) * each;
  let sum = 0;
  for (let t = 0; t < kernel ** 2; t++) {
    const [iy, ix] = [oy * stride - padding + Math.floor(t / kernel), ox * stride - padding + t % kernel];
    if (iy < 0 || iy >= size || ix < 0 || ix >= size) continue;
    const from = ((b * size + iy) * size + ix) * channels + first;
    for (let c = 0; c < each; c++) sum += x[from + c]! * w[(t * each + c) * outChannels + n]!;
  }
  return sum;
}

function inputElement({ w, y }: Data, geometry: ConvGeometry, at: number): number {
  const { size, channels, outChannels, kernel, stride, padding, groups } = geometry;
  const out = convolutionOutput(geometry);
  const [pixel, ix, iy, b] = digits(at, [channels, size, size]);
  const [each, outEach] = [channels / groups, outChannels / groups];
  const [group, c] = [Math.floor(pixel / each), pixel % each];
  let sum = 0;
  for (let t = 0; t < kernel ** 2; t++) {
    const [oy, ox] = [(iy + padding - Math.floor(t / kernel)) / stride, (ix + padding - t % kernel) / stride];
    if (!Number.isInteger(oy) || !Number.isInteger(ox) || oy < 0 || oy >= out || ox < 0 || ox >= out) continue;
    const from = ((b * out + oy) * out + ox) * outChannels + group * outEach;
    for (let n = 0; n < outEach; n++) sum += y[from + n]! * w[(t * each + c) * outChannels + group * outEach + n]!;
  }
  return sum;
}

function weightElement({ x, y }: Data, geometry: ConvGeometry, at: number): number {
  const { batch, size, channels, outChannels, kernel, stride, padding, groups } = geometry;
  const out = convolutionOutput(geometry);
  const [n, c, t] = digits(at, [outChannels, channels / groups]);
  const source = Math.floor(n / (outChannels / groups)) * (channels / groups) + c;
  let sum = 0;
  for (let m = 0; m < batch * out * out; m++) {
    const [ox, oy, b] = digits(m, [out, out]);
    const [iy, ix] = [oy * stride - padding + Math.floor(t / kernel), ox * stride - padding + t % kernel];
    if (iy < 0 || iy >= size || ix < 0 || ix >= size) continue;
    sum += x[((b * size + iy) * size + ix) * channels + source]! * y[m * outChannels + n]!;
  }
  return sum;
}

/** Splits a position by sizes, the innermost first; the last digit is what remains. */
function digits(at: number, sizes: readonly number[]): [number, number, number, number] {
  const result = sizes.map((size) => {
    const digit = at % size;
    at = Math.floor(at / size);
    return digit;
  });
  return [...result, at, 0].slice(0, 4) as [number, number, number, number];
}

/**
 * Checks elements of a result.
 *
 * @param name What was computed, for the error.
 * @param result All of it.
 * @param terms How many products of unit variance an element sums: errors grow with the root.
 * @param expected An element by definition.
 * @throws {AssertionError} If an element is not right.
 */
export function checkElements(name: string, result: TypedArray, terms: number, expected: (at: number) => number): void {
  for (const at of samplePositions(result.length)) {
    const [found, right] = [result[at]!, expected(at)];
    ok(Math.abs(found - right) <= 1e-4 * Math.sqrt(terms) + 1e-5, `${name}: element ${at} is ${found}, not ${right}`);
  }
}
