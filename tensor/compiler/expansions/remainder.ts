/** @file The remainder of floats, exact for all of them. */
import { powerOfTwo } from "./exponential.ts";
import { upper, withSign, type Words } from "./words.ts";

/** Quotients up to here are taken off at once. */
const NEAR = 2 ** 21;

/** x - trunc(x / y) y, with the sign of x. NaN of an infinite x and of a zero y. */
export function modOf<T>(w: Words<T>, x: T, y: T): T {
  const [a, b] = [w.abs(x), w.abs(y)];
  const quotient = w.trunc(w.div(a, b));
  const near = nearRemainder(w, a, b, quotient);
  const any = w.rarely(w.not(w.le(quotient, w.float(NEAR))), w.modFar(a, b), near);
  const r = w.select(w.lt(a, b), a, any);
  const valid = w.and(w.lt(a, w.float(Infinity)), w.lt(w.float(0), b));
  return w.select(valid, withSign(w, r, x), w.float(NaN));
}

/** By exact products of upper and lower halves; the rounded quotient may be one too large or too small. */
function nearRemainder<T>(w: Words<T>, a: T, b: T, quotient: T): T {
  const [qHigh, bHigh] = [upper(w, quotient), upper(w, b)];
  const [qLow, bLow] = [w.sub(quotient, qHigh), w.sub(b, bHigh)];
  const products = [[qHigh, bHigh], [qHigh, bLow], [qLow, bHigh], [qLow, bLow]] as const;
  const r = products.reduce((rest, [q, part]) => w.sub(rest, w.mul(q, part)), a);
  const low = w.select(w.lt(r, w.float(0)), w.add(r, b), r);
  return w.select(w.le(b, low), w.sub(low, b), low);
}

/** Bits by which the remainder moves up at a time: with the 24 of a mantissa they fill a word. */
const STEP = 8;
/** Largest difference of two exponents, of 2^127 and of 2^-149 whose mantissa is 1. */
const MOST = 276;

/** Of positive finite floats, by division of their mantissas: (m 2^d) mod n is m mod n, moved up and reduced bit by bit. */
export function modFarOf<T>(w: Words<T>, a: T, b: T): T {
  const [exponents, mantissas] = [[a, b].map((x) => exponentOf(w, x)), [a, b].map((x) => mantissaOf(w, x))];
  const difference = w.sub(exponents[0]!, exponents[1]!);
  let r = w.mod(mantissas[0]!, mantissas[1]!);
  for (let done = 0; done < MOST; done += STEP) {
    const left = w.sub(difference, w.int(done));
    const some = w.select(w.lt(left, w.int(0)), w.int(0), left);
    const step = w.select(w.lt(some, w.int(STEP)), some, w.int(STEP));
    r = w.mod(w.shiftLeft(r, w.asUint(step)), mantissas[1]!);
  }
  const exponent = w.sub(exponents[1]!, w.int(150));
  const half = w.shiftRight(exponent, w.int(1));
  return w.mul(w.mul(w.toFloat(w.asInt(r)), powerOfTwo(w, half)), powerOfTwo(w, w.sub(exponent, half)));
}

/** The stored exponent, 1 of numbers below the normal range. */
function exponentOf<T>(w: Words<T>, x: T): T {
  const stored = w.shiftRight(w.asInt(x), w.int(23));
  return w.select(w.lt(stored, w.int(1)), w.int(1), stored);
}

/** The whole number that a float is a power of two times. */
function mantissaOf<T>(w: Words<T>, x: T): T {
  const bits = w.asUint(x);
  const fraction = w.and(bits, w.uint(0x7fffff));
  return w.or(fraction, w.select(w.lt(bits, w.uint(0x800000)), w.uint(0), w.uint(0x800000)));
}
