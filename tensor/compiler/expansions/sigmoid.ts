/** @file Functions between two bounds: tanh and the logistic function. */
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
