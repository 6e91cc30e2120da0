import type { KernelMapWeightGradientParams } from "../../../contraction/conv_params.ts";
import type { WgslKernel, WgslLimits } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { outerProduct } from "./outer_product.ts";

/**
 * Weight gradient of a kernel map convolution, of `x [N, Cin]`, `dy [M, Cout]`, `map [M, T]`: for each tap the sum of the
 * outer products of rows that the table pairs.
 */
export function kernelMapWeightGradientWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { groups }: KernelMapWeightGradientParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const [rows, channels] = inputs[0]!.shape as [number, number];
  const [m, taps] = inputs[2]!.shape as [number, number];
  const [, cin, cout] = output.shape as [number, number, number];
  const columns = cout / groups;
  const diagonal = cin === 1 && columns === 1 && groups > 1;
  const [channel, column] = diagonal ? ["0u", "0u"] : [`batch * ${cin}u`, `batch * ${columns}u`];
  const whole = (size: number) => (diagonal ? groups : size) % 4 === 0;
  return outerProduct(
    {
      batches: groups,
      taps,
      rows: m,
      sizes: [cin, columns],
      diagonal,
      left: { name: "x", buffer: 0, aligned: whole(cin) },
      right: { name: "dy", buffer: 1, aligned: whole(columns) },
      others: [{ name: "map", type: "i32", buffer: 2 }],
      open: "",
      row: ({ load }) =>
        `let source = u32(${load("map", `row * ${taps}u + tap`)});
let in_row = source < ${rows}u;
let left_from = select(0u, source * ${channels}u + ${channel}, in_row);`,
      rightFrom: (row) => `${row} * ${cout}u + ${column}`,
      next: "",
      result: { buffer: 3, from: `tap * ${cin * cout}u + ${column}`, stride: cout, elements: sizeOf(output.shape) },
    },
    4,
    limits,
  );
}
