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
import { batchOf, eachMatrix, lowerPart, moreMatrices, squareSize, times, transposed } from "./matrices.ts";
import { solveFromRight, solveTriangular } from "./triangular_solve.ts";

const loops: LoopWriter<object> = ([x], output) => {
  const n = x!.shape.at(-1)!;
  return {
    matrices: sizeOf(batchOf(output)),
    sizes: { inputs: [n * n], output: n * n, scratch: 0 },
    width: n,
    cost: n ** 3 / 3,
    stages: [
      once(shareOf(n * n, n), (w) =>
        w.each(n * n, (t) => {
          const isLower = w.below(w.rest(t, n), w.plus(w.quotient(t, n), 1));
          return w.store("output", t, w.select(isLower, w.load(0, t), 0));
        })),
      { times: n, rounds: shareOf(n, n) * (n + 2), body: (w, k) => column(w, n, k) },
    ],
  };
};

/** Column k of the factor, from those before. */
function column(w: LoopWords, n: number, k: Whole): Statement {
  const at = (i: Whole, j: Whole) => w.plus(w.times(i, n), j);
  const y = (i: Whole, j: Whole) => w.load("output", at(i, j));
  const isBelow = (i: Whole) => w.below(k, w.plus(i, 1));
  return w.block(
    w.each(n, (i) =>
      w.when(
        isBelow(i),
        w.sum(0, k, (j) => w.mul(y(i, j), y(k, j)), (sum) => w.store("output", at(i, k), w.sub(y(i, k), sum))),
      )),
    w.letReal(
      w.sqrt(y(k, k)),
      (d) =>
        w.each(n, (i) => w.when(isBelow(i), w.store("output", at(i, k), w.select(w.same(i, k), d, w.div(y(i, k), d))))),
    ),
  );
}

const CHOLESKY: Primitive = {
  name: "cholesky",
  shapeRule: ([x]) => {
    squareSize("cholesky", x!);
    return { shape: x!.shape, dtype: x!.dtype };
  },
  reference: ([x], _, output) => {
    const n = x!.shape.at(-1)!;
    return eachMatrix([x!], output, ([a], y) => {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j <= i; j++) {
          let rest = a![i * n + j]!;
          for (let k = 0; k < j; k++) rest -= y[i * n + k]! * y[j * n + k]!;
          y[i * n + j] = i === j ? Math.sqrt(rest) : rest / y[j * n + j]!;
        }
      }
    });
  },
  // Murray, "Differentiation of the Cholesky decomposition" (2016): of a symmetric matrix both sides count.
  vjpRule: (ct, factor) => {
    const product = times(transposed(factor), lowerPart(ct));
    const lower = lowerPart(product);
    const halved = sub(lower, mul(sub(lower, lowerPart(product, -1)), 0.5));
    const params = { lower: true, transpose: false, unit: false };
    const both = solveFromRight(factor, solveTriangular(factor, halved, { ...params, transpose: true }), params);
    return [mul(add(both, transposed(both)), 0.5)];
  },
  batchRule: moreMatrices<object>(() => CHOLESKY),
  lowering: { kind: "kernel", flops: ([x]) => sizeOf(x!.shape) * x!.shape.at(-1)! / 3, loops: matrixLoops(loops) },
};

/** The lower triangular factor of symmetric matrices, of which the lower triangle is read. */
export function choleskyFactor(x: Tensor): Tensor {
  return bind(CHOLESKY, [x], {});
}
