/** @file Products whose rows a table names, such as convolutions of sparse tensors, as contractions. */
import type { Contraction, TableRows } from "./contraction.ts";

/** Settings of a convolution whose windows are rows of a table: `map[m, t]` is the input row of output m and tap t, or -1. */
export interface KernelMapConvParams {
  /** Output channels of group g see the input channels of group g only. */
  readonly groups: number;
  /** True to contract over the output channels of the weights `[T, Cin / groups, Cout]`, as gradients do. */
  readonly transposeWeight: boolean;
}

/** Sizes of a table `[rows, taps]` of rows of an input `[sources, …]`, and of weights `[taps, channels, groups·columns]`. */
export interface TableSizes {
  readonly rows: number;
  readonly taps: number;
  readonly sources: number;
  readonly groups: number;
  /** Of the weights, whichever is contracted. */
  readonly channels: number;
  readonly columns: number;
}

function tableRows({ rows, taps, sources, groups }: TableSizes, channels: number): TableRows {
  const pixel = channels * groups;
  return { kind: "table", input: 0, index: 2, rows, taps, sources, channels, pixel, batchStride: channels };
}

/**
 * The product of rows of input 0, named by input 2, with the weights, input 1.
 *
 * @param sizes Sizes.
 * @param params Groups, and which channels of the weights to contract.
 * @returns The contraction.
 */
export function tableProduct(
  sizes: TableSizes,
  { transposeWeight }: Pick<KernelMapConvParams, "transposeWeight">,
): Contraction {
  const { groups, channels, columns } = sizes;
  const pixel = groups * columns; // of the weights
  const [depth, width] = transposeWeight ? [columns, channels] : [channels, columns];
  return {
    kind: "contraction",
    form: "rows",
    batch: groups,
    columns: width,
    phases: [{
      rows: tableRows(sizes, depth),
      right: {
        input: 1,
        offset: 0,
        tapStrides: [channels * pixel],
        channelStride: transposeWeight ? 1 : pixel,
        columnStride: transposeWeight ? pixel : 1,
        batchStride: columns,
      },
      result: { offset: 0, rowStrides: [groups * width], batchStride: width },
    }],
  };
}

/**
 * The sum of outer products of rows of input 0, named by input 2, with the rows of input 1.
 *
 * @param sizes Sizes.
 * @returns The contraction.
 */
export function tableOuterProduct(sizes: TableSizes): Contraction {
  const { groups, channels, columns } = sizes;
  return {
    kind: "contraction",
    form: "outer",
    batch: groups,
    columns,
    rows: tableRows(sizes, channels),
    right: { input: 1, rowStride: groups * columns, batchStride: columns },
    result: { rowStride: groups * columns, batchStride: columns },
  };
}
