import { matrixLoops } from "../../kernels/matrix_loops.ts";
import { type LoopWriter, shareOf } from "../../compiler/kernel_loops.ts";
import { ShapeError } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { sameShape, sizeOf } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { neg } from "../arithmetic.ts";
import { requireFloating } from "../operands.ts";
import { batchOf, eachMatrix, lowerPart, moreMatrices, squareSize, times, transposed, upperPart } from "./matrices.ts";

/** Which system is solved. */
export interface TriangularParams {
  /** True if the matrix is lower triangular, else upper. What lies on the other side is not read. */
  readonly lower: boolean;
  /** True to solve with the transposed matrix. */
  readonly transpose: boolean;
  /** True to take the diagonal for ones. */
  readonly unit: boolean;
}

const loops: LoopWriter<TriangularParams> = ([a, b], output, { lower, transpose, unit }) => {
  const n = a!.shape.at(-1)!;
  const m = b!.shape.at(-1)!;
  const forward = lower !== transpose;
  return {
    matrices: sizeOf(batchOf(output)),
    sizes: { inputs: [n * n, n * m], output: n * m, scratch: 0 },
    width: m,
    cost: n * n * m,
    stages: [{
      times: n,
      rounds: shareOf(m, m) * (n + 1),
      body: (w, step) =>
        w.each(m, (c) =>
          w.letWhole(forward ? step : w.minus(n - 1, step), (i) => {
            const at = (row: typeof i, column: typeof i) => w.plus(w.times(row, n), column);
            const element = (j: typeof i) => w.load(0, transpose ? at(j, i) : at(i, j));
            const term = (j: typeof i) => w.mul(element(j), w.load("output", w.plus(w.times(j, m), c)));
            const place = w.plus(w.times(i, m), c);
            return w.sum(forward ? 0 : w.plus(i, 1), forward ? i : n, term, (sum) => {
              const rest = w.sub(w.load(1, place), sum);
              return w.store("output", place, unit ? rest : w.div(rest, w.load(0, at(i, i))));
            });
          })),
    }],
  };
};

const TRIANGULAR_SOLVE: Primitive<TriangularParams> = {
  name: "triangularSolve",
  shapeRule: ([a, b]) => {
    const n = squareSize("triangularSolve", a!);
    requireFloating("triangularSolve", [a!, b!]);
    if (b!.shape.at(-2) === n && sameShape(batchOf(a!), batchOf(b!))) return { shape: b!.shape, dtype: b!.dtype };
    throw new ShapeError("triangularSolve", "there must be a row for each of the matrix", [a!.shape, b!.shape]);
  },
  reference: ([a, b], { lower, transpose, unit }, output) => {
    const [n, m] = [a!.shape.at(-1)!, b!.shape.at(-1)!];
    const forward = lower !== transpose;
    return eachMatrix([a!, b!], output, ([t, right], x) => {
      for (let c = 0; c < m; c++) {
        for (let step = 0; step < n; step++) {
          const i = forward ? step : n - 1 - step;
          let rest = right![i * m + c]!;
          for (let j = forward ? 0 : i + 1; j < (forward ? i : n); j++) {
            rest -= t![transpose ? j * n + i : i * n + j]! * x[j * m + c]!;
          }
          x[i * m + c] = unit ? rest : rest / t![i * n + i]!;
        }
      }
    });
  },
  vjpRule: (ct, x, params) => {
    const [a] = x.inputs as readonly [Tensor];
    const right = solveTriangular(a, ct, { ...params, transpose: !params.transpose });
    const [left, other] = params.transpose ? [x, right] : [right, x];
    const outer = neg(times(left, transposed(other)));
    const edge = params.unit ? 1 : 0;
    return [params.lower ? lowerPart(outer, -edge) : upperPart(outer, edge), right];
  },
  batchRule: moreMatrices<TriangularParams>(() => TRIANGULAR_SOLVE),
  lowering: {
    kind: "kernel",
    flops: ([a, b]) => sizeOf(b!.shape) * a!.shape.at(-1)!,
    loops: matrixLoops(loops),
  },
};

/** Solves `T x = b` for a triangular `T`, `b` being `[..., n, m]`. */
export function solveTriangular(a: Tensor, b: Tensor, params: TriangularParams): Tensor {
  return bind(TRIANGULAR_SOLVE, [a, b], params);
}

/** `b T^-1` for a triangular `T` or its transpose. */
export function solveFromRight(a: Tensor, b: Tensor, params: TriangularParams): Tensor {
  return transposed(solveTriangular(a, transposed(b), { ...params, transpose: !params.transpose }));
}
