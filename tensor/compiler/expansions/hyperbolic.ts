/** @file e^x - 1, powers of two, hyperbolic functions and their inverses. Polynomials are fits to float64. */
import { EXPONENTIAL, powerOfTwo, scaledExponential, timesPowerOfTwo } from "./exponential.ts";
import { polynomial, withSign, type Words } from "./words.ts";

/** e^x - 1 = 2^n (e^r - 1) + 2^n - 1; beyond 40 the one does not count. */
export function expm1Of<T>(w: Words<T>, x: T): T {
  const bounded = w.greater(w.float(-30), w.lesser(w.float(40), x));
  const whole = w.roundToInt(w.mul(bounded, w.float(Math.LOG2E)));
  const n = w.toFloat(whole);
  const r = w.sub(w.sub(bounded, w.mul(n, w.float(0.693359375))), w.mul(n, w.float(-2.12194440e-4)));
  const p = w.add(w.mul(polynomial(w, r, EXPONENTIAL), w.mul(r, r)), r);
  const power = powerOfTwo(w, whole);
  const y = w.add(w.mul(power, p), w.sub(power, w.float(1)));
  const high = w.select(w.lt(w.float(40), x), w.exp(x), y);
  return w.select(w.eq(x, w.float(0)), x, w.select(w.isNaN(x), x, high));
}

/** 2^x: whole parts are exact. */
export function exp2Of<T>(w: Words<T>, x: T): T {
  const bounded = w.greater(w.float(-151), w.lesser(w.float(129), x));
  const whole = w.roundToInt(bounded);
  const r = w.mul(w.sub(bounded, w.toFloat(whole)), w.float(Math.LN2));
  const scaled = timesPowerOfTwo(w, r, whole);
  const high = w.select(w.le(w.float(128), x), w.float(Infinity), scaled);
  const low = w.select(w.lt(x, w.float(-150)), w.float(0), high);
  return w.select(w.isNaN(x), x, low);
}

/** e^|x| / 2, which overflows only where the hyperbolic functions do. */
function halfExponential<T>(w: Words<T>, a: T): T {
  return scaledExponential(w, a, -1);
}

/** (sinh x / x - 1) / x² in x², up to 1. */
const SINH = [2.80613153e-06, 0.000198381242, 0.00833333959, 0.166666666];

/** The hyperbolic sine. */
export function sinhOf<T>(w: Words<T>, x: T): T {
  const a = w.abs(x);
  const z = w.mul(x, x);
  const near = w.add(x, w.mul(w.mul(polynomial(w, z, SINH), z), x));
  const e = halfExponential(w, a);
  const far = withSign(w, w.sub(e, w.div(w.float(0.25), e)), x);
  return w.select(w.le(a, w.float(1)), near, w.select(w.isNaN(x), x, far));
}

/** The hyperbolic cosine. */
export function coshOf<T>(w: Words<T>, x: T): T {
  const e = halfExponential(w, w.abs(x));
  return w.add(e, w.div(w.float(0.25), e));
}

/** (asinh x / x - 1) / x² in x², up to a half. */
const ASINH = [-0.0142844159, 0.0287815475, -0.0445061865, 0.0749958099, -0.166666646];
/** (atanh x / x - 1) / x² in x², up to a half. */
const ATANH = [0.15731367, 0.0650612749, 0.114671439, 0.142642198, 0.20000466, 0.333333317];
/** From here on one more or less does not count beside the square. */
const LARGE = 4096;

/** ln(|x| + √(x² + 1)), without losing what is small, or the square overflowing. */
export function asinhOf<T>(w: Words<T>, x: T): T {
  const a = w.abs(x);
  const z = w.mul(x, x);
  const one = w.float(1);
  const near = withSign(w, w.add(a, w.mul(w.mul(polynomial(w, z, ASINH), z), a)), x); // -0 + 0 would be 0
  const middle = w.log1p(w.add(a, w.div(z, w.add(one, w.sqrt(w.add(one, z))))));
  const far = w.add(w.log(a), w.float(Math.LN2));
  const y = withSign(w, w.select(w.lt(w.float(LARGE), a), far, middle), x);
  return w.select(w.lt(a, w.float(0.5)), near, w.select(w.isNaN(x), x, y));
}

/** ln(x + √(x² - 1)); NaN below 1. */
export function acoshOf<T>(w: Words<T>, x: T): T {
  const t = w.sub(x, w.float(1));
  const near = w.log1p(w.add(t, w.sqrt(w.mul(t, w.add(t, w.float(2))))));
  const y = w.select(w.lt(w.float(LARGE), x), w.add(w.log(x), w.float(Math.LN2)), near);
  return w.select(w.le(w.float(1), x), y, w.float(NaN));
}

/** ln((1 + x) / (1 - x)) / 2: ±Infinity at ±1, NaN beyond. */
export function atanhOf<T>(w: Words<T>, x: T): T {
  const a = w.abs(x);
  const z = w.mul(x, x);
  const near = w.add(x, w.mul(w.mul(polynomial(w, z, ATANH), z), x));
  const ratio = w.div(w.add(a, a), w.sub(w.float(1), a));
  const far = withSign(w, w.mul(w.float(0.5), w.log1p(ratio)), x);
  const y = w.select(w.eq(a, w.float(1)), withSign(w, w.float(Infinity), x), far);
  return w.select(w.lt(a, w.float(0.5)), near, w.select(w.le(a, w.float(1)), y, w.float(NaN)));
}
