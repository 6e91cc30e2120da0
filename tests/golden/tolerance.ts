/** @file How far a result may be from a trace, by the notes of the golden file. */
import type { Summary } from "./format.ts";

/** Where the computation runs: float64 on the reference device, float32 elsewhere. */
export type Precision = "float64" | "float32";

/** Largest error of one quantity of a case. */
export interface Measurement {
  /** What was compared. */
  readonly quantity: string;
  /** Largest error over its numbers, relative to the scale of each. */
  readonly error: number;
  /** Error that is allowed. */
  readonly tolerance: number;
  /** Which number the largest error is of. */
  readonly worst: string;
}

/** Quantities before the first optimizer step, each with the least float32 tolerance; those that come after have `LATER`. */
const FLOORS: Readonly<Record<string, number>> = {
  "loss": 1e-5,
  "encoder": 1e-4,
  "densified": 1e-4,
  "reconstruction": 1e-4,
  "gradientL2": 1e-3,
  "gradientSamples": 1e-3,
};
const LATER = 1e-3;

/** Largest error that a quantity may have. */
export type Tolerance = (quantity: string) => number;

/**
 * Tells how far results may lie from a float64 trace. In float64 only the order of sums differs, and the official optimizer
 * clips by a float32 factor. In float32 other orders of the official code itself lie apart, most of all behind ReLU kinks:
 * three times their spread is allowed, and a floor where they happen to agree.
 *
 * @param precision Of the computation.
 * @param spread Of official float32 runs, by quantity; the floors alone count where it has none.
 * @returns The tolerance of each quantity.
 */
export function toleranceOf(precision: Precision, spread: Readonly<Record<string, number>> = {}): Tolerance {
  if (precision === "float64") return (quantity) => quantity in FLOORS ? 1e-8 : 1e-7;
  return (quantity) => Math.max(FLOORS[quantity] ?? LATER, 3 * (spread[quantity] ?? 0));
}

/** One number beside its trace. */
export interface Pair {
  /** Which number. */
  readonly name: string;
  /** What was computed. */
  readonly got: number;
  /** What the trace has. */
  readonly expected: number;
  /** What the difference is divided by. */
  readonly scale: number;
}

/** A number whose scale is its trace. */
export function relative(name: string, got: number, expected: number): Pair {
  return { name, got, expected, scale: Math.abs(expected) };
}

function errorOf({ got, expected, scale }: Pair): number {
  if (got === expected) return 0;
  const error = Math.abs(got - expected) / scale;
  return Number.isNaN(error) ? Infinity : error;
}

/**
 * Finds the largest error among the numbers of a quantity.
 *
 * @param quantity What the numbers are of.
 * @param tolerance Of the case.
 * @param pairs Its numbers.
 * @returns The measurement.
 */
export function measure(quantity: string, tolerance: Tolerance, pairs: readonly Pair[]): Measurement {
  const errors = pairs.map(errorOf);
  const error = errors.reduce((most, e) => Math.max(most, e), 0);
  return { quantity, error, tolerance: tolerance(quantity), worst: pairs[errors.indexOf(error)]?.name ?? "" };
}

/** A tensor as the host has it, in official layout. */
export interface HostTensor {
  /** NCHW shape, or that of a parameter. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: ArrayLike<number>;
}

/**
 * Compares a tensor with a summary.
 *
 * @param name What it is.
 * @param tensor The tensor, in official layout.
 * @param expected The summary.
 * @returns `norms`: l2 and meanAbs; `samples`: mean and sampled values.
 */
export function compareSummary(
  name: string,
  { shape, data }: HostTensor,
  expected: Summary,
): { readonly norms: readonly Pair[]; readonly samples: readonly Pair[] } {
  if (JSON.stringify(shape) !== JSON.stringify(expected.shape)) {
    const pair = { name: `${name} has shape [${shape}], not [${expected.shape}]`, got: NaN, expected: 0, scale: 1 };
    return { norms: [pair], samples: [pair] };
  }
  let [sum, sumAbs, sumSquares] = [0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    sum += data[i]!;
    sumAbs += Math.abs(data[i]!);
    sumSquares += data[i]! ** 2;
  }
  const sample = (label: string, got: number, value: number): Pair => ({
    name: `${name} ${label}`,
    got,
    expected: value,
    scale: Math.max(expected.meanAbs, Math.abs(value)),
  });
  return {
    norms: [
      relative(`${name} l2`, Math.sqrt(sumSquares), expected.l2),
      relative(`${name} meanAbs`, sumAbs / data.length, expected.meanAbs),
    ],
    samples: [
      sample("mean", sum / data.length, expected.mean),
      ...expected.at.map((at, i) => sample(`[${at}]`, data[at]!, expected.values[i]!)),
    ],
  };
}
