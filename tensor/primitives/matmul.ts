import { type MatmulParams, matrixProduct } from "../contraction/matrix_product.ts";
import { requireOptions, ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { type DType, DTYPES, sameShape, type Shape, sizeOf, type TensorSpec } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { mul } from "./arithmetic.ts";
import { cast } from "./cast.ts";
import { spread } from "./batching/spread.ts";
import { reshape, transpose } from "./layout.ts";
import { broadcastShapes, promoteTypes, requireFloating } from "./operands.ts";
import { broadcastTo, sum } from "./sum.ts";

/** `[rows, columns]` of the last two axes, as they take part in the product. */
function matrixOf({ shape }: TensorSpec, transposed: boolean): readonly [number, number] {
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  return transposed ? [columns, rows] : [rows, columns];
}

const MATMUL: Primitive<MatmulParams> = {
  name: "matmul",
  shapeRule: ([a, b], { transposeA, transposeB }) => {
    requireFloating("matmul", [a!, b!]);
    const batch = a!.shape.slice(0, -2);
    const [m, k] = matrixOf(a!, transposeA);
    const [k2, n] = matrixOf(b!, transposeB);
    if (k === k2 && sameShape(batch, b!.shape.slice(0, -2))) return { shape: [...batch, m, n], dtype: a!.dtype };
    throw new ShapeError("matmul", "inner sizes must be equal", [a!.shape, b!.shape]);
  },
  reference: ([a, b], { transposeA, transposeB }, output) => {
    const [m, k] = matrixOf(a!, transposeA);
    const [, n] = matrixOf(b!, transposeB);
    const result = new Float64Array(sizeOf(output.shape));
    for (let i = 0; i < result.length; i++) {
      const [batch, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
      for (let t = 0; t < k; t++) {
        const left = a!.data[batch * m * k + (transposeA ? t * m + row : row * k + t)]!;
        result[i]! += left * b!.data[batch * k * n + (transposeB ? column * k + t : t * n + column)]!;
      }
    }
    return result;
  },
  // With A' and B' for the operands as they take part: dA' = ct B'ᵀ and dB' = A'ᵀ ct, transposed back where they were.
  vjpRule: (ct, { inputs: [a, b] }, { transposeA, transposeB }) => [
    transposeA
      ? product(b!, ct, { transposeA: transposeB, transposeB: true })
      : product(ct, b!, { transposeA: false, transposeB: !transposeB }),
    transposeB
      ? product(ct, a!, { transposeA: true, transposeB: transposeA })
      : product(a!, ct, { transposeA: !transposeA, transposeB: false }),
  ],
  batchRule: (batch, params) => {
    const { inputs: [a, b], mapped: [first, second], size } = batch;
    const single = (first ? b : a)!.shape.length === 2;
    if (first && !second && single && !params.transposeA) { // rows of all examples
      const rows = product(asRows(a!), b!, params);
      return reshape(rows, [...a!.shape.slice(0, -1), rows.shape[1]!]);
    }
    if (second && !first && single) { // columns of all examples, as rows of the transposed product
      const columns = params.transposeB ? b! : transpose(b!, [0, 2, 1]);
      const rows = product(asRows(columns), a!, {
        transposeA: false,
        transposeB: !params.transposeA,
      });
      return transpose(reshape(rows, [size, columns.shape[1]!, rows.shape[1]!]), [0, 2, 1]);
    }
    const [left, right] = spread(batch);
    return product(left!, right!, params);
  },
  lowering: {
    kind: "contraction",
    contraction: (params, [a], { shape }) => {
      const [m, n] = [shape.at(-2)!, shape.at(-1)!];
      const batch = sizeOf(shape.slice(0, -2));
      return matrixProduct({ batch, m, k: matrixOf(a!, params.transposeA)[1], n }, params);
    },
  },
};

/** The rows of all matrices of a batch. */
function asRows(x: Tensor): Tensor {
  return reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

function product(a: Tensor, b: Tensor, params: MatmulParams): Tensor {
  return bind(MATMUL, [a, b], params);
}

/**
 * Multiplies matrices, or batches of them.
 *
 * @param a `[...batch, M, K]`, or `[...batch, K, M]` with `transposeA`; a vector `[K]` is a row, whose axis the result lacks.
 * @param b `[...batch, K, N]`, or `[...batch, N, K]` with `transposeB`; a vector `[K]` is a column. Batch axes broadcast.
 * @param options Which operands to transpose.
 * @returns `[...batch, M, N]`, of the dtype that both are promoted to: sums of integers wrap around as in NumPy and JAX, and
 * of bools an element is true if any product is.
 * @throws {ShapeError} If inner sizes differ, an operand is a scalar, or a vector is to be transposed.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { matmul, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await matmul(tensor([[1, 2]]), tensor([[3], [4]])).data(), new Float32Array([11]));
 * ```
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: Partial<MatmulParams> = {},
): Tensor {
  requireOptions("matmul", options, { transposeA: true, transposeB: true });
  const { transposeA = false, transposeB = false } = options;
  requireTensor("matmul", "a", a);
  requireTensor("matmul", "b", b);
  const [flatA, flatB] = [a.shape.length === 1, b.shape.length === 1];
  if (a.shape.length * b.shape.length === 0 || (flatA && transposeA) || (flatB && transposeB)) {
    throw new ShapeError("matmul", "operands must be matrices, or vectors that are not transposed", [a.shape, b.shape]);
  }
  const params = { transposeA, transposeB };
  if (!flatA && !flatB) return matrices(a, b, params);
  const result = matrices(flatA ? reshape(a, [1, -1]) : a, flatB ? reshape(b, [-1, 1]) : b, params);
  const gone = [flatA ? result.shape.length - 2 : -1, flatB ? result.shape.length - 1 : -1];
  return reshape(result, result.shape.filter((_, axis) => !gone.includes(axis)));
}

function matrices(a: Tensor, b: Tensor, params: MatmulParams): Tensor {
  const { transposeA, transposeB } = params;
  const dtype = promoteTypes(a.dtype, b.dtype, "matmul");
  if (!DTYPES[dtype].floating) return cast(wholeProduct(turned(a, transposeA), turned(b, transposeB), dtype), dtype);
  const [left, right] = [cast(a, dtype), cast(b, dtype)];
  const merged = mergeRows(left, right, transposeA, transposeB);
  if (merged) return merged;
  const batch = broadcastShapes("matmul", [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const spread = (x: Tensor): Tensor => broadcastTo(x, [...batch, ...x.shape.slice(-2)] as Shape);
  return product(spread(left), spread(right), params);
}

/** Swaps the last two axes of an operand that is to be transposed. */
function turned(x: Tensor, transposed: boolean): Tensor {
  const last = x.shape.length - 1;
  return transposed ? transpose(x, [...Array(last - 1).keys(), last, last - 1]) : x;
}

/** Kernels of contractions have no integers: their products are summed in 32 bits, in one pass that keeps nothing. */
function wholeProduct(a: Tensor, b: Tensor, dtype: DType): Tensor {
  const [m, k, k2, n] = [...a.shape.slice(-2), ...b.shape.slice(-2)] as [number, number, number, number];
  if (k !== k2) throw new ShapeError("matmul", "inner sizes must be equal", [a.shape, b.shape]);
  const left = reshape(cast(a, DTYPES[dtype].sums), [...a.shape.slice(0, -2), m, k, 1]);
  const right = reshape(cast(b, DTYPES[dtype].sums), [...b.shape.slice(0, -2), 1, k, n]);
  return sum(mul(left, right), { axis: -2 });
}

/** A batch of rows times one matrix is one product of all the rows. */
function mergeRows(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor | null {
  if (a.shape.length === 2 || b.shape.length !== 2 || transposeA) return null;
  const result = product(asRows(a), b, { transposeA, transposeB });
  return reshape(result, [...a.shape.slice(0, -1), result.shape[1]!]);
}
