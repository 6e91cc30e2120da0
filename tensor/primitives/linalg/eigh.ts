import { matrixLoops } from "../../kernels/matrix_loops.ts";
import {
  type LoopWords,
  type LoopWriter,
  once,
  shareOf,
  type Statement,
  type Whole,
} from "../../compiler/kernel_loops.ts";
import type { Primitive } from "../../primitive.ts";
import { sizeOf } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { add, mul, sub } from "../arithmetic.ts";
import { equal } from "../comparison.ts";
import { div } from "../division.ts";
import { reshape } from "../layout.ts";
import { where } from "../where.ts";
import {
  batchOf,
  eachMatrix,
  identityLike,
  moreMatrices,
  rowsBetween,
  squareSize,
  times,
  transposed,
} from "./matrices.ts";
import { rotationOf, SWEEPS, tournament, turnColumns, withPair, withRotation } from "./rotations.ts";

/** Where the angle of a pair lies in the scratch: its cosine (0) and sine (1). */
function angle(w: LoopWords, n: number, pair: Whole, which: 0 | 1): Whole {
  return w.plus(2 * n * n + which, w.times(pair, 2));
}

/** Turns two elements by the angle of a pair. */
function turn(w: LoopWords, n: number, pair: Whole, [first, second]: readonly [Whole, Whole]): Statement {
  const s = (index: Whole) => w.load("scratch", index);
  return w.letWhole(
    first,
    (one) =>
      w.letWhole(
        second,
        (other) =>
          w.letReal(s(angle(w, n, pair, 0)), (c) =>
            w.letReal(s(angle(w, n, pair, 1)), (sine) =>
              w.letReal(s(one), (a) =>
                w.letReal(s(other), (b) =>
                  w.block(
                    w.store("scratch", one, w.sub(w.mul(c, a), w.mul(sine, b))),
                    w.store("scratch", other, w.add(w.mul(sine, a), w.mul(c, b))),
                  ))))),
      ),
  );
}

/** One round: angles of all pairs, then rows, then columns of the matrix and of the vectors. */
function round(w: LoopWords, n: number, number: Whole): Statement {
  const { pairs } = tournament(n);
  const at = (i: Whole, j: Whole) => w.plus(w.times(i, n), j);
  const s = (i: Whole, j: Whole) => w.load("scratch", at(i, j));
  const all = (turnAt: (pair: Whole, low: Whole, high: Whole, k: Whole) => Statement) =>
    w.each(
      pairs * n,
      (t) =>
        w.letWhole(w.quotient(t, n), (pair) =>
          w.letWhole(w.rest(t, n), (k) =>
            withPair(w, n, pair, number, (low, high) => turnAt(pair, low, high, k)))),
    );
  const beyond = (index: Whole) => w.plus(index, n * n);
  return w.block(
    w.each(
      pairs,
      (pair) =>
        withPair(
          w,
          n,
          pair,
          number,
          (low, high) =>
            withRotation(w, [s(low, low), s(high, high), s(low, high)], (c, sine) =>
              w.block(
                w.store("scratch", angle(w, n, pair, 0), c),
                w.store("scratch", angle(w, n, pair, 1), sine),
              )),
        ),
    ),
    all((pair, low, high, k) => turn(w, n, pair, [at(low, k), at(high, k)])),
    all((pair, low, high, k) =>
      w.block(
        turn(w, n, pair, [at(k, low), at(k, high)]),
        turn(w, n, pair, [beyond(at(k, low)), beyond(at(k, high))]),
      )
    ),
  );
}

