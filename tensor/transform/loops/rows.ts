/** @file Tensors as the rows of loops: vectors whose lengths are multiples of 64, so that each begins where a device can bind it. */
import { reshape } from "../../primitives/layout.ts";
import { pad, slice } from "../../primitives/window.ts";
import { type Shape, sizeOf, type TensorSpec } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";

/** Elements between the starts of neighbouring rows: a multiple of 64, at least 64. */
function rowLength(shape: Shape): number {
  return Math.max(1, Math.ceil(sizeOf(shape) / 64)) * 64;
}

/** The spec of a tensor as a row. */
export function rowSpec({ shape, dtype }: TensorSpec): TensorSpec {
  return { shape: [rowLength(shape)], dtype };
}

/** A tensor as a row. */
export function toRow(x: Tensor): Tensor {
  const size = sizeOf(x.shape);
  return pad(reshape(x, [size]), [[0, rowLength(x.shape) - size]]);
}

/** The way back from `toRow`. */
export function fromRow(row: Tensor, shape: Shape): Tensor {
  const size = sizeOf(shape);
  return reshape(row.shape[0] === size ? row : slice(row, { start: [0], size: [size] }), shape);
}

/** A stack `[T, ...shape]` as rows `[T, length]`. */
export function toRows(xs: Tensor): Tensor {
  const [count, ...shape] = xs.shape;
  const size = sizeOf(shape);
  return pad(reshape(xs, [count!, size]), [[0, 0], [0, rowLength(shape) - size]]);
}

/** The way back from `toRows`. */
export function fromRows(rows: Tensor, shape: Shape): Tensor {
  const [count, length] = rows.shape as readonly [number, number];
  const size = sizeOf(shape);
  const exact = length === size ? rows : slice(rows, { start: [0, 0], size: [count, size] });
  return reshape(exact, [count, ...shape]);
}
