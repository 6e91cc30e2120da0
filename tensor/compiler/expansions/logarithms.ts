/** @file Logarithms to other bases, and of one more than a number. */
import { logarithmOf, reducedLogarithm } from "./exponential.ts";
import type { Words } from "./words.ts";

/** ln(1 + x): near zero the polynomial of the logarithm takes x as it is; elsewhere the sum loses little. */
export function log1pOf<T>(w: Words<T>, x: T): T {
  const near = logarithmOf(w, x, w.float(0));
  const far = w.log(w.add(x, w.float(1)));
  const isNear = w.and(w.lt(w.float(Math.SQRT1_2 - 1), x), w.lt(x, w.float(Math.SQRT2 - 1)));
  return w.select(w.eq(x, w.float(0)), x, w.select(isNear, near, far)); // -0 is its own
}

/** 1 / ln 2 less 1, so that the larger part of the product is exact. */
const LOG2E_REST = Math.LOG2E - 1;

/** log2 of 2^e (1 + m) is e + m-th part: whole for powers of two. */
export function log2Of<T>(w: Words<T>, x: T): T {
  const { e, m, ends } = reducedLogarithm(w, x);
  const natural = logarithmOf(w, m, w.float(0));
  return ends(w.add(e, w.add(natural, w.mul(natural, w.float(LOG2E_REST)))));
}

/** log10 2 in two parts, of which the first has so few bits that its products with exponents are exact. */
const LOG10_2_HIGH = 0.30078125;
const LOG10_2_LOW = Math.LOG10E * Math.LN2 - LOG10_2_HIGH;

/** log10 of 2^e (1 + m). */
export function log10Of<T>(w: Words<T>, x: T): T {
  const { e, m, ends } = reducedLogarithm(w, x);
  const fraction = w.mul(logarithmOf(w, m, w.float(0)), w.float(Math.LOG10E));
  return ends(w.add(w.add(fraction, w.mul(e, w.float(LOG10_2_LOW))), w.mul(e, w.float(LOG10_2_HIGH))));
}
