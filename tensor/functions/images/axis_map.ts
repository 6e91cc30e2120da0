/** @file Linear maps of one axis of images, given by their weights on the host. */
import { matmul } from "../../primitives/matmul.ts";
import { reshape } from "../../primitives/layout.ts";
import { DTYPES, sizeOf } from "../../spec.ts";
import { leaf, type Tensor } from "../../tensor.ts";
import { moveaxis } from "../pieces.ts";

/**
 * Applies a matrix to an axis.
 *
 * @param x Floating tensor.
 * @param axis From the front.
 * @param weights One row of weights for each element of the result.
 * @returns Tensor whose axis has as many elements as there are rows.
 */
export function mapAxis(x: Tensor, axis: number, weights: readonly Float64Array[]): Tensor {
  const size = x.shape[axis]!;
  const values = new DTYPES[x.dtype].Array(weights.length * size);
  weights.forEach((row, i) => values.set(row, i * size));
  const matrix = leaf({ shape: [weights.length, size], dtype: x.dtype }, { host: values });
  const moved = moveaxis(x, axis, -1);
  const rest = moved.shape.slice(0, -1);
  const product = matmul(reshape(moved, [sizeOf(rest), size]), matrix, { transposeB: true });
  return moveaxis(reshape(product, [...rest, weights.length]), -1, axis);
}
