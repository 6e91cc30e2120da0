/** @file Reading and updating parts of a tensor. */
import { requireOptions } from "../../errors.ts";
import { add, maximum, minimum, mul } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { greaterEqual } from "../../primitives/comparison.ts";
import { constant, iota } from "../../primitives/constant.ts";
import { scatterAdd, take } from "../../primitives/gather.ts";
import { scatterMax, scatterMin } from "../../primitives/indexing/scatter_max.ts";
import { reshape, transpose } from "../../primitives/layout.ts";
import { promoteTypes, requireOperand, type TensorLike } from "../../primitives/operands.ts";
import { broadcastTo } from "../../primitives/sum.ts";
import { where } from "../../primitives/where.ts";
import { slice, type SliceParams, unslice } from "../../primitives/window.ts";
import { requireTensor } from "../../require_tensor.ts";
import { type DType, holds, sameShape, type Shape, sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { type Index, type IndexPlan, planIndex, type Positions, rowsOf } from "./index_plan.ts";
import { segmentProd } from "./segments.ts";

/** A part of a tensor. Updates give the whole tensor anew, with the part changed. */
export interface At {
  /**
   * Reads the part. Positions in arrays that are out of range are moved to the nearest end, as JAX does; with `fill` they
   * read that instead.
   */
  get(options?: { readonly fill?: number }): Tensor;
  /** Puts values there. Where several fall on one element, the last in row-major order stays. */
  set(values: TensorLike): Tensor;
  /** Adds values; several that fall on one element are all added. Of bools it is logical or. */
  add(values: TensorLike): Tensor;
  /** Multiplies by values; several that fall on one element all count. Of bools it is logical and. */
  mul(values: TensorLike): Tensor;
  /** The smaller of what is there and the values. */
  min(values: TensorLike): Tensor;
  /** The larger of what is there and the values. */
  max(values: TensorLike): Tensor;
}

type Update = Exclude<keyof At, "get">;

/**
 * Names a part of a tensor to read or update, as `x.at[index]` of JAX.
 *
 * The index has an entry for each axis from the first on: a position, a range `{ start, stop, step }` as Python's
 * `start:stop:step`, or an array of positions (nested array or integer tensor); `"..."` stands for the axes in between.
 * A single position, range or tensor stands for the first axis; an array of positions for one axis is written
 * `[[0, 2]]`. Arrays broadcast with each other and take elements together, as in NumPy: their axes stand where the arrays
 * stand in the index, or first if there is a range between them.
 *
 * Negative positions count from the end. A plain number that is out of range is refused; positions in arrays, which are
 * values that may be traced, are moved to the nearest end by `get`, and left out by updates, as in JAX.
 *
 * @param x Any tensor.
 * @param index Which part. Masks are refused, as the shape of the part would depend on values.
 * @returns Functions that read or update the part. Values broadcast to the shape of the part and are taken in the dtype of
 * `x`, which must hold them.
 * @throws {RangeError} If a plain position is out of range.
 * @throws {ShapeError} If there are too many entries, or arrays or values do not broadcast.
 * @throws {TypeError} If an entry is none, or values have a dtype that would not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { at, tensor } from "@tessera/tessera/tensor";
 *
 * const x = tensor([[1, 2], [3, 4], [5, 6]]);
 * deepStrictEqual(await at(x, [{ start: 1 }, -1]).get().data(), new Float32Array([4, 6])); // x[1:, -1]
 * deepStrictEqual(await at(x, [[2, 0]]).get().data(), new Float32Array([5, 6, 1, 2])); // x[[2, 0]]
 * deepStrictEqual(await at(x, [0, 1]).set(9).data(), new Float32Array([1, 9, 3, 4, 5, 6]));
 * ```
 */
export function at(x: Tensor, index: Index): At {
  requireTensor("at", "x", x);
  const plan = planIndex(x.shape, index);
  const updated = (update: Update) => (values: TensorLike) => updatePart(x, plan, update, values);
  return Object.freeze({
    get(options: { readonly fill?: number } = {}) {
      requireOptions("get", options, { fill: true });
      return readPart(x, plan, options.fill);
    },
    set: updated("set"),
    add: updated("add"),
    mul: updated("mul"),
    min: updated("min"),
    max: updated("max"),
  });
}

function isWhole({ start, size, step }: SliceParams, shape: Shape): boolean {
  return sameShape(size, shape) && start.every((n) => n === 0) && step.every((n) => n === 1);
}

function cut(x: Tensor, box: SliceParams): Tensor {
  return isWhole(box, x.shape) ? x : slice(x, box);
}

/** Indexed axes first. */
function leading({ axes }: Positions, rank: number): readonly number[] {
  return [...axes, ...Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !axes.includes(axis))];
}

