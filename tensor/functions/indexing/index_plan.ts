/** @file What an index takes of a tensor: a box of slices, and positions within it. */
import { ShapeError, shown } from "../../errors.ts";
import type { Nested } from "../../host_values.ts";
import { add, clip, mul } from "../../primitives/arithmetic.ts";
import { greaterEqual, less } from "../../primitives/comparison.ts";
import { constant } from "../../primitives/constant.ts";
import { indicesOf } from "../../primitives/indices.ts";
import { logicalOr } from "../../primitives/logic.ts";
import { broadcastShapes } from "../../primitives/operands.ts";
import { broadcastTo } from "../../primitives/sum.ts";
import { where } from "../../primitives/where.ts";
import type { SliceParams } from "../../primitives/window.ts";
import { type Shape, sizeOf, stridesOf } from "../../spec.ts";
import { Tensor } from "../../tensor.ts";

/** Elements of an axis by their positions, as Python's `start:stop:step`: bounds beyond the axis end at its ends. */
export interface IndexRange {
  /** First position; negative counts from the end. The first element in the direction of the step if left out. */
  readonly start?: number;
  /** Position before which it ends; negative counts from the end. All that is left if left out. */
  readonly stop?: number;
  /** Distance of neighbours; negative walks backwards. 1 if left out. */
  readonly step?: number;
}

/** What is taken of one axis: a position, an array of positions, or a range; `"..."` stands for all axes that are left. */
export type IndexEntry = number | IndexRange | Tensor | readonly Nested[] | "...";

/** What is taken of each axis from the first on, or of the first alone. Of axes that are left all is taken. */
export type Index = number | IndexRange | Tensor | readonly IndexEntry[];

/** Arrays of positions, on the axes of the box that they index. */
export interface Positions {
  /** Axes of the box, ascending. */
  readonly axes: readonly number[];
  /** Positions on each, int32 and of one shape; negative ones are counted from the end already. */
  readonly arrays: readonly Tensor[];
  /** That shape. */
  readonly shape: Shape;
  /** Where its axes stand among those of the result. */
  readonly place: number;
}

/** An index, worked out for a shape. */
export interface IndexPlan {
  /** The slices. */
  readonly box: SliceParams;
  /** Shape of what the index takes. */
  readonly shape: Shape;
  /** `null` if there are no arrays. */
  readonly positions: Positions | null;
}

function refuse(requirement: string, current: string): never {
  throw new TypeError(`Cannot index as ${requirement}: current ${current}`);
}

/** One entry for each axis. */
function entriesOf(shape: Shape, index: Index): readonly Exclude<IndexEntry, "...">[] {
  const given: readonly IndexEntry[] = Array.isArray(index) ? index : [index as IndexEntry];
  const gaps = given.filter((entry) => entry === "...").length;
  const named = given.length - gaps;
  if (gaps > 1) refuse('"..." may stand once', `index has ${gaps}`);
  if (named > shape.length) {
    throw new ShapeError("index", `there must be an axis for each of the ${named} entries of the index`, [shape]);
  }
  const all = Array.from({ length: shape.length - named }, (): IndexRange => ({}));
  const at = gaps === 1 ? given.indexOf("...") : given.length;
  return [...given.slice(0, at), ...all, ...given.slice(at + 1)] as Exclude<IndexEntry, "...">[];
}

/** A range as start, size and step within an axis. */
function rangeOf(range: IndexRange, size: number): readonly [start: number, size: number, step: number] {
  const unknown = Object.keys(range).find((name) => !["start", "stop", "step"].includes(name));
  if (unknown) refuse("a range has start, stop and step", `range has ${unknown}`);
  const { start, stop, step = 1 } = range;
  const wrong = Object.entries({ start, stop, step }).find(([, n]) => n !== undefined && !Number.isInteger(n));
  if (wrong || step === 0) refuse("bounds must be whole and the step not 0", `range is ${JSON.stringify(range)}`);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const bound = (n: number) => Math.min(Math.max(n < 0 ? n + size : n, low), high);
  const first = start === undefined ? (step > 0 ? low : high) : bound(start);
  const end = stop === undefined ? (step > 0 ? high : low) : bound(stop);
  const count = Math.max(0, Math.ceil((end - first) / step));
  return [count === 0 ? 0 : first, count, step];
}

