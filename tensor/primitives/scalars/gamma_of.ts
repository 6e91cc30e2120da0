/** @file The gamma function's logarithm and its derivatives in float64, by sums and asymptotic series. */

/** B2, B4, … B14: Bernoulli's numbers. */
const BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6];

/** Σ (a + j)^-s over j from 0 on, for s above 1 and a above 0: the first terms, the rest by Euler and Maclaurin. */
function hurwitz(s: number, a: number): number {
  let [sum, at] = [0, a];
  for (; at < 16; at++) sum += at ** -s;
  sum += at ** (1 - s) / (s - 1) + at ** -s / 2;
  let factor = s * at ** (-s - 1);
  BERNOULLI.forEach((b, i) => {
    const k = i + 1;
    sum += b * factor / factorial(2 * k);
    factor *= (s + 2 * k - 1) * (s + 2 * k) / (at * at);
  });
  return sum;
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}

/** ζ(k) - 1 over k, by which ln Γ(2 + z) is a series. */
const COEFFICIENTS = Array.from({ length: 60 }, (_, i) => hurwitz(i + 2, 2) / (i + 2));
/** Euler's constant. */
const EULER = 0.5772156649015329;

/** ln Γ(2 + z) for z up to a half. */
function nearTwo(z: number): number {
  return COEFFICIENTS.reduce((sum, c, i) => sum + c * (-z) ** (i + 2), (1 - EULER) * z);
}

/** x less the nearest whole number. */
function fraction(x: number): number {
  return x - Math.round(x);
}

/** ln |Γ(x)| in float64. */
export function lgammaOf(x: number): number {
  if (x === -Infinity || (x <= 0 && Number.isInteger(x))) return Infinity;
  if (x < 0) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * fraction(x)))) - lgammaOf(1 - x);
  if (x < 0.5) return lgammaOf(1 + x) - Math.log(x);
  if (x < 1.5) return nearTwo(x - 1) - Math.log1p(x - 1);
  if (x < 2.5) return nearTwo(x - 2);
  let [y, product] = [x, 1];
  for (; y < 16; y++) product *= y;
  if (!Number.isFinite(y)) return y;
  const series = BERNOULLI.reduce((sum, b, i) => sum + b / ((2 * i + 2) * (2 * i + 1) * y ** (2 * i + 1)), 0);
  return (y - 0.5) * (Math.log(y) - 1) - 0.5 + Math.log(2 * Math.PI) / 2 + series - Math.log(product);
}

/** The derivative of ln Γ in float64. */
export function digammaOf(x: number): number {
  if (x === 0) return -1 / x;
  if (x === -Infinity || (x < 0 && Number.isInteger(x))) return NaN;
  if (x < 0) return digammaOf(1 - x) - Math.PI / Math.tan(Math.PI * fraction(x));
  let [y, sum] = [x, 0];
  for (; y < 16; y++) sum -= 1 / y;
  if (!Number.isFinite(y)) return y;
  return BERNOULLI.reduce((all, b, i) => all - b / ((2 * i + 2) * y ** (2 * i + 2)), sum + Math.log(y) - 0.5 / y);
}

/** The derivative of order `n` of digamma, for numbers above 0. */
export function polygammaOf(n: number, x: number): number {
  if (x === 0) return n % 2 === 1 ? Infinity : -Infinity;
  return x > 0 ? (-1) ** (n + 1) * factorial(n) * (x === Infinity ? 0 : hurwitz(n + 1, x)) : NaN;
}
