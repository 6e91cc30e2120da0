/** @file Batches of matrix products as contractions. */
import type { Contraction } from "./contraction.ts";

/** Settings of a batched matrix product. */
export interface MatmulParams {
  /** True if `a` is `[...batch, K, M]`. */
  readonly transposeA: boolean;
  /** True if `b` is `[...batch, N, K]`. */
  readonly transposeB: boolean;
}

/** Sizes of a product of `[m, k]` and `[k, n]`, as they take part in it. */
export interface ProductSizes {
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/**
 * The product of inputs 0 and 1. With the left matrix alone transposed it is a sum of outer products, a weight gradient.
 *
 * @param sizes Sizes.
 * @param params Which factors are transposed.
 * @returns The contraction.
 */
export function matrixProduct({ batch, m, k, n }: ProductSizes, params: MatmulParams): Contraction {
  const { transposeA, transposeB } = params;
  const common = { kind: "contraction", batch, columns: n } as const;
  const left = { kind: "matrix", input: 0, batchStride: m * k } as const;
  if (transposeA && !transposeB) {
    return {
      ...common,
      form: "outer",
      rows: { ...left, rows: k, channels: m, transposed: false },
      right: { input: 1, rowStride: n, batchStride: k * n },
      result: { rowStride: n, batchStride: m * n },
    };
  }
  const right = {
    input: 1,
    offset: 0,
    tapStrides: [],
    channelStride: transposeB ? 1 : n,
    columnStride: transposeB ? k : 1,
    batchStride: k * n,
  };
  const rows = { ...left, rows: m, channels: k, transposed: transposeA };
  const result = { offset: 0, rowStrides: [n], batchStride: m * n };
  return { ...common, form: "rows", phases: [{ rows, right, result }] };
}
