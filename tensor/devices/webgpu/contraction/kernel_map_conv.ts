import type { KernelMapConvParams } from "../../../contraction/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { diagonalProduct } from "./diagonal_product.ts";
import { type LeftRows, type RowProduct, rowProduct } from "./row_product.ts";

/** Rows that a table names, one for each tap `t`; outside `[0, rows)` there is none. */
function mappedRows(rows: number, channels: number, taps: number, channel: string, aligned: boolean): LeftRows {
  return {
    name: "x",
    buffer: 0,
    aligned,
    guarded: true,
    sparse: true,
    row: () => "",
    tap: (m, { load }) =>
      [
        `let source_${m} = u32(${load("map", `row_${m} * ${taps}u + t`)});`,
        `let in_${m} = source_${m} < ${rows}u;`,
        `let from_${m} = select(0u, source_${m} * ${channels}u + ${channel}, in_${m});`,
      ].join(" "),
  };
}

/**
 * Convolution through a kernel map, of `x` rows, `w [T, Cin / groups, Cout]`, `map [M, T]`, as a product: the table says
 * where the left rows lie.
 */
export function kernelMapConvWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { groups, transposeWeight }: KernelMapConvParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const [rows, from] = inputs[0]!.shape as [number, number];
  const [taps, cin, cout] = inputs[1]!.shape as [number, number, number];
  const [m, to] = output.shape as [number, number];
  const [depth, columns] = [from / groups, to / groups];
  const diagonal = depth === 1 && columns === 1 && groups > 1;
  const aligned = columns % 4 === 0;
  const channel = groups === 1 || diagonal ? "0u" : `batch * ${depth}u`;
  // Output channels of a group are the columns of its matrix, or the depth if transposed.
  const first = `batch * ${cout / groups}u`;
  const product: RowProduct = {
    batches: groups,
    rows: m,
    columns,
    depth,
    left: mappedRows(rows, from, taps, channel, depth % 4 === 0),
    right: {
      name: "w",
      buffer: 1,
      transposed: transposeWeight,
      from: `t * ${cin * cout}u + ${first}`,
      stride: cout,
      aligned: cout / groups % 4 === 0,
    },
    others: [{ name: "map", type: "i32", buffer: 2 }],
    taps: taps === 0 ? null : { open: `for (var t = 0u; t < ${taps}u; t++) {`, close: "}", count: taps },
    result: { name: "y", buffer: 3, aligned, at: (m) => `row_${m} * ${to}u + batch * ${columns}u` },
  };
  return { passes: [diagonal ? diagonalProduct(product) : rowProduct(product, limits)], scratchBytes: 0 };
}