const loops: LoopWriter<object> = ([x], output) => {
  const n = x!.shape.at(-1)!;
  const { pairs, rounds } = tournament(n);
  const sweeps = n === 1 ? 0 : n === 2 ? 1 : SWEEPS;
  return {
    matrices: sizeOf(batchOf(output)),
    sizes: { inputs: [n * n], output: n * n + n, scratch: 2 * n * n + 2 * pairs },
    width: 4 * n,
    cost: 12 * sweeps * n ** 3,
    stages: [
      once(shareOf(n * n, n), (w) =>
        w.each(n * n, (t) =>
          w.block(
            w.store("scratch", t, w.load(0, t)),
            w.store("scratch", w.plus(t, n * n), w.select(w.same(w.rest(t, n + 1), 0), 1, 0)),
          ))),
      {
        times: sweeps * rounds,
        rounds: shareOf(pairs, 4 * n) + 2 * shareOf(pairs * n, 4 * n),
        body: (w, number) => round(w, n, w.rest(number, rounds)),
      },
      once(shareOf(n * n, n) + shareOf(n, n), (w) =>
        w.block(
          w.each(n * n, (t) => w.store("output", t, w.load("scratch", w.plus(t, n * n)))),
          w.each(n, (i) => w.store("output", w.plus(i, n * n), w.load("scratch", w.times(i, n + 1)))),
        )),
    ],
  };
};

/** Vectors as columns, then the values as row n, in any order. */
const EIGH: Primitive = {
  name: "eigh",
  shapeRule: ([x]) => {
    const n = squareSize("eigh", x!);
    return { shape: [...batchOf(x!), n + 1, n], dtype: x!.dtype };
  },
  reference: ([x], _, output) => {
    const n = x!.shape.at(-1)!;
    return eachMatrix([x!], output, ([given], y) => {
      const a = Float64Array.from(given!);
      const vectors = Float64Array.from({ length: n * n }, (_, t) => Number(t % (n + 1) === 0));
      for (let sweep = 0; sweep < 30; sweep++) sweepRows(a, vectors, n);
      y.set(vectors);
      for (let i = 0; i < n; i++) y[n * n + i] = a[i * n + i]!;
    });
  },
  vjpRule: (ct, output) => {
    const n = output.shape.at(-1)!;
    const [vectors, values] = [rowsBetween(output, 0, n), rowsBetween(output, n, n + 1)];
    const [change, slopes] = [rowsBetween(ct, 0, n), rowsBetween(ct, n, n + 1)];
    const middle = add(
      mul(identityLike(vectors), slopes),
      mul(inverseGaps(values), times(transposed(vectors), change)),
    );
    const whole = times(times(vectors, middle), transposed(vectors));
    return [mul(add(whole, transposed(whole)), 0.5)];
  },
  batchRule: moreMatrices<object>(() => EIGH),
  lowering: { kind: "kernel", flops: ([x]) => 9 * sizeOf(x!.shape) * x!.shape.at(-1)!, loops: matrixLoops(loops) },
};

/** Jacobi's rotations of all pairs of a symmetric matrix, one after the other. */
function sweepRows(a: Float64Array, vectors: Float64Array, n: number): void {
  for (let p = 0; p < n; p++) {
    for (let q = p + 1; q < n; q++) {
      const [c, s] = rotationOf(a[p * n + p]!, a[q * n + q]!, a[p * n + q]!);
      turnColumns(a, n, p, q, c, s);
      for (let j = 0; j < n; j++) {
        const [x, y] = [a[p * n + j]!, a[q * n + j]!];
        a[p * n + j] = c * x - s * y;
        a[q * n + j] = s * x + c * y;
      }
      turnColumns(vectors, n, p, q, c, s);
    }
  }
}

/** `1 / (w_j - w_i)` in row i and column j, 0 where they are equal: such vectors are any of a plane. */
export function inverseGaps(values: Tensor): Tensor {
  const gaps = sub(values, transposed(values));
  const none = equal(gaps, 0);
  return where(none, 0, div(1, where(none, 1, gaps)));
}

/** Eigenvalues `[..., n]`, in any order, and eigenvectors as columns of symmetric matrices. */
export function eigenOf(x: Tensor): { readonly values: Tensor; readonly vectors: Tensor } {
  const n = squareSize("eigh", x);
  const packed = bind(EIGH, [x], {});
  return {
    values: reshape(rowsBetween(packed, n, n + 1), [...batchOf(x), n]),
    vectors: rowsBetween(packed, 0, n),
  };
}
