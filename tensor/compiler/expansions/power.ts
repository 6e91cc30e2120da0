/** @file Powers of floats and of integers. */
import { timesPowerOfTwo } from "./exponential.ts";
import { polynomial, upper, withSign, type Words } from "./words.ts";

/** 2 / (13 ln 2) … 2 / (3 ln 2): the logarithm to base 2 of (1 + s) / (1 - s), in s², above its first term. */
const LOGARITHM = [13, 11, 9, 7, 5, 3].map((n) => 2 / n / Math.LN2);
/** 2 / ln 2, its upper twelve bits and the rest. */
const SCALE = { high: 2.884765625, low: 2 / Math.LN2 - 2.884765625 } as const;
/** Bits of √½. */
const ROOT = 0x3f3504f3;

/**
 * log2 of a positive number in two parts, of which the first has twelve bits. With x = 2^e m and s = (m - 1) / (m + 1) it is
 * e + 2 / ln 2 (s + s³ / 3 + …); what a product cannot hold is kept by taking upper halves, whose products are exact.
 */
function logarithm<T>(w: Words<T>, x: T): readonly [T, T] {
  const tiny = w.lt(x, w.float(1.17549435e-38));
  const bits = w.asInt(w.select(tiny, w.mul(x, w.float(8388608)), x));
  const exponent = w.shiftRight(w.sub(bits, w.int(ROOT)), w.int(23));
  const m = w.asFloat(w.sub(bits, w.shiftLeft(exponent, w.int(23))));
  const e = w.sub(w.toFloat(exponent), w.select(tiny, w.float(23), w.float(0)));
  const one = w.float(1);
  const [above, below] = [w.sub(m, one), w.add(m, one)];
  const belowHigh = upper(w, below);
  const belowLow = w.sub(m, w.sub(belowHigh, one));
  const s = w.div(above, below);
  const high = upper(w, s);
  const low = w.div(w.sub(w.sub(above, w.mul(high, belowHigh)), w.mul(high, belowLow)), below);
  const s2 = w.mul(s, s);
  const first = w.mul(high, w.float(SCALE.high));
  const tail = w.mul(w.mul(s2, s), polynomial(w, s2, LOGARITHM));
  const rest = w.add(w.add(w.mul(low, w.float(SCALE.high)), w.mul(s, w.float(SCALE.low))), tail);
  const sum = upper(w, w.add(e, w.add(first, rest)));
  return [sum, w.sub(rest, w.sub(w.sub(sum, e), first))];
}

/** x^y for x above 0: 2^(y log2 x). Beyond 2^33 every power but of 1 has left the range of float32. */
function positivePower<T>(w: Words<T>, x: T, y: T): T {
  const [high, low] = logarithm(w, x);
  const bounded = w.greater(w.lesser(y, w.float(2 ** 33)), w.float(-(2 ** 33)));
  const yHigh = upper(w, bounded);
  const first = w.mul(yHigh, high);
  const rest = w.add(w.mul(w.sub(bounded, yHigh), high), w.mul(bounded, low));
  const power = w.add(first, rest);
  const whole = w.roundToInt(w.greater(w.lesser(power, w.float(200)), w.float(-200)));
  const r = w.mul(w.add(w.sub(first, w.toFloat(whole)), rest), w.float(Math.LN2));
  const scaled = timesPowerOfTwo(w, r, whole);
  const large = w.select(w.lt(w.float(129), power), w.float(Infinity), scaled);
  return w.select(w.lt(power, w.float(-151)), w.float(0), large);
}

/** As C and NumPy have it: 1 for y = 0 and for x = 1, whatever the other; NaN of a negative x unless y is whole. */
export function powOf<T>(w: Words<T>, x: T, y: T): T {
  const [zero, one, infinity] = [w.float(0), w.float(1), w.float(Infinity)];
  const size = w.abs(x);
  const none = w.eq(size, zero);
  const ends = w.select(w.xor(none, w.lt(zero, y)), infinity, zero);
  const positive = w.select(w.or(none, w.eq(size, infinity)), ends, positivePower(w, size, y));
  const whole = w.eq(w.trunc(y), y);
  const half = w.mul(y, w.float(0.5));
  const odd = w.and(whole, w.not(w.eq(w.trunc(half), half)));
  const signed = w.select(odd, withSign(w, positive, x), positive);
  const broken = w.and(w.and(w.lt(x, zero), w.lt(size, infinity)), w.not(whole));
  const unknown = w.or(w.isNaN(x), w.isNaN(y));
  const known = w.select(w.or(broken, unknown), w.float(NaN), signed);
  return w.select(w.or(w.eq(y, zero), w.eq(x, one)), one, known);
}

/** x^y of uint32, modulo 2^32. */
export function uintPowOf<T>(w: Words<T>, x: T, y: T): T {
  let [product, square] = [w.uint(1), x];
  const multiply = (bit: number) => {
    const taken = w.eq(w.and(y, w.uint(2 ** bit)), w.uint(0));
    product = w.select(taken, product, w.mul(product, square));
    square = w.mul(square, square);
  };
  for (let bit = 0; bit < 4; bit++) multiply(bit);
  const small = product;
  for (let bit = 4; bit < 32; bit++) multiply(bit);
  return w.rarely(w.lt(w.uint(15), y), product, small);
}

/** x^y of int32, modulo 2^32; for negative y what truncation leaves of 1 / x^-y, and 0 of 1 / 0. */
export function intPowOf<T>(w: Words<T>, x: T, y: T): T {
  const power = w.asInt(uintPowOf(w, w.asUint(x), w.asUint(y)));
  const odd = w.eq(w.and(y, w.int(1)), w.int(1));
  const [zero, one, minus] = [w.int(0), w.int(1), w.int(-1)];
  const unit = w.select(w.eq(x, one), one, w.select(w.eq(x, minus), w.select(odd, minus, one), zero));
  return w.select(w.lt(y, zero), unit, power);
}
