/** @file The logarithm of the gamma function and its derivative. Polynomials are fits to float64. */
import { polynomial, type Words } from "./words.ts";

/** lgamma(1 + z) / z for z in [-½, ½]. */
const NEAR_ONE = [
  ...[0.149935637, -0.181442027, 0.0856673873, -0.0827406407, 0.126046759, -0.147912265],
  ...[0.169681077, -0.207158062, 0.270570212, -0.400690403, 0.822467207, -0.577215649],
];
/** lgamma(2 + z) / z for z in [-½, 1]. */
const NEAR_TWO = [
  ...[4.83927763e-05, -0.000218408276, 0.000540575519, -0.00120573828, 0.00288483164],
  ...[-0.0073825551, 0.0205812252, -0.0673524993, 0.322467022, 0.422784337],
];
/** Half of ln 2π, less a half. */
const STIRLING = 0.5 * Math.log(2 * Math.PI) - 0.5;

/** lgamma of numbers from ½ on. */
function positiveLgamma<T>(w: Words<T>, x: T): T {
  const [one, two] = [w.float(1), w.float(2)];
  // Down to [2, 3) by factors, up to 8.
  let [y, product] = [x, one];
  for (let step = 0; step < 5; step++) {
    const isLarge = w.le(w.float(3), y);
    y = w.select(isLarge, w.sub(y, one), y);
    product = w.select(isLarge, w.mul(product, y), product);
  }
  const [z1, z2] = [w.sub(x, one), w.sub(y, two)];
  const small = w.mul(z1, polynomial(w, z1, NEAR_ONE));
  const middle = w.add(w.log(product), w.mul(z2, polynomial(w, z2, NEAR_TWO)));
  const r = w.div(one, x);
  const series = w.mul(r, polynomial(w, w.mul(r, r), [1 / 1260, -1 / 360, 1 / 12]));
  const large = w.add(w.mul(w.sub(x, w.float(0.5)), w.sub(w.log(x), one)), w.add(series, w.float(STIRLING)));
  const upTo8 = w.select(w.lt(x, w.float(1.5)), small, middle);
  return w.select(w.lt(x, w.float(8)), upTo8, w.select(w.eq(x, w.float(Infinity)), x, large));
}

/** x less the nearest whole number. */
function fraction<T>(w: Words<T>, x: T): T {
  return w.sub(x, w.round(x));
}

/** ln |Γ(x)|: Infinity at 0 and at negative whole numbers; below zero by reflection. */
export function lgammaOf<T>(w: Words<T>, x: T): T {
  const [zero, half, one] = [w.float(0), w.float(0.5), w.float(1)];
  const isSmall = w.lt(x, half);
  const below = w.lt(x, zero);
  const argument = w.select(isSmall, w.select(below, w.sub(one, x), w.add(one, x)), x);
  const y = positiveLgamma(w, argument);
  const sine = w.abs(w.sin(w.mul(w.float(Math.PI), fraction(w, x))));
  const reflected = w.sub(w.neg(w.log(w.mul(sine, w.float(1 / Math.PI)))), y);
  const small = w.select(below, reflected, w.sub(y, w.log(x)));
  const finite = w.select(isSmall, small, y);
  const endless = w.or(w.eq(w.abs(x), w.float(Infinity)), w.and(w.le(x, zero), w.eq(fraction(w, x), zero)));
  return w.select(endless, w.float(Infinity), w.select(w.isNaN(x), x, finite));
}

/** The zero of digamma, rounded, and what is missing. */
const ROOT = 1.4616321325302124;
const ROOT_REST = 1.2438149843418955e-08;
/** digamma(root + z) / z on [1, 2]. */
const NEAR_ROOT = [
  ...[-0.0157447545, 0.0293337553, -0.0343084199, 0.0474554405, -0.0719428002],
  ...[0.107932398, -0.163959992, 0.258496709, -0.442762877, 0.967672259],
];

/** digamma of numbers above 0. */
function positiveDigamma<T>(w: Words<T>, x: T): T {
  const one = w.float(1);
  let [y, sum] = [x, w.float(0)];
  for (let step = 0; step < 6; step++) {
    const isLarge = w.le(w.float(2), y);
    y = w.select(isLarge, w.sub(y, one), y);
    sum = w.select(isLarge, w.add(sum, w.div(one, y)), sum);
  }
  const isSmall = w.lt(x, one);
  const z = w.sub(w.sub(w.select(isSmall, w.add(x, one), y), w.float(ROOT)), w.float(ROOT_REST));
  const centre = w.mul(z, polynomial(w, z, NEAR_ROOT));
  const upTo8 = w.select(isSmall, w.sub(centre, w.div(one, x)), w.add(centre, sum));
  const r = w.div(one, x);
  const r2 = w.mul(r, r);
  const series = w.mul(r2, polynomial(w, r2, [1 / 252, -1 / 120, 1 / 12]));
  const large = w.sub(w.log(x), w.add(w.mul(w.float(0.5), r), series));
  return w.select(w.lt(x, w.float(8)), upTo8, w.select(w.eq(x, w.float(Infinity)), x, large));
}

/** The derivative of ln Γ: ∓Infinity at ±0, NaN at negative whole numbers; below zero by reflection. */
export function digammaOf<T>(w: Words<T>, x: T): T {
  const [zero, one] = [w.float(0), w.float(1)];
  const below = w.lt(x, zero);
  const y = positiveDigamma(w, w.select(below, w.sub(one, x), x));
  const angle = w.mul(w.float(Math.PI), fraction(w, x));
  const finite = w.select(below, w.sub(y, w.div(w.float(Math.PI), w.tan(angle))), y);
  const pole = w.select(w.lt(w.asInt(x), w.int(0)), w.float(Infinity), w.float(-Infinity));
  const whole = w.and(below, w.eq(fraction(w, x), zero));
  const known = w.select(w.eq(x, zero), pole, w.select(whole, w.float(NaN), finite));
  return w.select(w.or(w.isNaN(x), w.eq(x, w.float(-Infinity))), w.float(NaN), known);
}
