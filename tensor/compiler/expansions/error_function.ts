/** @file The error function. */
import { polynomial, withSign, type Words } from "./words.ts";

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
