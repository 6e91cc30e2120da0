import { matrixLoops } from "../../kernels/matrix_loops.ts";
import {
  type LoopWords,
  type LoopWriter,
  once,
  shareOf,
  type Statement,
  type Whole,
} from "../../compiler/kernel_loops.ts";
import { ShapeError } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { sizeOf } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { add, mul, square, sub } from "../arithmetic.ts";
import { equal } from "../comparison.ts";
import { div } from "../division.ts";
import { reshape } from "../layout.ts";
import { where } from "../where.ts";
import { inverseGaps } from "./eigh.ts";
import { orthonormalOf, reflectColumns, writeOrthonormal } from "./householder.ts";
import {
  batchOf,
  eachMatrix,
  identityLike,
  matrixSizes,
  moreMatrices,
  rowsBetween,
  times,
  transposed,
} from "./matrices.ts";
import { rotationOf, SWEEPS, tournament, turnColumns, withPair, withRotation } from "./rotations.ts";

/** Turns all pairs of columns of a round until they are at right angles (Hestenes, 1958); V turns with them. */
function round(w: LoopWords, [m, n]: readonly [number, number], number: Whole): Statement {
  const x = (i: Whole, j: Whole) => w.load("scratch", w.plus(w.times(i, n), j));
  const turn = (rows: number, from: number, low: Whole, high: Whole, [c, s]: readonly Parameters<typeof w.neg>[0][]) =>
    w.loop(
      0,
      rows,
      (i) =>
        w.letWhole(
          w.plus(w.plus(w.times(i, n), low), from),
          (one) =>
            w.letWhole(w.plus(w.plus(w.times(i, n), high), from), (other) =>
              w.letReal(w.load("scratch", one), (a) =>
                w.letReal(w.load("scratch", other), (b) =>
                  w.block(
                    w.store("scratch", one, w.sub(w.mul(c!, a), w.mul(s!, b))),
                    w.store("scratch", other, w.add(w.mul(s!, a), w.mul(c!, b))),
                  )))),
        ),
    );
  return w.each(
    tournament(n).pairs,
    (pair) =>
      withPair(
        w,
        n,
        pair,
        number,
        (low, high) =>
          w.sum(0, m, (i) =>
            w.mul(x(i, low), x(i, low)), (alpha) =>
            w.sum(0, m, (i) =>
              w.mul(x(i, high), x(i, high)), (beta) =>
              w.sum(0, m, (i) =>
                w.mul(x(i, low), x(i, high)), (gamma) =>
                withRotation(w, [alpha, beta, gamma], (c, s) =>
                  w.block(turn(m, 0, low, high, [c, s]), turn(n, m * n, low, high, [c, s])))))),
      ),
  );
}

/** Columns in order of their lengths, the longest first: to the output, and those of the matrix back to the scratch. */
function sortColumns(w: LoopWords, [m, n]: readonly [number, number]): Statement {
  const lengths = m * n + n * n;
  const length = (j: Whole) => w.load("scratch", w.plus(j, lengths));
  const move = (rows: number, from: number, to: number, j: Whole, rank: Whole) =>
    w.loop(0, rows, (i) =>
      w.store(
        "output",
        w.plus(w.plus(w.times(i, n), rank), to),
        w.load("scratch", w.plus(w.plus(w.times(i, n), j), from)),
      ));
  const isBefore = (i: Whole, j: Whole) =>
    w.either(w.less(length(j), length(i)), w.both(w.equal(length(i), length(j)), w.below(i, j)));
  return w.block(
    w.each(n, (j) => {
      const x = (i: Whole) => w.load("scratch", w.plus(w.times(i, n), j));
      return w.sum(0, m, (i) => w.mul(x(i), x(i)), (square) => w.store("scratch", w.plus(j, lengths), w.sqrt(square)));
    }),
    w.each(
      n,
      (j) =>
        w.sum(0, n, (i) => w.select(isBefore(i, j), 1, 0), (before) =>
          w.letWhole(w.whole(before), (rank) =>
            w.block(
              move(m, 0, 0, j, rank),
              w.store("output", w.plus(rank, m * n), length(j)),
              move(n, m * n, m * n + n, j, rank),
            ))),
    ),
    w.each(m * n, (t) => w.store("scratch", t, w.load("output", t))),
  );
}

