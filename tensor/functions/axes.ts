import { requireOptions, ShapeError } from "../errors.ts";
import { joinAlong } from "../primitives/batching/join.ts";
import { cast } from "../primitives/cast.ts";
import { promoteTypes } from "../primitives/operands.ts";
import { reshape } from "../primitives/layout.ts";
import { normalizeAxes } from "../primitives/sum.ts";
import { slice } from "../primitives/window.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor, requireTensors } from "../require_tensor.ts";

/**
 * Drops axes of size 1.
 *
 * @param x Any tensor.
 * @param options `axis`: axis or axes to drop; all of size 1 if left out.
 * @returns Tensor without them.
 * @throws {ShapeError} If a named axis has another size.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { squeeze, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(squeeze(zeros([1, 2, 1])).shape, [2]);
 * ```
 */
export function squeeze(x: Tensor, options: { readonly axis?: number | readonly number[] } = {}): Tensor {
  requireOptions("squeeze", options, { axis: true });
  requireTensor("squeeze", "x", x);
  const { axis } = options;
  const axes = axis === undefined
    ? [...x.shape.keys()].filter((i) => x.shape[i] === 1)
    : normalizeAxes("squeeze", x, axis);
  if (axes.some((i) => x.shape[i] !== 1)) throw new ShapeError("squeeze", `axes ${axes} must have size 1`, [x.shape]);
  return reshape(x, x.shape.filter((_, i) => !axes.includes(i)));
}

/** Where a new axis stands, from the front. */
function newAxis(operation: string, x: Tensor, axis: number): number {
  const rank = x.shape.length;
  const at = axis < 0 ? axis + rank + 1 : axis;
  if (Number.isInteger(at) && at >= 0 && at <= rank) return at;
  throw new ShapeError(operation, `the axis must lie in [-${rank + 1}, ${rank}], not ${axis}`, [x.shape]);
}

/**
 * Adds an axis of size 1.
 *
 * @param x Any tensor.
 * @param options `axis`: where it stands in the result; negative counts from the end.
 * @returns Tensor of one rank more.
 * @throws {ShapeError} If the axis is out of range.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { expandDims, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(expandDims(zeros([2]), { axis: -1 }).shape, [2, 1]);
 * ```
 */
export function expandDims(x: Tensor, options: { readonly axis: number }): Tensor {
  requireOptions("expandDims", options, { axis: true });
  requireTensor("expandDims", "x", x);
  return reshape(x, x.shape.toSpliced(newAxis("expandDims", x, options.axis), 0, 1));
}

/**
 * Reverses an axis.
 *
 * @param x Any tensor.
 * @param options `axis`: axis or axes; all if left out.
 * @returns Tensor of the same shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { flip, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await flip(tensor([1, 2, 3])).data(), new Float32Array([3, 2, 1]));
 * ```
 */
export function flip(x: Tensor, options: { readonly axis?: number | readonly number[] } = {}): Tensor {
  requireOptions("flip", options, { axis: true });
  requireTensor("flip", "x", x);
  const axes = normalizeAxes("flip", x, options.axis);
  const start = x.shape.map((size, i) => axes.includes(i) ? Math.max(size - 1, 0) : 0);
  return slice(x, { start, size: x.shape, step: x.shape.map((_, i) => axes.includes(i) ? -1 : 1) });
}

/**
 * Joins tensors along an axis.
 *
 * @param tensors At least one; sizes agree off the axis.
 * @param options `axis`: 0 by default.
 * @returns Tensor whose size there is the sum.
 * @throws {ShapeError} If sizes differ off the axis.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { concat, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await concat([tensor([1]), tensor([2, 3])]).data(), new Float32Array([1, 2, 3]));
 * ```
 */
export function concat(tensors: readonly Tensor[], options: { readonly axis?: number } = {}): Tensor {
  requireOptions("concat", options, { axis: true });
  const { axis = 0 } = options;
  requireTensors("concat", "tensors", tensors);
  const [first] = tensors;
  if (!first) throw new ShapeError("concat", "there must be at least one tensor", []);
  const [at] = normalizeAxes("concat", first, axis);
  const offAxis = (x: Tensor) => x.shape.map((size, i) => i === at ? 0 : size).join();
  if (tensors.some((x) => offAxis(x) !== offAxis(first))) {
    throw new ShapeError("concat", `sizes must agree off axis ${axis}`, tensors.map((x) => x.shape));
  }
  const dtype = tensors.map((x) => x.dtype).reduce((a, b) => promoteTypes(a, b, "concat"));
  return joinAlong(tensors.map((x) => cast(x, dtype)), at!);
}

/**
 * Joins tensors of one shape along a new axis.
 *
 * @param tensors At least one.
 * @param options `axis`: where the new axis stands, 0 by default.
 * @returns Tensor of one rank more.
 * @throws {ShapeError} If shapes differ.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { stack, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(stack([tensor([1, 2]), tensor([3, 4])]).shape, [2, 2]);
 * ```
 */
export function stack(tensors: readonly Tensor[], options: { readonly axis?: number } = {}): Tensor {
  requireOptions("stack", options, { axis: true });
  const { axis = 0 } = options;
  requireTensors("stack", "tensors", tensors);
  const [first] = tensors;
  if (!first) throw new ShapeError("stack", "there must be at least one tensor", []);
  const at = newAxis("stack", first, axis);
  return concat(tensors.map((x) => expandDims(x, { axis: at })), { axis: at });
}
