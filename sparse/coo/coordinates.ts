/** @file Tables of coordinates: which entries are stored, how they are ordered, which come together. N entries, s axes. */
import {
  add,
  all,
  arange,
  argsort,
  cast,
  concat,
  equal,
  greaterEqual,
  less,
  logicalAnd,
  logicalNot,
  mul,
  pad,
  reshape,
  type Shape,
  ShapeError,
  sizeOf,
  slice,
  squeeze,
  sum,
  take,
  type Tensor,
  tensor,
  where,
} from "../../tensor/core.ts";
import { requireKind, stridesOf } from "../../tensor/parts.ts";

/** Most cells that int32 can number, one number being left for padding. */
const MOST_CELLS = 2 ** 31 - 2;

/** Axes counted from 0, each once. */
export function axesOf(operation: string, shape: Shape, axis: number | readonly number[]): readonly number[] {
  const given: unknown = typeof axis === "number" ? [axis] : axis;
  requireKind(operation, "axis", axis, Array.isArray(given), "a number or a list of numbers");
  const axes = (given as readonly number[]).map((at) => at < 0 ? at + shape.length : at);
  if (new Set(axes).size === axes.length && axes.every((at) => Number.isInteger(at) && at >= 0 && at < shape.length)) {
    return axes;
  }
  throw new ShapeError(operation, `axes must be axes of the tensor, each once, not [${axis}]`, [shape]);
}

/** True if the cells of such axes can be numbered. */
function canNumber(sizes: Shape): boolean {
  return sizeOf(sizes) <= MOST_CELLS;
}

/** Refuses an operation that would number more cells than there are numbers. */
export function requireNumbers(operation: string, what: string, sizes: Shape): void {
  if (canNumber(sizes)) return;
  throw new RangeError(
    `Cannot ${operation} as ${what} must have at most ${MOST_CELLS} cells: current sizes are [${sizes}]`,
  );
}

/** Sizes as a row, int32 `[1, s]`. */
function sizesRow(sizes: Shape): Tensor {
  return tensor(Int32Array.from(sizes), { shape: [1, sizes.length] });
}

/** bool `[N]`: false for padding. */
export function isStored(indices: Tensor, sizes: Shape): Tensor {
  return all(logicalAnd(greaterEqual(indices, 0), less(indices, sizesRow(sizes))), { axis: 1 });
}

/** Coordinates where `stored`, else the sizes themselves: one form of padding. */
export function orPadding(stored: Tensor, indices: Tensor, sizes: Shape): Tensor {
  return where(reshape(stored, [-1, 1]), indices, sizesRow(sizes));
}

/** One coordinate of each entry, int32 `[N]`. */
export function columnOf(indices: Tensor, axis: number): Tensor {
  return squeeze(slice(indices, { start: [0, axis], size: [-1, 1] }), { axis: 1 });
}

/** Coordinates of columns, int32 `[N, s]`. */
export function ofColumns(columns: readonly Tensor[]): Tensor {
  return concat(columns.map((column) => reshape(column, [-1, 1])), { axis: 1 });
}

/** Some columns of coordinates, int32 `[N, axes.length]`. */
export function pickColumns(indices: Tensor, axes: readonly number[]): Tensor {
  return take(indices, tensor(Int32Array.from(axes)), { axis: 1 });
}

/** Number of the cell of each entry, int32 `[N]`; -1 for padding. */
export function cellNumbers(indices: Tensor, sizes: Shape): Tensor {
  const cells = stridesOf(sizes).reduce<Tensor | null>((cell, stride, axis) => {
    const place = mul(columnOf(indices, axis), stride);
    return cell ? add(cell, place) : place;
  }, null)!;
  return where(isStored(indices, sizes), cells, -1);
}

/** Positions in which entries are sorted by their coordinates, padding last, equal ones in their order: int32 `[N]`. */
export function sortedOrder(indices: Tensor, sizes: Shape): Tensor {
  if (canNumber(sizes)) {
    const cells = cellNumbers(indices, sizes);
    return argsort(where(less(cells, 0), sizeOf(sizes), cells));
  }
  const padded = orPadding(isStored(indices, sizes), indices, sizes);
  return sizes.reduceRight<Tensor>((order, _, axis) => {
    const column = columnOf(padded, axis);
    return take(order, argsort(take(column, order)));
  }, arange(indices.shape[0]!));
}

/** bool `[N]`: whether an entry has the coordinates of the one before it. */
export function sameAsBefore(sorted: Tensor): Tensor {
  const [count] = sorted.shape;
  const before = slice(pad(sorted, [[1, 0], [0, 0]], -1), { start: [0, 0], size: sorted.shape });
  return logicalAnd(all(equal(sorted, before), { axis: 1 }), greaterEqual(arange(count!), 1));
}

/** How many are true, int32 scalar. */
export function countOf(flags: Tensor): Tensor {
  return sum(cast(flags, "int32"));
}

/** Positions of the first `size` flags that are true, in order, then -1: int32 `[size]`. */
export function positionsOf(flags: Tensor, size: number): Tensor {
  const [count] = flags.shape;
  if (size === 0 || count === 0) return tensor(new Int32Array(size).fill(-1));
  const order = argsort(cast(logicalNot(flags), "int32"));
  const places = arange(size);
  return where(less(places, countOf(flags)), take(order, places, { fill: -1, wrapNegativeIndices: false }), -1);
}

/** Rows of coordinates at positions, padding at -1: int32 `[M, s]`. */
export function rowsAt(indices: Tensor, positions: Tensor, sizes: Shape): Tensor {
  const rows = take(indices, positions, { wrapNegativeIndices: false });
  return orPadding(greaterEqual(positions, 0), rows, sizes);
}
