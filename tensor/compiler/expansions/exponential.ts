/** @file Exponential and logarithm. Coefficients are those of the Cephes single-precision library. */
import { polynomial, type Words } from "./words.ts";

const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.12194440e-4;

/** (e^r - 1 - r) / r², highest first. */
export const EXPONENTIAL: readonly number[] = [
  1.9875691500e-4,
  1.3981999507e-3,
  8.3334519073e-3,
  4.1665795894e-2,
  1.6666665459e-1,
  5.0000001201e-1,
];

/** e^x. */
export function expOf<T>(w: Words<T>, x: T): T {
  return scaledExponential(w, x, 0);
}

/** 2^k e^x = 2^(k + n) e^r with |r| at most ln 2 / 2. */
export function scaledExponential<T>(w: Words<T>, x: T, k: number): T {
  const more = k * Math.LN2;
  const bounded = w.greater(w.float(-104), w.lesser(w.float(89 - more), x));
  const whole = w.roundToInt(w.mul(bounded, w.float(Math.LOG2E)));
  const n = w.toFloat(whole);
  const r = w.sub(w.sub(x, w.mul(n, w.float(LN2_HIGH))), w.mul(n, w.float(LN2_LOW)));
  const scaled = timesPowerOfTwo(w, r, whole, k);
  const high = w.select(w.lt(w.float(88.72284 - more), x), w.float(Infinity), scaled);
  const low = w.select(w.lt(x, w.float(-103.98)), w.float(0), high);
  return w.select(w.isNaN(x), x, low);
}

/** 2^(n + k) e^r for |r| up to ln 2 / 2; the power in two factors, as it may be out of range where the product is not. */
export function timesPowerOfTwo<T>(w: Words<T>, r: T, n: T, k = 0): T {
  const p = w.add(w.add(w.mul(polynomial(w, r, EXPONENTIAL), w.mul(r, r)), r), w.float(1));
  const half = w.shiftRight(n, w.int(1));
  const rest = k === 0 ? w.sub(n, half) : w.add(w.sub(n, half), w.int(k));
  return w.mul(w.mul(p, powerOfTwo(w, half)), powerOfTwo(w, rest));
}

/** 2^n for an int32 in the normal range. */
export function powerOfTwo<T>(w: Words<T>, n: T): T {
  return w.asFloat(w.shiftLeft(w.add(n, w.int(127)), w.int(23)));
}

const LOG = [
  ...[7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1],
  ...[-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1],
];

/** A number taken apart for a logarithm. */
interface Reduced<T> {
  /** The power of two. */
  readonly e: T;
  /** What is left, less one. */
  readonly m: T;
  /** Puts in what logarithms are at the ends of the range: 0, Infinity, and NaN below 0. */
  readonly ends: (y: T) => T;
}

/** x = 2^e (1 + m) with 1 + m in [√½, √2); numbers below the normal range are scaled by 2^23 first. */
export function reducedLogarithm<T>(w: Words<T>, x: T): Reduced<T> {
  const tiny = w.lt(x, w.float(1.17549435e-38));
  const bits = w.asUint(w.select(tiny, w.mul(x, w.float(8388608)), x));
  const exponent = w.toFloat(w.sub(w.asInt(w.shiftRight(bits, w.uint(23))), w.int(126)));
  const fraction = w.asFloat(w.or(w.and(bits, w.uint(0x007fffff)), w.uint(0x3f000000)));
  const small = w.lt(fraction, w.float(Math.SQRT1_2));
  const zero = w.float(0);
  const one = w.float(1);
  const e = w.sub(w.sub(exponent, w.select(tiny, w.float(23), zero)), w.select(small, one, zero));
  const m = w.sub(w.add(fraction, w.select(small, fraction, zero)), one);
  const ends = (y: T) => {
    const high = w.select(w.eq(x, w.float(Infinity)), w.float(Infinity), y);
    const low = w.select(w.eq(x, zero), w.float(-Infinity), high);
    return w.select(w.le(zero, x), low, w.float(NaN));
  };
  return { e, m, ends };
}

/** ln(2^e (1 + m)) for a small m. */
export function logarithmOf<T>(w: Words<T>, m: T, e: T): T {
  const z = w.mul(m, m);
  const p = w.add(w.mul(w.mul(polynomial(w, m, LOG), m), z), w.mul(e, w.float(LN2_LOW)));
  return w.add(w.sub(p, w.mul(z, w.float(0.5))), w.add(m, w.mul(e, w.float(LN2_HIGH))));
}

/** The natural logarithm. */
export function logOf<T>(w: Words<T>, x: T): T {
  const { e, m, ends } = reducedLogarithm(w, x);
  return ends(logarithmOf(w, m, e));
}
