/** @file Slice and pad, each the other's transpose. */
import { contiguous } from "../compiler/view.ts";
import { requireKind, requireList, requireOptions, ShapeError } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { type Shape, sizeOf, stridesOf } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";
import { fillOf } from "./cast.ts";
import { requireTensor } from "../require_tensor.ts";
import { readView, referenceMove, reshape } from "./layout.ts";

/** Which elements a slice takes: those at `start + i step` for `i` below `size`, on each axis. */
export interface SliceParams {
  /** First element of each axis. */
  readonly start: readonly number[];
  /** Number of elements. */
  readonly size: Shape;
  /** Distance of neighbours; negative walks backwards. */
  readonly step: readonly number[];
}

const SLICE: Primitive<SliceParams> = {
  name: "slice",
  shapeRule: ([x], { start, size, step }) => {
    const inside = (i: number, axis: number) => i >= 0 && i < x!.shape[axis]!;
    const fits = [start, size, step].every((list) => list.length === x!.shape.length && list.every(Number.isInteger)) &&
      size.every((n, axis) =>
        n === 0 ||
        (inside(start[axis]!, axis) && inside(start[axis]! + (n - 1) * step[axis]!, axis) && step[axis] !== 0)
      );
    if (fits) return { shape: size, dtype: x!.dtype };
    throw new ShapeError("slice", `start [${start}], size [${size}] and step [${step}] must stay inside`, [x!.shape]);
  },
  reference: ([x], move) => referenceMove(x!, { move: "slice", ...move }),
  vjpRule: (cotangent, { inputs: [x] }, params) => [unslice(cotangent, x!.shape, params)],
  lowering: { kind: "view", view: (params) => ({ move: "slice", ...params }) },
};

/** Which elements a slice takes. Arrays have one entry per axis. */
export interface SliceOptions {
  /** First element of each axis; negative counts from the end. */
  readonly start: readonly number[];
  /** Number of elements; -1 for the rest in the direction of the step. All rest if left out. */
  readonly size?: Shape;
  /** Distance of neighbours; negative walks backwards. 1 if left out. */
  readonly step?: readonly number[];
}

/**
 * Takes a strided box out of a tensor.
 *
 * @param x Any tensor.
 * @param options Start, size and step for each axis.
 * @returns Tensor of shape `size`.
 * @throws {ShapeError} If the box reaches outside.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { slice, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await slice(tensor([1, 2, 3, 4]), { start: [1], size: [2] }).data(), new Float32Array([2, 3]));
 * ```
 */
export function slice(x: Tensor, options: SliceOptions): Tensor {
  requireOptions("slice", options, { start: true, size: true, step: true });
  requireTensor("slice", "x", x);
  requireList("slice", "start", options.start);
  const start = options.start.map((i, axis) => i < 0 ? i + (x.shape[axis] ?? 0) : i);
  const step = options.step ?? start.map(() => 1);
  const rest = (axis: number) => {
    const room = step[axis]! > 0 ? x.shape[axis]! - start[axis]! : start[axis]! + 1;
    return Math.max(0, Math.ceil(room / Math.abs(step[axis]!)));
  };
  const sizes = options.size ?? start.map(() => -1);
  requireList("slice", "size", sizes);
  requireList("slice", "step", step);
  const size = sizes.map((n, axis) => n === -1 ? rest(axis) : n);
  return bind(SLICE, [x], { start, size, step: [...step] });
}

/** Puts the elements of a slice back to their places among zeros: the transpose of `slice`. */
export function unslice(cotangent: Tensor, shape: Shape, { start, size, step }: SliceParams): Tensor {
  if (sizeOf(size) === 0) return pad(reshape(cotangent, size), shape.map((n, axis) => [0, n - size[axis]!]));
  const first = start.map((at, axis) => Math.min(at, at + (size[axis]! - 1) * step[axis]!));
  const backwards = step.map((s) => s < 0 ? -1 : 1);
  const forward = backwards.includes(-1)
    ? slice(cotangent, { start: size.map((n, axis) => step[axis]! < 0 ? n - 1 : 0), size, step: backwards })
    : cotangent;
  const gaps = step.map(Math.abs);
  const spread = gaps.every((gap) => gap === 1) ? forward : interleaveZeros(forward, gaps);
  return pad(spread, shape.map((n, axis) => [first[axis]!, n - first[axis]! - spread.shape[axis]!]));
}

/** Zeros between neighbours: sizes become `(n - 1) * gap + 1`. */
function interleaveZeros(x: Tensor, gaps: readonly number[]): Tensor {
  const paired = reshape(x, x.shape.flatMap((n) => [n, 1]));
  const padded = pad(paired, gaps.flatMap((gap) => [[0, 0], [0, gap - 1]] as const));
  const merged = reshape(padded, x.shape.map((n, axis) => n * gaps[axis]!));
  return slice(merged, { start: gaps.map(() => 0), size: x.shape.map((n, axis) => (n - 1) * gaps[axis]! + 1) });
}

interface PadParams {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

const PAD: Primitive<PadParams> = {
  name: "pad",
  shapeRule: ([x], { before, after }) => {
    if (before.length === x!.shape.length && [...before, ...after].every((n) => Number.isInteger(n) && n >= 0)) {
      return { shape: x!.shape.map((n, axis) => n + before[axis]! + after[axis]!), dtype: x!.dtype };
    }
    throw new ShapeError("pad", `widths must be whole and not negative for each axis, not [${before}] and [${after}]`, [
      x!.shape,
    ]);
  },
  reference: ([x], { before, value }, { shape }) => {
    const result = new Float64Array(sizeOf(shape)).fill(value);
    const strides = stridesOf(shape);
    const offset = before.reduce((sum, n, axis) => sum + n * strides[axis]!, 0);
    const places = Float64Array.from(result.keys());
    const targets = readView(places, { ...contiguous(x!.shape), strides, offset });
    targets.forEach((target, i) => result[target] = x!.data[i]!);
    return result;
  },
  vjpRule: (cotangent, { inputs: [x] }, { before }) => [slice(cotangent, { start: before, size: x!.shape })],
  lowering: { kind: "view", view: (params) => ({ move: "pad", ...params }) },
};

/**
 * Surrounds a tensor with a constant.
 *
 * @param x Any tensor.
 * @param widths `[before, after]` for each axis, in elements.
 * @param value The constant.
 * @returns Tensor with sizes grown by the widths.
 * @throws {ShapeError} If a width is negative or an axis has none.
 * @throws {RangeError} If the value is no number of the dtype, unless it is infinite or NaN: then the nearest element stands for it.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { pad, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await pad(tensor([1]), [[1, 2]]).data(), new Float32Array([0, 1, 0, 0]));
 * ```
 */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  requireTensor("pad", "x", x);
  requireKind(
    "pad",
    "widths",
    widths,
    Array.isArray(widths) && widths.every(Array.isArray),
    "a list of [before, after]",
  );
  if (widths.length === x.shape.length && widths.every(([before, after]) => before === 0 && after === 0)) return x;
  const [before, after] = [widths.map(([n]) => n), widths.map(([, n]) => n)];
  return bind(PAD, [x], { before, after, value: fillOf("pad", "value", value, x.dtype) });
}
