/** @file The tangent, and angles from sides. Polynomials are fits to float64. */
import { polynomial, withSign, type Words } from "./words.ts";
import { sinCos } from "./wave.ts";

/** The tangent by sine and cosine of the same reduced angle. */
export function tanOf<T>(w: Words<T>, x: T): T {
  const [sine, cosine] = sinCos(w, x);
  const near = w.select(w.eq(x, w.float(0)), x, w.div(sine, cosine));
  return w.rarely(w.not(w.le(w.abs(x), w.float(NEAR))), w.div(w.sinFar(x), w.cosFar(x)), near);
}

/** Beyond, the reduction by parts would lose digits close to the poles. */
const NEAR = 64;

/** (asin x / x - 1) / x² in x², up to a half. */
const ARCSINE = [0.0336848296, 0.0171529998, 0.0310998399, 0.044599475, 0.0750009431, 0.166666663];
/** π / 2 rounded, and what is missing. */
const HALF_PI = Math.fround(Math.PI / 2);
const HALF_PI_REST = Math.PI / 2 - HALF_PI;

/** asin of the smaller of |x| and √((1 - |x|) / 2), and whether it is the latter. */
function arcsine<T>(w: Words<T>, a: T): readonly [angle: T, isFar: T] {
  const isFar = w.lt(w.float(0.5), a);
  const half = w.mul(w.float(0.5), w.sub(w.float(1), a));
  const z = w.select(isFar, half, w.mul(a, a));
  const s = w.select(isFar, w.sqrt(half), a);
  return [w.add(s, w.mul(w.mul(polynomial(w, z, ARCSINE), z), s)), isFar];
}

/** π / 2 - 2 t, the constant in two parts. */
function complement<T>(w: Words<T>, t: T): T {
  return w.sub(w.float(HALF_PI), w.sub(w.add(t, t), w.float(HALF_PI_REST)));
}

/** The arc sine; NaN beyond ±1. */
export function asinOf<T>(w: Words<T>, x: T): T {
  const [angle, isFar] = arcsine(w, w.abs(x));
  return withSignOrNaN(w, w.select(isFar, complement(w, angle), angle), x);
}

/** With the sign of x; a NaN stays one. */
function withSignOrNaN<T>(w: Words<T>, y: T, x: T): T {
  return w.select(w.le(w.abs(x), w.float(1)), withSign(w, y, x), w.float(NaN));
}

/** The arc cosine; NaN beyond ±1. */
export function acosOf<T>(w: Words<T>, x: T): T {
  const [angle, isFar] = arcsine(w, w.abs(x));
  const twice = w.add(angle, angle);
  const below = w.lt(x, w.float(0));
  const signed = w.select(below, w.neg(angle), angle);
  const near = w.sub(w.float(HALF_PI), w.sub(signed, w.float(HALF_PI_REST)));
  const away = w.sub(w.float(2 * HALF_PI), w.sub(twice, w.float(2 * HALF_PI_REST)));
  const far = w.select(below, away, twice);
  return w.select(w.le(w.abs(x), w.float(1)), w.select(isFar, far, near), w.float(NaN));
}

/** (atan x / x - 1) / x² in x², up to tan(π / 8). */
const ARCTANGENT = [0.0504553627, -0.0862356766, 0.110711995, -0.142841411, 0.19999977, -0.333333333];

/** atan of a number in [0, 1]: beyond tan(π / 8) it is π / 4 and atan((t - 1) / (t + 1)). */
function unitAngle<T>(w: Words<T>, t: T): T {
  const isFar = w.lt(w.float(Math.SQRT2 - 1), t);
  const s = w.select(isFar, w.div(w.sub(t, w.float(1)), w.add(t, w.float(1))), t);
  const z = w.mul(s, s);
  const angle = w.add(s, w.mul(w.mul(polynomial(w, z, ARCTANGENT), z), s));
  const quarter = w.add(w.float(HALF_PI / 2), w.add(angle, w.float(HALF_PI_REST / 2)));
  return w.select(isFar, quarter, angle);
}

/** The arc tangent. */
export function atanOf<T>(w: Words<T>, x: T): T {
  const a = w.abs(x);
  const one = w.float(1);
  const isSteep = w.lt(one, a);
  const angle = unitAngle(w, w.select(isSteep, w.div(one, a), a));
  const steep = w.sub(w.float(HALF_PI), w.sub(angle, w.float(HALF_PI_REST)));
  return w.select(w.isNaN(x), x, withSign(w, w.select(isSteep, steep, angle), x));
}

/** The angle of the point (x, y), which are called y and x here: of zeros and infinities as C and NumPy have it. */
export function atan2Of<T>(w: Words<T>, y: T, x: T): T {
  const [a, b] = [w.abs(y), w.abs(x)];
  const [zero, one] = [w.float(0), w.float(1)];
  const isSteep = w.lt(b, a);
  const [least, most] = [w.select(isSteep, b, a), w.select(isSteep, a, b)];
  const ratio = w.select(w.eq(a, b), w.select(w.eq(a, zero), zero, one), w.div(least, most));
  const angle = unitAngle(w, ratio);
  const steep = w.sub(w.float(HALF_PI), w.sub(angle, w.float(HALF_PI_REST)));
  const first = w.select(isSteep, steep, angle);
  const back = w.sub(w.float(2 * HALF_PI), w.sub(first, w.float(2 * HALF_PI_REST)));
  const behind = w.lt(w.asInt(x), w.int(0)); // -0 too
  const unknown = w.or(w.isNaN(x), w.isNaN(y));
  return w.select(unknown, w.float(NaN), withSign(w, w.select(behind, back, first), y));
}
