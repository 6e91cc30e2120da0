import { requireOptions, ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { type DType, DTYPES } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { cast } from "./cast.ts";
import { mul } from "./arithmetic.ts";
import { div } from "./division.ts";
import { equal, isNaN } from "./comparison.ts";
import { constant, iota } from "./constant.ts";
import { reshape } from "./layout.ts";
import { logicalOr } from "./logic.ts";
import {
  broadcastTo,
  keptAxes,
  normalizeAxes,
  REDUCE_OPTIONS,
  type ReduceOptions,
  referenceReduce,
  sum,
  withoutAxes,
} from "./sum.ts";
import { where } from "./where.ts";

/** The extremum of nothing: what every value of the dtype beats or equals. */
const neutral = (name: "max" | "min", dtype: DType): number => DTYPES[dtype].limits[name === "max" ? 0 : 1];

function extremum(name: "max" | "min"): Primitive<{ readonly axes: readonly number[] }> {
  return {
    name,
    shapeRule: ([x], { axes }) => ({ shape: withoutAxes(x!.shape, axes), dtype: x!.dtype }),
    reference: ([x], { axes }, { dtype }) => referenceReduce(x!, axes, neutral(name, dtype), Math[name]),
    // Equal shares among ties, as JAX does.
    vjpRule: (cotangent, output, { axes }) => {
      const x = output.inputs[0]!;
      const spread = (y: Tensor) => broadcastTo(reshape(y, keptAxes(x.shape, axes)), x.shape);
      const winners = cast(equal(x, spread(output)), x.dtype);
      return [mul(winners, spread(div(cotangent, sum(winners, { axis: axes }))))];
    },
    lowering: { kind: "reduction", op: name, axes: ({ axes }) => axes },
  };
}

const MAX = /* @__PURE__ */ extremum("max");
const MIN = /* @__PURE__ */ extremum("min");

/** Refuses to look for the extremum of nothing. */
function requireElements(operation: string, x: Tensor, axes: readonly number[]): void {
  if (axes.every((axis) => x.shape[axis] !== 0)) return;
  throw new ShapeError(operation, `axes [${axes}] must not be empty: of nothing there is no extremum`, [x.shape]);
}

function reduce(primitive: typeof MAX, x: Tensor, options: ReduceOptions): Tensor {
  const { axis, keepDims = false } = options;
  const axes = normalizeAxes(primitive.name, x, axis);
  requireElements(primitive.name, x, axes);
  // Bools are masks in some registers, 0 and 1 in others.
  const values = x.dtype === "bool" ? cast(x, "uint32") : x;
  const result = axes.length === 0 ? x : cast(bind(primitive, [values], { axes }), x.dtype);
  return keepDims ? reshape(result, keptAxes(x.shape, axes)) : result;
}

/**
 * The largest element, NaN if any is.
 *
 * @param x Tensor of numbers.
 * @param options Axes; all by default.
 * @returns Maxima. Ties share the cotangent equally.
 * @throws {ShapeError} If an axis is out of range or empty.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { max, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await max(tensor([1, 3, 2])).item(), 3);
 * ```
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("max", options, REDUCE_OPTIONS);
  requireTensor("max", "x", x);
  return reduce(MAX, x, options);
}

/**
 * The smallest element, NaN if any is.
 *
 * @param x Tensor of numbers.
 * @param options Axes; all by default.
 * @returns Minima. Ties share the cotangent equally.
 * @throws {ShapeError} If an axis is out of range or empty.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { min, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await min(tensor([3, 1, 2])).item(), 1);
 * ```
 */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("min", options, REDUCE_OPTIONS);
  requireTensor("min", "x", x);
  return reduce(MIN, x, options);
}

/** The first position of what was found; where that is NaN, the first NaN. */
function positionOf(found: Tensor, x: Tensor, axis: number): Tensor {
  const same = equal(x, broadcastTo(found, x.shape));
  const here = DTYPES[x.dtype].floating ? logicalOr(same, isNaN(x)) : same;
  const far = constant(x.shape, x.shape[axis]!, "int32");
  return min(where(here, iota(x.shape, axis), far), { axis });
}

/**
 * The position of the largest element along an axis, the first of equals; of NaN, if there is one.
 *
 * @param x Any tensor.
 * @param options `axis`, the last by default.
 * @returns int32 tensor without that axis.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { argmax, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await argmax(tensor([1, 3, 2])).item(), 1);
 * ```
 */
export function argmax(x: Tensor, options: { readonly axis?: number } = {}): Tensor {
  requireOptions("argmax", options, { axis: true });
  requireTensor("argmax", "x", x);
  const { axis = -1 } = options;
  const [at] = normalizeAxes("argmax", x, axis);
  requireElements("argmax", x, [at!]);
  return positionOf(max(x, { axis: at!, keepDims: true }), x, at!);
}

/**
 * The position of the smallest element along an axis, the first of equals; of NaN, if there is one.
 *
 * @param x Any tensor.
 * @param options `axis`, the last by default.
 * @returns int32 tensor without that axis.
 * @throws {ShapeError} If the axis is out of range.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { argmin, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await argmin(tensor([3, 1, 2])).item(), 1);
 * ```
 */
export function argmin(x: Tensor, options: { readonly axis?: number } = {}): Tensor {
  requireOptions("argmin", options, { axis: true });
  requireTensor("argmin", "x", x);
  const { axis = -1 } = options;
  const [at] = normalizeAxes("argmin", x, axis);
  requireElements("argmin", x, [at!]);
  return positionOf(min(x, { axis: at!, keepDims: true }), x, at!);
}
