/** @file The error function and its inverse. */
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

/** Of w = -ln(1 - x²) - 2.5 up to 2.5: Giles, "Approximating the erfinv function" (GPU Computing Gems, 2011). */
const CENTRE = [
  ...[2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087],
  ...[-0.00125372503, -0.00417768164, 0.246640727, 1.50140941],
];
/** Of √w - 3 beyond. */
const TAIL = [
  ...[-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773],
  ...[-0.0076224613, 0.00943887047, 1.00167406, 2.83297682],
];

/** The inverse of erf: ±Infinity at ±1, NaN beyond. */
export function erfinvOf<T>(w: Words<T>, x: T): T {
  const one = w.float(1);
  const logarithm = w.neg(w.log(w.mul(w.sub(one, x), w.add(one, x))));
  const centre = polynomial(w, w.sub(logarithm, w.float(2.5)), CENTRE);
  const tail = polynomial(w, w.sub(w.sqrt(logarithm), w.float(3)), TAIL);
  const y = w.mul(w.select(w.lt(logarithm, w.float(5)), centre, tail), x);
  return w.select(w.eq(w.abs(x), one), withSign(w, w.float(Infinity), x), y);
}
