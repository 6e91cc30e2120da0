/** @file Functions and arrays that laws are tried on: drawn by fast-check, the same for a seed. */
import fc from "fast-check";
import * as t from "../../tensor/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";

/** Laws by their names. */
export type Laws = Readonly<Record<string, fc.IAsyncProperty<unknown>>>;

const read = { device: t.referenceDevice() };

/** Values of a tensor in float64. */
export const valuesOf = async (x: Tensor): Promise<readonly number[]> => [...await x.data(read)].map(Number);

/** Smooth steps that keep a matrix `[rows, columns]`, from one to the next. */
const STEPS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  sin: (x) => t.sin(x),
  tanh: (x) => t.tanh(x),
  square: (x) => t.mul(t.square(x), 0.5),
  sigmoid: (x) => t.sigmoid(x),
  "exp of tanh": (x) => t.exp(t.tanh(x)),
  softmax: (x) => t.softmax(x),
  "log of 1 + x²": (x) => t.log(t.add(t.square(x), 1)),
  "over its length": (x) => t.div(x, t.sqrt(t.add(1, t.sum(t.square(x), { axis: 1, keepDims: true })))),
  "less the mean": (x) => t.sub(x, t.mean(x, { axis: 0, keepDims: true })),
  cumsum: (x) => t.mul(t.cumsum(x), 0.3),
  "times its transpose": (x) => t.mul(t.matmul(t.matmul(x, x, { transposeB: true }), x), 0.2),
  roll: (x) => t.mul(t.roll(x, 1), x),
  "rows turned": (x) => t.flip(x, { axis: 0 }),
  "gather and scatter": (x) => t.add(x, t.segmentSum(t.take(x, [0, 0]), [0, 0], { segments: x.shape[0]! })),
};

/** A function of a matrix and how it is made. */
export interface Drawn {
  readonly names: readonly string[];
  readonly f: (x: Tensor) => Tensor;
}

/** A chain of smooth steps. */
export const functions: fc.Arbitrary<Drawn> = fc
  .array(fc.constantFrom(...Object.keys(STEPS)), { minLength: 1, maxLength: 4 })
  .map((names) => ({ names, f: (x: Tensor) => names.reduce((y, name) => STEPS[name]!(y), x) }));

const number = fc.double({ min: -2, max: 2, noNaN: true }).map((value) => Math.round(value * 64) / 64);

/** A float64 tensor of a shape. */
export const tensors = (...shape: readonly number[]): fc.Arbitrary<Tensor> =>
  fc.array(number, { minLength: t.sizeOf(shape), maxLength: t.sizeOf(shape) })
    .map((values) => t.tensor(values, { shape, dtype: "float64" }));

/** Sizes of a matrix. */
const sizes: fc.Arbitrary<readonly [number, number]> = fc.tuple(
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: 1, max: 4 }),
);

/** As many matrices of one size. */
export const matrices = (count: number): fc.Arbitrary<readonly Tensor[]> =>
  sizes.chain(([rows, columns]) => fc.tuple(...Array.from({ length: count }, () => tensors(rows, columns))));
