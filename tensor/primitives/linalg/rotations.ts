/** @file Jacobi's rotations: pairs of columns that meet in rounds, and the angle that makes two of them independent. */
import type { LoopWords, Real, Statement, Whole } from "../../compiler/kernel_loops.ts";

/** Rounds of all pairs: quadratic convergence makes ten enough for every size that float32 serves. */
export const SWEEPS = 10;

/** How pairs of `n` columns meet: in each of `rounds` every column once, in `pairs` pairs. */
export function tournament(n: number): { readonly players: number; readonly pairs: number; readonly rounds: number } {
  const players = n + n % 2;
  return { players, pairs: players / 2, rounds: players - 1 };
}

/** Names the pair `at` of a round, the lower column first; nothing is done with a column that is not there. */
export function withPair(
  w: LoopWords,
  n: number,
  at: Whole,
  round: Whole,
  use: (low: Whole, high: Whole) => Statement,
): Statement {
  const { players, rounds } = tournament(n);
  if (rounds === 1) return w.when(w.below(players - 1, n), use(0, 1));
  const one = w.choose(w.same(at, 0), players - 1, w.rest(w.plus(round, at), rounds));
  const other = w.rest(w.plus(w.minus(round, at), rounds), rounds);
  return w.letWhole(
    one,
    (a) =>
      w.letWhole(
        other,
        (b) =>
          w.letWhole(w.choose(w.below(a, b), a, b), (low) =>
            w.letWhole(w.choose(w.below(a, b), b, a), (high) => w.when(w.below(high, n), use(low, high)))),
      ),
  );
}

/** Cosine and sine of the rotation of two columns with squares `alpha`, `beta` and product `gamma`. */
export function withRotation(
  w: LoopWords,
  [alpha, beta, gamma]: readonly [Real, Real, Real],
  use: (c: Real, s: Real) => Statement,
): Statement {
  const none = w.equal(gamma, 0);
  const tau = w.div(w.sub(beta, alpha), w.select(none, 1, w.mul(2, gamma)));
  return w.letReal(tau, (tau) => {
    const size = w.div(1, w.add(w.abs(tau), w.sqrt(w.add(1, w.mul(tau, tau)))));
    return w.letReal(
      w.select(none, 0, w.select(w.less(tau, 0), w.neg(size), size)),
      (t) => w.letReal(w.div(1, w.sqrt(w.add(1, w.mul(t, t)))), (c) => w.letReal(w.mul(c, t), (s) => use(c, s))),
    );
  });
}

/** The same in float64. */
export function rotationOf(alpha: number, beta: number, gamma: number): readonly [c: number, s: number] {
  if (gamma === 0) return [1, 0];
  const tau = (beta - alpha) / (2 * gamma);
  const t = (tau < 0 ? -1 : 1) / (Math.abs(tau) + Math.hypot(1, tau));
  const c = 1 / Math.hypot(1, t);
  return [c, c * t];
}

/** Turns columns `p` and `q` of a float64 matrix with rows of `n`. */
export function turnColumns(x: Float64Array, n: number, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i * n < x.length; i++) {
    const [a, b] = [x[i * n + p]!, x[i * n + q]!];
    x[i * n + p] = c * a - s * b;
    x[i * n + q] = s * a + c * b;
  }
}
