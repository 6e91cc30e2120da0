/** @file Reflections that make matrices upper triangular, as loops and in float64. */
import {
  type LoopStage,
  type LoopWords,
  once,
  type Real,
  shareOf,
  type Statement,
  type Whole,
} from "../../compiler/kernel_loops.ts";

/**
 * Makes columns of a matrix `[m, n]` in the scratch zero below the diagonal: afterwards each column holds the vector of its
 * reflection from the diagonal on, and what is left above.
 *
 * @param sizes Rows and columns, not more columns than rows.
 * @param onDiagonal Keeps the diagonal element of column `k`, whose place the vector takes.
 * @returns The stage.
 */
export function reflectColumns(
  [m, n]: readonly [number, number],
  onDiagonal: (w: LoopWords, k: Whole, value: Real) => Statement,
): LoopStage {
  const rounds = 2 * m + 1 + shareOf(n, n) * (2 * m + 1);
  return { times: n, rounds, body: (w, k) => reflect(w, [m, n], k, onDiagonal) };
}

function reflect(
  w: LoopWords,
  [m, n]: readonly [number, number],
  k: Whole,
  onDiagonal: (w: LoopWords, k: Whole, value: Real) => Statement,
): Statement {
  const at = (i: Whole, j: Whole) => w.plus(w.times(i, n), j);
  const s = (i: Whole, j: Whole) => w.load("scratch", at(i, j));
  const column = w.sum(
    k,
    m,
    (i) => w.mul(s(i, k), s(i, k)),
    (square) =>
      w.letReal(
        s(k, k),
        (first) =>
          w.letReal(w.sqrt(square), (norm) =>
            w.letReal(w.select(w.less(first, 0), norm, w.neg(norm)), (diagonal) =>
              w.each(1, () =>
                w.block(
                  w.store("scratch", at(k, k), w.sub(first, diagonal)),
                  onDiagonal(w, k, diagonal),
                )))),
      ),
  );
  const others = w.sum(k, m, (i) => w.mul(s(i, k), s(i, k)), (square) =>
    w.each(n, (j) =>
      w.when(
        w.below(k, j),
        w.sum(k, m, (i) => w.mul(s(i, k), s(i, j)), (dot) =>
          w.letReal(scale(w, dot, square), (factor) =>
            w.loop(k, m, (i) =>
              w.store("scratch", at(i, j), w.sub(s(i, j), w.mul(factor, s(i, k))))))),
      )));
  return w.block(column, others);
}

/** Twice the share of a vector in another; a vector of nothing has none. */
function scale(w: LoopWords, dot: Real, square: Real): Real {
  return w.select(w.equal(square, 0), 0, w.div(w.mul(2, dot), square));
}

/** Applies the reflections in the scratch to the first columns of the identity: an orthonormal `[m, n]`, first in the output. */
export function writeOrthonormal([m, n]: readonly [number, number]): readonly LoopStage[] {
  const at = (w: LoopWords, i: Whole, j: Whole) => w.plus(w.times(i, n), j);
  const identity = once(
    shareOf(m * n, n),
    (w) => w.each(m * n, (t) => w.store("output", t, w.select(w.same(w.quotient(t, n), w.rest(t, n)), 1, 0))),
  );
  const body = (w: LoopWords, step: Whole) => {
    const s = (i: Whole, j: Whole) => w.load("scratch", at(w, i, j));
    const y = (i: Whole, j: Whole) => w.load("output", at(w, i, j));
    return w.letWhole(
      w.minus(n - 1, step),
      (k) =>
        w.sum(
          k,
          m,
          (i) => w.mul(s(i, k), s(i, k)),
          (square) =>
            w.each(n, (j) =>
              w.sum(k, m, (i) =>
                w.mul(s(i, k), y(i, j)), (dot) =>
                w.letReal(scale(w, dot, square), (factor) =>
                  w.loop(k, m, (i) =>
                    w.store("output", at(w, i, j), w.sub(y(i, j), w.mul(factor, s(i, k)))))))),
        ),
    );
  };
  return [identity, { times: n, rounds: m + shareOf(n, n) * (2 * m + 1), body }];
}

/** The same in float64: an orthonormal `q [m, n]` and an upper triangular `r [n, n]` whose product is the matrix. */
export function orthonormalOf(
  matrix: Float64Array,
  [m, n]: readonly [number, number],
): { readonly q: Float64Array; readonly r: Float64Array } {
  const work = Float64Array.from(matrix);
  const [q, r] = [new Float64Array(m * n), new Float64Array(n * n)];
  const vectors: Float64Array[] = [];
  const reflect = (v: Float64Array, x: Float64Array, j: number) => {
    const square = v.reduce((sum, value) => sum + value * value, 0);
    const dot = v.reduce((sum, value, i) => sum + value * x[i * n + j]!, 0);
    if (square > 0) v.forEach((value, i) => x[i * n + j]! -= 2 * dot / square * value);
  };
  for (let k = 0; k < n; k++) {
    const v = Float64Array.from({ length: m }, (_, i) => i < k ? 0 : work[i * n + k]!);
    const norm = Math.hypot(...v);
    v[k]! -= v[k]! < 0 ? norm : -norm;
    vectors.push(v);
    for (let j = k; j < n; j++) reflect(v, work, j);
  }
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) r[i * n + j] = work[i * n + j]!;
  for (let j = 0; j < n; j++) {
    q[j * n + j] = 1;
    vectors.toReversed().forEach((v) => reflect(v, q, j));
  }
  return { q, r };
}
