import { type DenseArray, DTYPES } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";

/**
 * Applies the reference rule of a tensor's operation: in float64, but for elements of narrow dtypes, which are rounded as
 * every device rounds them.
 *
 * @param x The tensor.
 * @param operands Values of its inputs.
 * @returns Its values.
 */
export function applied({ shape, dtype, primitive, params }: Tensor, operands: readonly DenseArray[]): DenseArray {
  const data = primitive.reference(operands, params, { shape, dtype });
  const { computed, round } = DTYPES[dtype];
  return { shape, dtype, data: computed === dtype ? data : data.map(round) };
}