const loops: LoopWriter<object> = ([x], output) => {
  const [m, n] = matrixSizes("svd", x!);
  const { pairs, rounds } = tournament(n);
  const sweeps = n === 1 ? 0 : SWEEPS;
  const signs = m * n + n * n;
  return {
    matrices: sizeOf(batchOf(output)),
    sizes: { inputs: [m * n], output: (m + 1 + n) * n, scratch: m * n + n * n + n },
    width: n,
    cost: 6 * sweeps * n * n * (m + n),
    stages: [
      once(shareOf(m * n, n) + shareOf(n * n, n), (w) =>
        w.block(
          w.each(m * n, (t) => w.store("scratch", t, w.load(0, t))),
          w.each(n * n, (t) => w.store("scratch", w.plus(t, m * n), w.select(w.same(w.rest(t, n + 1), 0), 1, 0))),
        )),
      {
        times: sweeps * rounds,
        rounds: shareOf(pairs, n) * (4 * m + n),
        body: (w, number) => round(w, [m, n], w.rest(number, rounds)),
      },
      once(shareOf(n, n) * (2 * m + 2 * n) + shareOf(m * n, n), (w) => sortColumns(w, [m, n])),
      // Reflections make columns of length 1 of them, and find others where a length is 0.
      reflectColumns([m, n], (w, k, value) => w.store("scratch", w.plus(k, signs), w.select(w.less(value, 0), -1, 1))),
      ...writeOrthonormal([m, n]),
      once(
        shareOf(m * n, n),
        (w) =>
          w.each(
            m * n,
            (t) => w.store("output", t, w.mul(w.load("output", t), w.load("scratch", w.plus(w.rest(t, n), signs)))),
          ),
      ),
    ],
  };
};

/** U, then the singular values as row m, then V. */
const SVD: Primitive = {
  name: "svd",
  shapeRule: ([x]) => {
    const [m, n] = matrixSizes("svd", x!);
    if (m >= n) return { shape: [...batchOf(x!), m + 1 + n, n], dtype: x!.dtype };
    throw new ShapeError("svd", "there must not be more columns than rows", [x!.shape]);
  },
  reference: ([x], _, output) => {
    const sizes = matrixSizes("svd", x!);
    return eachMatrix([x!], output, ([a], y) => decompose(a!, sizes, y));
  },
  // Giles, "An extended collection of matrix derivative results" (2008).
  vjpRule: (ct, output) => {
    const n = output.shape.at(-1)!;
    const m = output.shape.at(-2)! - 1 - n;
    const [u, s, v] = partsOf(output, m, n);
    const [du, ds, dv] = partsOf(ct, m, n);
    const gaps = inverseGaps(square(s));
    const turned = (x: Tensor, dx: Tensor) => {
      const product = times(transposed(x), dx);
      return mul(gaps, sub(product, transposed(product)));
    };
    const middle = add(
      add(mul(turned(u, du), s), mul(transposed(s), turned(v, dv))),
      mul(identityLike(v), ds),
    );
    const inside = times(u, middle);
    const none = equal(s, 0);
    const inverse = where(none, 0, div(1, where(none, 1, s)));
    const outside = mul(sub(du, times(u, times(transposed(u), du))), inverse);
    return [times(m === n ? inside : add(inside, outside), transposed(v))];
  },
  batchRule: moreMatrices<object>(() => SVD),
  lowering: { kind: "kernel", flops: ([x]) => 12 * sizeOf(x!.shape) * x!.shape.at(-1)!, loops: matrixLoops(loops) },
};

function partsOf(packed: Tensor, m: number, n: number): readonly [Tensor, Tensor, Tensor] {
  return [rowsBetween(packed, 0, m), rowsBetween(packed, m, m + 1), rowsBetween(packed, m + 1, m + 1 + n)];
}

function decompose(a: Float64Array, [m, n]: readonly [number, number], y: Float64Array): void {
  const x = Float64Array.from(a);
  const v = Float64Array.from({ length: n * n }, (_, t) => Number(t % (n + 1) === 0));
  const dot = (p: number, q: number) => {
    let sum = 0;
    for (let i = 0; i < m; i++) sum += x[i * n + p]! * x[i * n + q]!;
    return sum;
  };
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const [c, s] = rotationOf(dot(p, p), dot(q, q), dot(p, q));
        turnColumns(x, n, p, q, c, s);
        turnColumns(v, n, p, q, c, s);
      }
    }
  }
  const lengths = Float64Array.from({ length: n }, (_, j) => Math.sqrt(dot(j, j)));
  const order = [...lengths.keys()].sort((i, j) => lengths[j]! - lengths[i]! || i - j);
  const sorted = (z: Float64Array) => z.map((_, t) => z[t - t % n + order[t % n]!]!);
  const { q, r } = orthonormalOf(sorted(x), [m, n]);
  y.set(q.map((value, t) => value * (r[(t % n) * (n + 1)]! < 0 ? -1 : 1)));
  order.forEach((j, rank) => y[m * n + rank] = lengths[j]!);
  y.set(sorted(v), m * n + n);
}

/** `u [..., m, n]`, singular values `s [..., n]`, the largest first, and `v [..., n, n]` of matrices with m at least n. */
export function singularParts(x: Tensor): { readonly u: Tensor; readonly s: Tensor; readonly v: Tensor } {
  const [m, n] = matrixSizes("svd", x);
  const [u, s, v] = partsOf(bind(SVD, [x], {}), m, n);
  return { u, s: reshape(s, [...batchOf(x), n]), v };
}
