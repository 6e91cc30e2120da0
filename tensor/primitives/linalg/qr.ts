import { matrixLoops } from "../../kernels/matrix_loops.ts";
import { type LoopWriter, once, shareOf } from "../../compiler/kernel_loops.ts";
import { ShapeError } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { sizeOf } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { add, sub } from "../arithmetic.ts";
import { orthonormalOf, reflectColumns, writeOrthonormal } from "./householder.ts";
import {
  batchOf,
  eachMatrix,
  lowerPart,
  matrixSizes,
  moreMatrices,
  rowsBetween,
  times,
  transposed,
  upperPart,
} from "./matrices.ts";
import { solveFromRight } from "./triangular_solve.ts";

const loops: LoopWriter<object> = ([x], output) => {
  const [m, n] = matrixSizes("qr", x!);
  return {
    matrices: sizeOf(batchOf(output)),
    sizes: { inputs: [m * n], output: (m + n) * n, scratch: m * n },
    width: n,
    cost: 6 * m * n * n,
    stages: [
      once(shareOf(m * n, n), (w) => w.each(m * n, (t) => w.store("scratch", t, w.load(0, t)))),
      reflectColumns([m, n], (w, k, value) => w.store("output", w.plus(m * n, w.times(k, n + 1)), value)),
      once(
        shareOf(n * n, n),
        (w) =>
          w.each(n * n, (t) =>
            w.letWhole(w.quotient(t, n), (i) =>
              w.letWhole(w.rest(t, n), (j) =>
                w.block(
                  w.when(w.below(i, j), w.store("output", w.plus(t, m * n), w.load("scratch", t))),
                  w.when(w.below(j, i), w.store("output", w.plus(t, m * n), 0)),
                )))),
      ),
      ...writeOrthonormal([m, n]),
    ],
  };
};

/** Q, then the rows of R. */
const QR: Primitive = {
  name: "qr",
  shapeRule: ([x]) => {
    const [m, n] = matrixSizes("qr", x!);
    if (m >= n) return { shape: [...batchOf(x!), m + n, n], dtype: x!.dtype };
    throw new ShapeError("qr", "there must not be more columns than rows", [x!.shape]);
  },
  reference: ([x], _, output) => {
    const sizes = matrixSizes("qr", x!);
    return eachMatrix([x!], output, ([a], y) => {
      const { q, r } = orthonormalOf(a!, sizes);
      y.set(q);
      y.set(r, q.length);
    });
  },
  // Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2010).
  vjpRule: (ct, output) => {
    const n = output.shape.at(-1)!;
    const m = output.shape.at(-2)! - n;
    const [q, r] = [rowsBetween(output, 0, m), rowsBetween(output, m, m + n)];
    const [dq, dr] = [rowsBetween(ct, 0, m), upperPart(rowsBetween(ct, m, m + n))];
    const middle = sub(times(r, transposed(dr)), times(transposed(dq), q));
    const symmetric = add(lowerPart(middle), transposed(lowerPart(middle, -1)));
    const left = add(dq, times(q, symmetric));
    return [solveFromRight(r, left, { lower: false, transpose: true, unit: false })];
  },
  batchRule: moreMatrices<object>(() => QR),
  lowering: { kind: "kernel", flops: ([x]) => 4 * sizeOf(x!.shape) * x!.shape.at(-1)!, loops: matrixLoops(loops) },
};

/** Factors matrices `[..., m, n]`, with m at least n: `q [..., m, n]` orthonormal, `r [..., n, n]` upper triangular. */
export function qrFactors(x: Tensor): { readonly q: Tensor; readonly r: Tensor } {
  const [m, n] = matrixSizes("qr", x);
  const packed = bind(QR, [x], {});
  return { q: rowsBetween(packed, 0, m), r: rowsBetween(packed, m, m + n) };
}
