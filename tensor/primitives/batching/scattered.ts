/** @file Rows put to places, on a batch: examples that share their places are more columns, others have places of their own. */
import type { ScatterParams } from "../../compiler/kernel_forms.ts";
import type { Batch, Primitive } from "../../primitive.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { reshape, transpose } from "../layout.ts";
import { endToEnd } from "./end_to_end.ts";
import { spreadOne } from "./spread.ts";

/**
 * Applies a scatter to a batch.
 *
 * @param part The primitive, of updates `[M, R]` and indices `[M]`.
 * @returns Its rule.
 */
export function scatteredRule(
  part: () => Primitive<ScatterParams>,
): (batch: Batch, params: ScatterParams, output: TensorSpec) => Tensor {
  return ({ inputs: [updates, indices], mapped: [, manyIndices], size: count }, { size }, { shape: [, columns] }) => {
    if (!manyIndices) {
      const rows = reshape(transpose(updates!, [1, 0, 2]), [updates!.shape[1]!, count * columns!]);
      const sums = bind(part(), [rows, indices!], { size });
      return transpose(reshape(sums, [size, count, columns!]), [1, 0, 2]);
    }
    const all = sizeOf(indices!.shape);
    const rows = reshape(spreadOne(updates!, count, 3), [all, columns!]);
    const sums = bind(part(), [rows, reshape(endToEnd(indices!, size), [all])], { size: count * size });
    return reshape(sums, [count, size, columns!]);
  };
}
