/** @file Reshape and transpose, which undo themselves. */
import { applyMove, contiguous, type View } from "../compiler/view.ts";
import { requireList, ShapeError } from "../errors.ts";
import type { Primitive, ViewMove } from "../primitive.ts";
import { type DenseArray, type Shape, sizeOf } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/** Reads an array through a view, element by element. */
export function readView(data: Float64Array, { shape, strides, offset }: View): Float64Array {
  const result = new Float64Array(sizeOf(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < result.length; i++) {
    result[i] = data[offset + index.reduce((sum, position, axis) => sum + position * strides[axis]!, 0)]!;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return result;
}

/** The reference of a view that is not a pad. */
export function referenceMove(x: DenseArray, move: ViewMove): Float64Array {
  return readView(x.data, applyMove(contiguous(x.shape), move)!);
}

const RESHAPE: Primitive<{ readonly shape: Shape }> = {
  name: "reshape",
  shapeRule: ([x], { shape }) => {
    if (sizeOf(shape) === sizeOf(x!.shape)) return { shape, dtype: x!.dtype };
    throw new ShapeError("reshape", `the number of elements must stay for [${shape.join(", ")}]`, [x!.shape]);
  },
  reference: ([x]) => x!.data,
  vjpRule: (cotangent, { inputs: [x] }) => [reshape(cotangent, x!.shape)],
  lowering: { kind: "view", view: ({ shape }) => ({ move: "reshape", shape }) },
};

/**
 * Gives the elements other axes, in row-major order.
 *
 * @param x Any tensor.
 * @param shape Sizes of the result; one may be -1 and is worked out.
 * @returns Tensor of that shape.
 * @throws {ShapeError} If the number of elements differs.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { reshape, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(reshape(zeros([2, 3]), [3, -1]).shape, [3, 2]);
 * ```
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireTensor("reshape", "x", x);
  requireList("reshape", "shape", shape);
  const known = sizeOf(shape.filter((size) => size !== -1));
  const full = shape.map((size) => size === -1 ? (known === 0 ? 0 : sizeOf(x.shape) / known) : size);
  if (shape.filter((size) => size === -1).length > 1 || !full.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError("reshape", `sizes must be whole with at most one -1 in [${shape.join(", ")}]`, [x.shape]);
  }
  return bind(RESHAPE, [x], { shape: full });
}

const TRANSPOSE: Primitive<{ readonly permutation: readonly number[] }> = {
  name: "transpose",
  shapeRule: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    if (permutation.length === x!.shape.length && sorted.every((axis, i) => axis === i)) {
      return { shape: permutation.map((axis) => x!.shape[axis]!), dtype: x!.dtype };
    }
    throw new ShapeError("transpose", `the permutation [${permutation.join(", ")}] must name each axis once`, [
      x!.shape,
    ]);
  },
  reference: ([x], { permutation }) => referenceMove(x!, { move: "transpose", permutation }),
  vjpRule: (cotangent, _, { permutation }) => [transpose(cotangent, permutation.map((_, i) => permutation.indexOf(i)))],
  lowering: { kind: "view", view: ({ permutation }) => ({ move: "transpose", permutation }) },
};

/**
 * Puts the axes in another order.
 *
 * @param x Any tensor.
 * @param permutation Axis `i` of the result is axis `permutation[i]` of `x`; reversed order if left out.
 * @returns Tensor with permuted axes.
 * @throws {ShapeError} If the permutation does not name each axis once.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { transpose, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(transpose(zeros([2, 3, 4]), [0, 2, 1]).shape, [2, 4, 3]);
 * ```
 */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  requireTensor("transpose", "x", x);
  const order = permutation ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  requireList("transpose", "permutation", order);
  return bind(TRANSPOSE, [x], { permutation: order.map((axis) => axis < 0 ? axis + x.shape.length : axis) });
}
