/** @file Each of these two is the other's transpose, so they share a file: imports stay free of circles. */
import { type OptionNames, requireKind, requireList, requireOptions, ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { type DenseArray, DTYPES, sameShape, type Shape, sizeOf, stridesOf } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { asTerms, wrap } from "./cast.ts";
import { referenceMove, reshape } from "./layout.ts";

/** Axes as positions from the front, sorted. `undefined` is all. */
export function normalizeAxes(
  operation: string,
  x: { readonly shape: Shape },
  axis?: number | readonly number[],
): readonly number[] {
  const rank = x.shape.length;
  const given = axis === undefined ? x.shape.map((_, i) => i) : typeof axis === "number" ? [axis] : axis;
  requireKind(operation, "axis", axis, Array.isArray(given), "a number or a list of numbers");
  const axes = given.map((i) => i < 0 ? i + rank : i).sort((a, b) => a - b);
  if (axes.some((i, at) => !Number.isInteger(i) || i < 0 || i >= rank || i === axes[at - 1])) {
    throw new ShapeError(operation, `axes must differ and lie in [-${rank}, ${rank}), not [${given.join(", ")}]`, [
      x.shape,
    ]);
  }
  return axes;
}

/** Combines the elements over axes, in row-major order. */
export function referenceReduce(
  x: DenseArray,
  axes: readonly number[],
  initial: number,
  combine: (sum: number, value: number) => number,
): Float64Array {
  const strides = stridesOf(x.shape);
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const outStrides = stridesOf(kept.map((axis) => x.shape[axis]!));
  const result = new Float64Array(sizeOf(kept.map((axis) => x.shape[axis]!))).fill(initial);
  for (let i = 0; i < x.data.length; i++) {
    let at = 0;
    kept.forEach((axis, k) => at += (Math.floor(i / strides[axis]!) % x.shape[axis]!) * outStrides[k]!);
    result[at] = combine(result[at]!, x.data[i]!);
  }
  return result;
}

/** Shape without the axes. */
export function withoutAxes(shape: Shape, axes: readonly number[]): Shape {
  return shape.filter((_, i) => !axes.includes(i));
}

/** Shape with the axes of size 1. */
export function keptAxes(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((size, i) => axes.includes(i) ? 1 : size);
}

const SUM: Primitive<{ readonly axes: readonly number[] }> = {
  name: "sum",
  shapeRule: ([x], { axes }) => ({ shape: withoutAxes(x!.shape, axes), dtype: x!.dtype }),
  reference: ([x], { axes }, { dtype }) =>
    referenceReduce(x!, axes, 0, (sum, value) => wrap(sum + value, DTYPES[dtype].computed)),
  vjpRule: (cotangent, { inputs: [x] }, { axes }) => [
    broadcastTo(reshape(cotangent, keptAxes(x!.shape, axes)), x!.shape),
  ],
  lowering: { kind: "reduction", op: "sum", axes: ({ axes }) => axes },
};

/** Which axes a reduction takes, and whether they stay with size 1. */
export interface ReduceOptions {
  /** Axis or axes, negative from the end; all if left out. */
  readonly axis?: number | readonly number[];
  /** True to keep reduced axes with size 1. */
  readonly keepDims?: boolean;
}

/** Names of ReduceOptions. */
export const REDUCE_OPTIONS: OptionNames<ReduceOptions> = { axis: true, keepDims: true };

/**
 * Adds up elements.
 *
 * @param x Tensor of any dtype.
 * @param options Axes; all by default.
 * @returns Sums, 0 over an empty axis; of bool the number of true elements, int32.
 * @throws {ShapeError} If an axis is out of range.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sum, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await sum(tensor([[1, 2], [3, 4]]), { axis: 0 }).data(), new Float32Array([4, 6]));
 * ```
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("sum", options, REDUCE_OPTIONS);
  requireTensor("sum", "x", x);
  const { axis, keepDims = false } = options;
  const axes = normalizeAxes("sum", x, axis);
  const terms = asTerms(x);
  const result = axes.length === 0 ? terms : bind(SUM, [terms], { axes });
  return keepDims ? reshape(result, keptAxes(x.shape, axes)) : result;
}

const BROADCAST_TO: Primitive<{ readonly shape: Shape }> = {
  name: "broadcastTo",
  shapeRule: ([x], { shape }) => {
    const lead = shape.length - x!.shape.length;
    if (lead >= 0 && x!.shape.every((size, i) => size === 1 || size === shape[lead + i])) {
      return { shape, dtype: x!.dtype };
    }
    throw new ShapeError(`broadcast to [${shape.join(", ")}]`, "each size must be 1 or that of the target", [x!.shape]);
  },
  reference: ([x], { shape }) => referenceMove(x!, { move: "broadcast", shape }),
  vjpRule: (cotangent, { inputs: [x] }) => [sumTo(cotangent, x!.shape)],
  lowering: { kind: "view", view: ({ shape }) => ({ move: "broadcast", shape }) },
};

/**
 * Repeats axes of size 1, and adds leading ones, to fill a shape.
 *
 * @param x Tensor whose sizes are 1 or those of the target, aligned at the end.
 * @param shape Shape of the result.
 * @returns Tensor of that shape.
 * @throws {ShapeError} If a size is neither 1 nor the target's.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { broadcastTo, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await broadcastTo(tensor([1, 2]), [2, 2]).data(), new Float32Array([1, 2, 1, 2]));
 * ```
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  requireTensor("broadcastTo", "x", x);
  requireList("broadcastTo", "shape", shape);
  return sameShape(x.shape, shape) ? x : bind(BROADCAST_TO, [x], { shape: [...shape] });
}

/** Sums a broadcast tensor back to the shape it had: the transpose of `broadcastTo`. */
function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return reshape(sum(x, { axis: axes }), shape);
}
