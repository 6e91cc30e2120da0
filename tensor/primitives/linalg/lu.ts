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
import { add } from "../arithmetic.ts";
import { argsort } from "../argsort.ts";
import { cast } from "../cast.ts";
import { takeAlongAxis } from "../gather.ts";
import { reshape } from "../layout.ts";
import { broadcastTo } from "../sum.ts";
import {
  batchOf,
  eachMatrix,
  identityLike,
  lowerPart,
  moreMatrices,
  rowsBetween,
  squareSize,
  times,
  transposed,
  upperPart,
} from "./matrices.ts";
import { solveFromRight, solveTriangular } from "./triangular_solve.ts";

/** Exchanges rows k and p and their numbers. */
function swapRows(w: LoopWords, n: number, k: Whole, p: Whole): Statement {
  const y = (index: Whole) => w.load("output", index);
  return w.each(n + 1, (j) => { // the last moves the numbers
    const isNumber = w.same(j, n);
    const place = (row: Whole) => w.choose(isNumber, w.plus(row, n * n), w.plus(w.times(row, n), j));
    return w.letWhole(
      place(k),
      (one) =>
        w.letWhole(
          place(p),
          (other) =>
            w.letReal(y(one), (a) =>
              w.letReal(y(other), (b) => w.block(w.store("output", one, b), w.store("output", other, a)))),
        ),
    );
  });
}

/** Takes row k off those below. */
function eliminate(w: LoopWords, n: number, k: Whole): Statement {
  const at = (i: Whole, j: Whole) => w.plus(w.times(i, n), j);
  const y = (i: Whole, j: Whole) => w.load("output", at(i, j));
  return w.letReal(y(k, k), (pivot) =>
    w.each(n, (i) =>
      w.when(
        w.below(k, i),
        // A column of zeros has nothing to eliminate.
        w.letReal(w.select(w.equal(pivot, 0), 0, w.div(y(i, k), pivot)), (factor) =>
          w.block(
            w.store("output", at(i, k), factor),
            w.loop(w.plus(k, 1), n, (j) => w.store("output", at(i, j), w.sub(y(i, j), w.mul(factor, y(k, j))))),
          )),
      )));
}

const loops: LoopWriter<object> = ([x], output) => {
  const n = x!.shape.at(-1)!;
  return {
    matrices: sizeOf(batchOf(output)),
    sizes: { inputs: [n * n], output: n * n + n, scratch: 0 },
    width: n,
    cost: n ** 3,
    stages: [
      once(shareOf(n * n, n) + shareOf(n, n), (w) =>
        w.block(
          w.each(n * n, (t) => w.store("output", t, w.load(0, t))),
          w.each(n, (i) => w.store("output", w.plus(i, n * n), w.real(i))),
        )),
      {
        times: n,
        rounds: n + 2 + shareOf(n, n) * (n + 2),
        body: (w, k) => {
          const size = (i: Whole) => w.abs(w.load("output", w.plus(w.times(i, n), k)));
          return w.block(w.largest(k, n, size, (p) => swapRows(w, n, k, p)), eliminate(w, n, k));
        },
      },
    ],
  };
};

/** The factors below and above the diagonal of rows 0 … n - 1, and the order of the rows as row n. */
const LU: Primitive = {
  name: "lu",
  shapeRule: ([x]) => {
    const n = squareSize("lu", x!);
    return { shape: [...batchOf(x!), n + 1, n], dtype: x!.dtype };
  },
  reference: ([x], _, output) => {
    const n = x!.shape.at(-1)!;
    return eachMatrix([x!], output, ([a], y) => {
      y.set(a!);
      for (let i = 0; i < n; i++) y[n * n + i] = i;
      for (let k = 0; k < n; k++) factorColumn(y, n, k);
    });
  },
  // With P A = L U: L^-T (tril(Lᵀ L̄, -1) + triu(Ū Uᵀ)) U^-T, its rows put back.
  vjpRule: (ct, output) => {
    const n = output.shape.at(-1)!;
    const { factors, order } = takeApart(output);
    const [lower, upper] = [add(lowerPart(factors, -1), identityLike(factors)), upperPart(factors)];
    const change = rowsBetween(ct, 0, n);
    const middle = add(
      lowerPart(times(transposed(lower), lowerPart(change, -1)), -1),
      upperPart(times(upperPart(change), transposed(upper))),
    );
    const left = solveTriangular(factors, middle, { lower: true, transpose: true, unit: true });
    const whole = solveFromRight(factors, left, { lower: false, transpose: true, unit: false });
    return [orderRows(whole, argsort(order))];
  },
  batchRule: moreMatrices<object>(() => LU),
  lowering: { kind: "kernel", flops: ([x]) => 2 * sizeOf(x!.shape) * x!.shape.at(-1)! / 3, loops: matrixLoops(loops) },
};

/** Moves the largest of column `k` to the diagonal and takes its row off those below. */
function factorColumn(y: Float64Array, n: number, k: number): void {
  let p = k;
  for (let i = k + 1; i < n; i++) if (Math.abs(y[i * n + k]!) > Math.abs(y[p * n + k]!)) p = i;
  for (let j = 0; j < n; j++) [y[k * n + j], y[p * n + j]] = [y[p * n + j]!, y[k * n + j]!];
  [y[n * n + k], y[n * n + p]] = [y[n * n + p]!, y[n * n + k]!];
  const pivot = y[k * n + k]!;
  for (let i = k + 1; i < n; i++) {
    const factor = pivot === 0 ? 0 : y[i * n + k]! / pivot;
    y[i * n + k] = factor;
    for (let j = k + 1; j < n; j++) y[i * n + j]! -= factor * y[k * n + j]!;
  }
}

/** Factors of square matrices with their rows in an order. */
export interface Factors {
  /** `[..., n, n]`: L below the diagonal, whose own is ones, U on and above. */
  readonly factors: Tensor;
  /** int32 `[..., n]`: which row of the matrix each row of the factors is. */
  readonly order: Tensor;
}

function takeApart(packed: Tensor): Factors {
  const n = packed.shape.at(-1)!;
  const last = rowsBetween(packed, n, n + 1);
  return { factors: rowsBetween(packed, 0, n), order: cast(reshape(last, [...batchOf(packed), n]), "int32") };
}

/** Factors square matrices by elimination with the largest of each column as pivot. */
export function luFactors(x: Tensor): Factors {
  return takeApart(bind(LU, [x], {}));
}

/** Row i of each result is row `order[i]` of the matrix. */
export function orderRows(x: Tensor, order: Tensor): Tensor {
  const places = broadcastTo(reshape(order, [...order.shape, 1]), [...order.shape, x.shape.at(-1)!]);
  return takeAlongAxis(x, places, { axis: -2, wrapNegativeIndices: false });
}