function positionOf(index: number, size: number, axis: number): number {
  const at = index < 0 ? index + size : index;
  if (Number.isInteger(at) && at >= 0 && at < size) return at;
  throw new RangeError(
    `Cannot index as a position must be whole and lie in [-${size}, ${size}): current position on axis ${axis} is ${index}`,
  );
}

function isArray(entry: unknown): entry is Tensor | readonly Nested[] {
  return entry instanceof Tensor || Array.isArray(entry);
}

function isMask(entry: Tensor | readonly Nested[]): boolean {
  if (entry instanceof Tensor) return entry.dtype === "bool";
  return entry.some((part) => Array.isArray(part) ? isMask(part) : typeof part === "boolean");
}

/** Positions of an array entry. */
function arrayOf(entry: Tensor | readonly Nested[], size: number): Tensor {
  if (!isMask(entry)) return indicesOf("index", entry, size);
  return refuse(
    "the shape of what a mask takes depends on its values",
    "index is a mask; update with where(mask, …), read with await booleanMask(x, mask), or take positions from await nonzero(mask)",
  );
}

/**
 * Works out what an index takes.
 *
 * @param shape Shape of the tensor.
 * @param index As of `at`.
 * @returns The box, the positions within it, and the shape of the result.
 */
export function planIndex(shape: Shape, index: Index): IndexPlan {
  const entries = entriesOf(shape, index);
  const arrays = entries.some(isArray);
  const ranges = entries.map((entry, axis): readonly [number, number, number] => {
    const size = shape[axis]!;
    if (isArray(entry)) return [0, size, 1];
    if (typeof entry === "number") return [positionOf(entry, size, axis), 1, 1];
    if (typeof entry === "object" && entry !== null) return rangeOf(entry, size);
    return refuse("entries must be numbers, ranges, arrays or tensors", `entry of axis ${axis} is ${shown(entry)}`);
  });
  const box = {
    start: ranges.map(([start]) => start),
    size: ranges.map(([, size]) => size),
    step: ranges.map(([, , step]) => step),
  };
  const isRange = (axis: number) => typeof entries[axis] !== "number" && !isArray(entries[axis]);
  if (!arrays) return { box, shape: box.size.filter((_, axis) => isRange(axis)), positions: null };
  // A number beside arrays is an array of one: of the box, which has one element there, the first.
  const axes = [...shape.keys()].filter((axis) => !isRange(axis));
  const each = axes.map((axis) => {
    const entry = entries[axis]!;
    return isArray(entry) ? arrayOf(entry, shape[axis]!) : constant([], 0, "int32");
  });
  const joint = broadcastShapes("index", each.map((array) => array.shape));
  const together = axes.every((axis, i) => i === 0 || axis === axes[i - 1]! + 1);
  const place = together ? axes[0]! : 0;
  const kept = box.size.filter((_, axis) => isRange(axis));
  const positions = { axes, arrays: each.map((array) => broadcastTo(array, joint)), shape: joint, place };
  return { box, shape: kept.toSpliced(place, 0, ...joint), positions };
}

/** Rows of the box that is transposed so that its indexed axes lead: numbers from 0 on, or -1 for one that is outside. */
export function rowsOf({ axes, arrays }: Positions, box: Shape, outside: "clip" | "none"): Tensor {
  const sizes = axes.map((axis) => box[axis]!);
  const strides = stridesOf(sizes);
  const empty = sizeOf(sizes) === 0;
  const parts = arrays.map((array, i) => outside === "clip" && !empty ? clip(array, 0, sizes[i]! - 1) : array);
  const rows = parts.map((part, i) => mul(part, strides[i]!)).reduce(add);
  if (outside === "clip" && !empty) return rows;
  const lost = arrays.map((array, i) => logicalOr(less(array, 0), greaterEqual(array, sizes[i]!))).reduce(logicalOr);
  return where(lost, -1, rows);
}
