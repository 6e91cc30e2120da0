/** @file Sine and cosine, right to float32 for every angle. Polynomials are those of Cephes' single precision. */
import { polynomial, type Words } from "./words.ts";

/** π / 2 in three parts: products of the first two with whole numbers below 2^13 are exact. */
const HALF_PI = [1.5703125, 4.837512969970703125e-4, 7.549789948768648e-8] as const;
/** Angles up to here are reduced by the three parts. */
const NEAR = 8192 * HALF_PI[0];

const SINE = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COSINE = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

/** The sine. */
export function sinOf<T>(w: Words<T>, x: T): T {
  const near = w.select(w.eq(x, w.float(0)), x, nearWave(w, x, 0)); // -0 is its own sine
  return w.rarely(isFar(w, x), w.sinFar(x), near);
}

/** The cosine. */
export function cosOf<T>(w: Words<T>, x: T): T {
  return w.rarely(isFar(w, x), w.cosFar(x), nearWave(w, x, 1));
}

/** The sine by the long reduction: NaN of what is not finite. */
export function sinFarOf<T>(w: Words<T>, x: T): T {
  return farWave(w, x, 0);
}

/** The cosine by the long reduction. */
export function cosFarOf<T>(w: Words<T>, x: T): T {
  return farWave(w, x, 1);
}

function isFar<T>(w: Words<T>, x: T): T {
  return w.not(w.le(w.abs(x), w.float(NEAR)));
}

/** x = q π / 2 + r. */
function nearWave<T>(w: Words<T>, x: T, quarter: number): T {
  const whole = w.roundToInt(w.mul(x, w.float(2 / Math.PI)));
  const n = w.toFloat(whole);
  const r = HALF_PI.reduce((rest, part) => w.sub(rest, w.mul(n, w.float(part))), x);
  return wave(w, r, w.add(whole, w.int(quarter)));
}

/** Sine and cosine of an angle that is not far. */
export function sinCos<T>(w: Words<T>, x: T): readonly [T, T] {
  return [nearWave(w, x, 0), nearWave(w, x, 1)];
}

/** The sine of r + q π / 2, for |r| up to π / 4. */
function wave<T>(w: Words<T>, r: T, q: T): T {
  const z = w.mul(r, r);
  const sine = w.add(r, w.mul(w.mul(r, z), polynomial(w, z, SINE)));
  const falling = w.sub(w.float(1), w.mul(z, w.float(0.5)));
  const cosine = w.add(falling, w.mul(w.mul(z, z), polynomial(w, z, COSINE)));
  const even = w.eq(w.and(q, w.int(1)), w.int(0));
  const sign = w.shiftLeft(w.and(q, w.int(2)), w.int(30));
  return w.asFloat(w.xor(w.asInt(w.select(even, sine, cosine)), sign));
}

/** Bits of 2 / π, of which the first weighs 2^1: 192 of them serve every float32. */
const TWO_OVER_PI = [0x28be60db, 0x9391054a, 0x7f09d5f4, 0x7d4d3770, 0x36d8a566, 0x4f10e410];

/**
 * x = q π / 2 + r with the bits of 2 / π that matter to the exponent of x (Payne, Hanek 1983). The product of the 24 bits
 * of x with 96 of them is fixed point: two bits of q, then 62 of the fraction.
 */
function farWave<T>(w: Words<T>, x: T, quarter: number): T {
  const bits = w.asUint(x);
  const exponent = w.sub(w.and(w.shiftRight(bits, w.uint(23)), w.uint(255)), w.uint(126));
  const mantissa = w.shiftLeft(w.or(w.and(bits, w.uint(0x7fffff)), w.uint(0x800000)), w.uint(8));
  const [high, mid, low] = windowOf(w, exponent);
  const [carry] = fullProduct(w, mantissa, low);
  const [above, below] = fullProduct(w, mantissa, mid);
  const p0 = w.add(below, carry);
  const over = w.select(w.lt(p0, carry), w.uint(1), w.uint(0));
  const p1 = w.add(w.add(w.mul(mantissa, high), above), over);
  const r = halfTurns(w, p1, p0);
  // The nearest quarter: two bits, one more where the fraction is at least a half.
  const q = w.asInt(w.shiftRight(w.add(p1, w.uint(0x20000000)), w.uint(30)));
  const negative = w.lt(w.asInt(bits), w.int(0));
  const turn = w.add(w.select(negative, w.sub(w.int(0), q), q), w.int(quarter));
  const y = wave(w, w.select(negative, w.neg(r), r), turn);
  const endless = w.le(w.uint(0x7f800000), w.and(bits, w.uint(0x7fffffff)));
  return w.select(endless, w.float(NaN), y);
}

/** 96 bits of 2 / π from bit `exponent - 32` on. */
function windowOf<T>(w: Words<T>, exponent: T): readonly [T, T, T] {
  const word = w.shiftRight(exponent, w.uint(5));
  const shift = w.and(exponent, w.uint(31));
  const at = (offset: number): T =>
    [0, 1, 2, 3, 4].reduceRight(
      (rest, k) => w.select(w.eq(word, w.uint(k)), w.uint(TWO_OVER_PI[k + offset] ?? 0), rest),
      w.uint(0),
    );
  const words = [-1, 0, 1, 2].map(at);
  const aligned = w.eq(shift, w.uint(0));
  const back = w.and(w.sub(w.uint(32), shift), w.uint(31));
  const joined = (k: number): T =>
    w.select(aligned, words[k]!, w.or(w.shiftLeft(words[k]!, shift), w.shiftRight(words[k + 1]!, back)));
  return [joined(0), joined(1), joined(2)];
}

/** High and low word of a product of two words, by halves. */
function fullProduct<T>(w: Words<T>, x: T, y: T): readonly [T, T] {
  const half = w.uint(16);
  const mask = w.uint(0xffff);
  const [xHigh, xLow, yHigh, yLow] = [x, y].flatMap((word) => [w.shiftRight(word, half), w.and(word, mask)]);
  const lows = w.mul(xLow!, yLow!);
  const first = w.add(w.mul(xHigh!, yLow!), w.shiftRight(lows, half));
  const second = w.add(w.mul(xLow!, yHigh!), w.and(first, mask));
  const high = w.add(w.add(w.mul(xHigh!, yHigh!), w.shiftRight(first, half)), w.shiftRight(second, half));
  return [high, w.mul(x, y)];
}

/** The 62 bits below the quarters, as an angle in [-π / 4, π / 4). */
function halfTurns<T>(w: Words<T>, p1: T, p0: T): T {
  const high = w.shiftLeft(p1, w.uint(2));
  const top = w.asInt(w.or(high, w.shiftRight(p0, w.uint(30))));
  const low = w.shiftLeft(p0, w.uint(2));
  const negative = w.lt(top, w.int(0));
  const zero = w.eq(low, w.uint(0));
  // The size of the two's complement number (top, low).
  const lowSize = w.select(negative, w.sub(w.uint(0), low), low);
  const topSize = w.select(negative, w.sub(w.not(top), w.select(zero, w.int(-1), w.int(0))), top);
  const size = w.add(
    w.mul(w.toFloat(topSize), w.float(Math.PI / 2 / 2 ** 32)),
    w.mul(w.toFloat(lowSize), w.float(Math.PI / 2 / 2 ** 64)),
  );
  return w.select(negative, w.neg(size), size);
}
