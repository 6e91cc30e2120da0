/** @file Functions that end at bounds: tanh, the logistic function, erf. */
import { polynomial, withSign, type Words } from "./words.ts";

const TANH = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1];

/** A polynomial of Cephes below 0.625, beyond it 1 - 2 / (e^2|x| + 1). */
export function tanhOf<T>(w: Words<T>, x: T): T {
  const a = w.abs(x);
  const z = w.mul(x, x);
  const near = w.add(x, w.mul(w.mul(polynomial(w, z, TANH), z), x));
  const one = w.float(1);
  const far = w.sub(one, w.div(w.float(2), w.add(w.exp(w.add(a, a)), one)));
  return withSign(w, w.select(w.lt(a, w.float(0.625)), near, far), x); // -0 is its own tanh
}

/** e^-|x| never overflows; the other side is its complement. */
export function sigmoidOf<T>(w: Words<T>, x: T): T {
  const e = w.exp(w.neg(w.abs(x)));
  const p = w.div(w.float(1), w.add(w.float(1), e));
  return w.select(w.lt(x, w.float(0)), w.mul(e, p), p);
}

/** erf(x) / x as a quotient of polynomials in x², highest first: those of Eigen and XLA. */
const ERF_NUMERATOR = [
  ...[-2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5],
  ...[-7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2],
];
const ERF_DENOMINATOR = [
  ...[-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3],
  -1.42647390514189e-2,
];

/** Kept within [-1, 1], from which the quotient strays by a unit in the last place; beyond 3.92 it is ±1. */
export function erfOf<T>(w: Words<T>, x: T): T {
  const z = w.mul(x, x);
  const quotient = w.div(polynomial(w, z, ERF_NUMERATOR), polynomial(w, z, ERF_DENOMINATOR));
  const one = w.float(1);
  const y = w.greater(w.lesser(w.mul(x, quotient), one), w.float(-1));
  return w.select(w.lt(w.float(3.92 * 3.92), z), withSign(w, one, x), y);
}
