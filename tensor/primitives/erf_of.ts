/** erf in float64 by its Taylor series near zero and the continued fraction of erfc beyond (Abramowitz, Stegun 7.1.5, 7.1.14). */
export function erfOf(x: number): number {
  const z = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let term = x;
    let total = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total) && n < 200; n++) {
      term *= -x * x / n;
      total += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * total;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction)));
}

/** The inverse of erf in float64, by halving the interval that it lies in; near zero erf is a line. */
export function erfinvOf(x: number): number {
  if (!(Math.abs(x) < 1)) return Math.abs(x) === 1 ? x * Infinity : NaN;
  if (Math.abs(x) < 1e-8) return Math.sqrt(Math.PI) / 2 * x;
  let [low, high] = [0, 6];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (erfOf(middle) < Math.abs(x)) low = middle;
    else high = middle;
  }
  return Math.sign(x) * (low + high) / 2;
}