/** `[rows, rest]` of a box, as positions see it. */
function rowsOfBox(box: Tensor, positions: Positions): Tensor {
  const order = leading(positions, box.shape.length);
  const rows = sizeOf(positions.axes.map((axis) => box.shape[axis]!));
  const rest = sizeOf(order.slice(positions.axes.length).map((axis) => box.shape[axis]!));
  return reshape(transpose(box, order), [rows, rest]);
}

/** The permutation that moves the first `count` axes behind the next `place`. */
function movedBack(rank: number, count: number, place: number): readonly number[] {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  return [...all.slice(count, count + place), ...all.slice(0, count), ...all.slice(count + place)];
}

function readPart(x: Tensor, { box, shape, positions }: IndexPlan, fill: number | undefined): Tensor {
  const whole = cut(x, box);
  if (!positions) return reshape(whole, shape);
  const rows = rowsOfBox(whole, positions);
  const numbers = rowsOf(positions, box.size, fill === undefined ? "clip" : "none");
  const taken = take(rows, numbers, { fill: fill ?? 0, wrapNegativeIndices: false });
  const count = positions.shape.length;
  const rest = shape.toSpliced(positions.place, count);
  return transpose(reshape(taken, [...positions.shape, ...rest]), movedBack(shape.length, count, positions.place));
}

/** Values in the dtype and shape of a part. */
function valuesFor(update: Update, values: TensorLike, shape: Shape, dtype: DType): Tensor {
  requireOperand(update, "values", values);
  if (typeof values === "number") {
    if (holds(dtype, values)) return constant(shape, values, dtype);
    throw new RangeError(
      `Cannot ${update} as values must be of ${dtype}: current value is ${values}; cast the tensor`,
    );
  }
  if (promoteTypes(values.dtype, dtype, update) === dtype) return broadcastTo(cast(values, dtype), shape);
  throw new TypeError(
    `Cannot ${update} as values must fit into ${dtype}: current dtype of values is ${values.dtype}; cast one of them`,
  );
}

/** How a value joins what is there. */
const JOINED: Readonly<Record<Update, (old: Tensor, value: Tensor) => Tensor>> = {
  set: (_, value) => value,
  add,
  mul,
  min: minimum,
  max: maximum,
};

function updatePart(x: Tensor, plan: IndexPlan, update: Update, given: TensorLike): Tensor {
  const { box, shape, positions } = plan;
  const values = valuesFor(update, given, shape, x.dtype);
  const old = cut(x, box);
  const changed = positions
    ? updateRows(old, positions, update, values)
    : JOINED[update](old, reshape(values, box.size));
  if (isWhole(box, x.shape)) return changed;
  const inside = unslice(constant(box.size, 1, "bool"), x.shape, box);
  return where(inside, unslice(changed, x.shape, box), x);
}

function updateRows(box: Tensor, positions: Positions, update: Update, values: Tensor): Tensor {
  const { shape, place } = positions;
  const rank = values.shape.length;
  const back = movedBack(rank, shape.length, place);
  const forward = back.map((_, axis) => back.indexOf(axis));
  const rows = rowsOfBox(box, positions);
  const updates = reshape(transpose(values, forward), [sizeOf(shape), rows.shape[1]!]);
  const numbers = reshape(rowsOf(positions, box.shape, "none"), [sizeOf(shape)]);
  const result = scatterRows(rows, numbers, update, updates);
  const order = leading(positions, box.shape.length);
  const undone = order.map((_, axis) => order.indexOf(axis));
  return transpose(reshape(result, order.map((axis) => box.shape[axis]!)), undone);
}

/** Rows with updates at places, those at -1 left out. */
function scatterRows(rows: Tensor, places: Tensor, update: Update, updates: Tensor): Tensor {
  if (rows.dtype === "bool" && update !== "set") {
    const counted = scatterRows(cast(rows, "int32"), places, BOOLEAN[update], cast(updates, "int32"));
    return cast(counted, "bool");
  }
  const options = { size: rows.shape[0]!, wrapNegativeIndices: false };
  switch (update) {
    case "set": {
      // The last update of each place, by its number.
      const last = scatterMax(iota(places.shape, 0), places, options);
      const chosen = take(updates, last, { wrapNegativeIndices: false });
      return where(reshape(greaterEqual(last, 0), [options.size, 1]), chosen, rows);
    }
    case "add":
      return add(rows, scatterAdd(updates, places, options));
    case "mul":
      return mul(rows, segmentProd(updates, places, { segments: options.size }));
    case "min":
      return minimum(rows, scatterMin(updates, places, options));
    case "max":
      return maximum(rows, scatterMax(updates, places, options));
  }
}

/** What updates of bools are of 0 and 1. */
const BOOLEAN: Readonly<Record<Exclude<Update, "set">, Update>> = { add: "max", mul: "min", min: "min", max: "max" };
