import type { MatmulParams } from "../../../contraction/conv_params.ts";
import type { WatKernel } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { productKernel } from "./product.ts";
import { rowContractionKernel } from "./row_contraction.ts";
import { matrixRows } from "./row_source.ts";
import { add, argument, get, mul } from "../emit/text.ts";

/**
 * The cpu kernel of a batched matrix product.
 *
 * @param inputs `a [...batch, M, K]` (`[...batch, K, M]` if `transposeA`) and `b [...batch, K, N]` (`[...batch, N, K]`), float32.
 * @param output `[...batch, M, N]`.
 * @param params Which factors are transposed.
 * @returns The kernel.
 */
export function matmulWat(inputs: readonly TensorSpec[], output: TensorSpec, params: MatmulParams): WatKernel {
  const [rows, columns] = output.shape.slice(-2) as [number, number];
  const batch = sizeOf(output.shape.slice(0, -2));
  const steps = inputs[0]!.shape.at(params.transposeA ? -2 : -1)!;
  if (params.transposeA && !params.transposeB) {
    return rowContractionKernel(["a", "b", "y"], {
      left: matrixRows("a", steps, rows),
      groups: batch,
      columns,
      right: { buffer: "b", rowFloats: columns, groupFloats: steps * columns },
      result: { buffer: "y", rowFloats: columns, groupFloats: rows * columns, floats: sizeOf(output.shape) },
    });
  }
  const result = add(argument("y"), mul(get("g"), rows * columns * 4), mul(get("m"), columns * 4));
  return productKernel(["a", "b", "y"], [{
    left: params.transposeA ? matrixRows("a", steps, rows) : matrixRows("a", rows, steps),
    transposed: params.transposeA,
    right: {
      buffer: "b",
      offset: 0,
      taps: [1, 1],
      tapStrides: [0, 0],
      channels: steps,
      channelStride: params.transposeB ? 1 : columns,
      columns,
      columnStride: params.transposeB ? steps : 1,
      groups: batch,
      groupStride: steps * columns,
    },
    result,
  }]);
}
