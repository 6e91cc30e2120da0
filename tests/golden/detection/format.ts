/** @file The format of golden files of detectors: traces of torchvision, detectron2's and mmdetection's rules, and COCO's metrics. */
import { hashUniform, type Summary } from "../format.ts";
import { measure, type Measurement, type Pair, type Precision, type Tolerance } from "../tolerance.ts";
import { type Device, type DType, reshape, type Tensor, tensor, transpose } from "../../../tensor/mod.ts";

/** A part of a golden file: what stands there is read as it is needed. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** Where cases are run, and how exactly. */
export interface Bench {
  readonly device: Device;
  readonly precision: Precision;
  readonly dtype: DType;
}

/** A measurement of a case. */
export interface Line extends Measurement {
  readonly name: string;
}

/** float32 tolerances of the notes by quantity; all others are discrete, and equal. */
const FLOAT32: Readonly<Record<string, number>> = {
  loss: 1e-4,
  maps: 5e-4,
  gradientL2: 5e-3,
  gradientSamples: 2e-2,
  boxes: 1,
  scores: 1e-4,
  average: 1e-12,
};

/** Allowed error of a quantity: what stands before its first dot decides. */
function toleranceOf({ precision }: Bench): Tolerance {
  return (quantity) => {
    const kind = quantity.split(".")[0]!;
    if (!(kind in FLOAT32)) return 0;
    return precision === "float32" || kind === "average" ? FLOAT32[kind]! : 1e-8;
  };
}

/** A line of numbers that must agree. */
export function line(bench: Bench, name: string, quantity: string, pairs: readonly Pair[]): Line {
  return { name, ...measure(quantity, toleranceOf(bench), pairs) };
}

/** Numbers that must be equal, or lists of them of one length. */
export function equalPairs(name: string, got: ArrayLike<number>, expected: ArrayLike<number>): readonly Pair[] {
  const lengths = { name: `${name} length`, got: got.length, expected: expected.length, scale: 1 };
  return [
    lengths,
    ...Array.from(expected, (value, i) => ({ name: `${name}[${i}]`, got: got[i] ?? NaN, expected: value, scale: 1 })),
  ];
}

/** Numbers whose scale is their mean size, or their own if that is larger. */
export function scaledPairs(name: string, got: ArrayLike<number>, expected: ArrayLike<number>): readonly Pair[] {
  const mean = Array.from(expected).reduce((sum, x) => sum + Math.abs(x), 0) / Math.max(1, expected.length) || 1;
  return equalPairs(name, got, expected).map((pair, i) =>
    i === 0 ? pair : { ...pair, scale: Math.max(mean, Math.abs(pair.expected)) }
  );
}

/** Corners of boxes: in float32 a thousandth of a pixel, and a ten-thousandth of the size. */
export function boxPairs(
  { precision }: Bench,
  name: string,
  got: ArrayLike<number>,
  expected: readonly (readonly number[])[],
): readonly Pair[] {
  return equalPairs(name, got, expected.flat()).map((pair, i) => {
    if (i === 0) return pair;
    const [x1, y1, x2, y2] = expected[Math.floor((i - 1) / 4)]! as [number, number, number, number];
    const size = Math.max(x2 - x1, y2 - y1, Math.abs(pair.expected));
    return { ...pair, scale: precision === "float32" ? 1e-3 + 1e-4 * size : Math.max(1, size) };
  });
}

/** A tensor `{ shape, fill }` of the file, or with the numbers given. */
export function filled(shape: readonly number[], j: number): Float64Array {
  return Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => hashUniform(k, j));
}

/** Maps `[B, C, H, W]` of a file as a tensor `[B, H, W, C]`. */
export function mapOf({ dtype }: Bench, shape: readonly number[], values: ArrayLike<number>): Tensor {
  return transpose(tensor(Float64Array.from(values), { shape, dtype }), [0, 2, 3, 1]);
}

/** A tensor `[B, H, W, C]` in the layout of files. */
export function toChannelsFirst(x: Tensor): Tensor {
  return transpose(x, [0, 3, 1, 2]);
}

/** Root of the sum of squares. */
export function l2Of(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}

/** A tensor of whole numbers. */
export function int32(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor {
  return reshape(tensor(Int32Array.from(Array.from(values))), shape);
}

/** Statistics and samples of a tensor, if the file has them. */
export type { Summary };
