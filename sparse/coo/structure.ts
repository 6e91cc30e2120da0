/** @file Other views of the entries: axes in another order, a part, several in a row. */
import {
  add,
  all,
  equal,
  logicalAnd,
  mul,
  pad,
  type Shape,
  ShapeError,
  slice as sliceDense,
  type SliceOptions,
  sub,
  take,
  type Tensor,
  tensor,
  transpose as transposeDense,
  truncDivide,
} from "../../tensor/core.ts";
import { requireList, requireOptions } from "../../tensor/parts.ts";
import { coalesced } from "./coalesce.ts";
import { together } from "./combine.ts";
import { type CooTensor, makeCoo, nseOf, requireCoo, shapeOf, sparseSizes } from "./coo_tensor.ts";
import { axesOf, countOf, isStored, orPadding, pickColumns, positionsOf, rowsAt } from "./coordinates.ts";
import { type NseOption, settle, tableOf, type Tables } from "./settle.ts";

/**
 * Reorders axes, sparse ones among themselves and dense ones among themselves (JAX's `bcoo_transpose`).
 *
 * @param a Any sparse tensor.
 * @param axes The axis of `a` at each place of the result. Without it the sparse axes are turned round.
 * @returns A sparse tensor of the same entries in the same order: `coalesce` sorts them.
 * @throws {ShapeError} If `axes` is no order of the axes, or mixes sparse and dense ones.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.transpose(coo.cooTensor([[0, 2]], [7], [2, 3]));
 * deepStrictEqual([coo.shapeOf(a), await a.indices.data()], [[3, 2], new Int32Array([2, 0])]);
 * ```
 */
export function transpose(a: CooTensor, axes?: readonly number[]): CooTensor {
  requireCoo("transpose", "a", a);
  const shape = shapeOf(a);
  const count = sparseSizes(a).length;
  const all = [...shape.keys()];
  const order = axes ?? [...all.slice(0, count).reverse(), ...all.slice(count)];
  const isOrder = order.length === all.length && all.every((axis) => order.includes(axis));
  if (!isOrder || order.some((axis, place) => (axis < count) !== (place < count))) {
    throw new ShapeError(
      "transpose",
      `axes must be an order of the ${count} sparse axes, then of the ${all.length - count} dense ones, not [${order}]`,
      [shape],
    );
  }
  const stays = order.slice(0, count).every((axis, place) => axis === place);
  const indices = stays ? a.indices : tableOf([a.indices], ([indices]) => pickColumns(indices!, order.slice(0, count)));
  const values = transposeDense(a.values, [0, ...order.slice(count).map((axis) => axis - count + 1)]);
  return makeCoo(indices, values, order.map((axis) => shape[axis]!), stays && a.form.value.coalesced);
}

/** Start, size and step of the sparse axes, resolved as `slice` resolves them. */
interface Range {
  readonly start: readonly number[];
  readonly size: Shape;
  readonly step: readonly number[];
}

function rangeOf(shape: Shape, { start, size, step = shape.map(() => 1) }: SliceOptions): Range {
  if ([start, size ?? start, step].some((list) => list.length !== shape.length)) {
    throw new ShapeError("slice", `start, size and step must have one entry for each axis`, [shape, start]);
  }
  const first = start.map((at, axis) => at < 0 ? at + shape[axis]! : at);
  const rest = (axis: number) => {
    const room = step[axis]! > 0 ? shape[axis]! - first[axis]! : first[axis]! + 1;
    return Math.max(0, Math.ceil(room / Math.abs(step[axis]!)));
  };
  const sizes = (size ?? start.map(() => -1)).map((n, axis) => n === -1 ? rest(axis) : n);
  const inside = (at: number, axis: number) => Number.isInteger(at) && at >= 0 && at < shape[axis]!;
  sizes.forEach((n, axis) => {
    const last = first[axis]! + (n - 1) * step[axis]!;
    const fits = n === 0 || (n > 0 && step[axis] !== 0 && inside(first[axis]!, axis) && inside(last, axis));
    if (fits) return;
    throw new ShapeError("slice", `start [${start}], size [${sizes}] and step [${step}] must stay inside`, [shape]);
  });
  return { start: first, size: sizes, step };
}

function row(numbers: readonly number[]): Tensor {
  return tensor(Int32Array.from(numbers), { shape: [1, numbers.length] });
}

function sliceTables(indices: Tensor, sizes: Shape, { start, size, step }: Range): Tables {
  const away = sub(indices, row(start));
  const at = truncDivide(away, row(step));
  const onStep = all(equal(mul(at, row(step)), away), { axis: 1 });
  const kept = logicalAnd(logicalAnd(isStored(indices, sizes), isStored(at, size)), onStep);
  return {
    count: countOf(kept),
    make: (room) => {
      const positions = positionsOf(kept, room);
      return [rowsAt(at, positions, size), positions];
    },
  };
}

/**
 * Takes a part.
 *
 * @param a Any sparse tensor.
 * @param options As of `slice` of dense tensors: `start`, `size`, `step`; and `nse`, entries of the result.
 * @returns A sparse tensor of the entries inside, in their order.
 * @throws {ShapeError} If the part is not inside.
 * @throws {RangeError} If `nse` is too small, where the coordinates are on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.slice(coo.cooTensor([[0, 0], [1, 2]], [5, 7], [2, 3]), { start: [0, 1] }); // a[:, 1:]
 * deepStrictEqual([coo.shapeOf(a), await a.indices.data()], [[2, 2], new Int32Array([1, 1])]);
 * ```
 */
export function slice(a: CooTensor, options: SliceOptions & NseOption): CooTensor {
  requireOptions("slice", options, { start: true, size: true, step: true, nse: true });
  requireCoo("slice", "a", a);
  requireList("slice", "start", options.start);
  const { start, size, step } = rangeOf(shapeOf(a), options);
  const sizes = sparseSizes(a);
  const axes = sizes.length;
  const part: Range = { start: start.slice(0, axes), size: size.slice(0, axes), step: step.slice(0, axes) };
  const { tables: [indices, rows], guard } = settle(
    "slice",
    [a.indices],
    ([indices]) => sliceTables(indices!, sizes, part),
    nseOf(a),
    options.nse,
  );
  const values = take(a.values, rows!, { wrapNegativeIndices: false });
  const dense = sliceDense(values, {
    start: [0, ...start.slice(axes)],
    size: [-1, ...size.slice(axes)],
    step: [1, ...step.slice(axes)],
  });
  const forward = part.step.every((distance) => distance > 0);
  return makeCoo(indices!, guard(dense), size, a.form.value.coalesced && forward);
}

function requireStackable(tensors: readonly CooTensor[]): void {
  if (tensors.length === 0) throw new RangeError("Cannot concat as there must be tensors: current number is 0");
  tensors.forEach((a, i) => requireCoo("concat", `tensor ${i}`, a));
}

function requireSizes(tensors: readonly CooTensor[], axis: number): void {
  const [first, ...rest] = tensors.map(shapeOf);
  const fits = rest.every((shape, i) =>
    shape.length === first!.length && sparseSizes(tensors[i + 1]!).length === sparseSizes(tensors[0]!).length &&
    shape.every((size, at) => at === axis || size === first![at])
  );
  if (fits) return;
  throw new ShapeError("concat", `sizes must agree except on axis ${axis}, and so must sparse axes`, [first!, ...rest]);
}

/** Entries moved along a sparse axis of a larger shape. */
function moved(a: CooTensor, axis: number, by: number, shape: Shape): CooTensor {
  const sizes = sparseSizes(a);
  const shift = row(sizes.map((_, at) => at === axis ? by : 0));
  const wide = shape.slice(0, sizes.length);
  const indices = tableOf([a.indices], ([indices]) => orPadding(isStored(indices!, sizes), add(indices!, shift), wide));
  return makeCoo(indices, a.values, shape, false);
}

/** Values between zeros on a dense axis of a larger shape. */
function widened(a: CooTensor, axis: number, by: number, shape: Shape): CooTensor {
  const own = axis - sparseSizes(a).length + 1;
  const size = a.values.shape[own]!;
  const widths = a.values.shape.map((_, at) => at === own ? [by, shape[axis]! - by - size] as const : [0, 0] as const);
  return makeCoo(a.indices, pad(a.values, widths), shape, false);
}

/**
 * Puts sparse tensors one behind the other.
 *
 * @param tensors Sparse tensors of shapes that agree off the axis, with as many sparse axes.
 * @param options `axis`, 0 by default; and `nse`, entries of the result.
 * @returns A coalesced sparse tensor.
 * @throws {ShapeError} If the shapes do not agree.
 * @throws {RangeError} If there are no tensors, or `nse` is too small, where the coordinates are on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coo } from "@tessera/tessera/sparse";
 *
 * const a = coo.cooTensor([[1]], [7], [2]);
 * deepStrictEqual(await coo.toDense(coo.concat([a, a])).data(), new Float32Array([0, 7, 0, 7]));
 * ```
 */
export function concat(tensors: readonly CooTensor[], options: { readonly axis?: number } & NseOption = {}): CooTensor {
  requireOptions("concat", options, { axis: true, nse: true });
  requireList("concat", "tensors", tensors);
  requireStackable(tensors);
  const [axis] = axesOf("concat", shapeOf(tensors[0]!), options.axis ?? 0) as [number];
  requireSizes(tensors, axis);
  const starts = tensors.map((_, i) => tensors.slice(0, i).reduce((sum, a) => sum + shapeOf(a)[axis]!, 0));
  const last = tensors.length - 1;
  const total = starts[last]! + shapeOf(tensors[last]!)[axis]!;
  const shape = shapeOf(tensors[0]!).map((size, at) => at === axis ? total : size);
  const place = axis < sparseSizes(tensors[0]!).length ? moved : widened;
  return coalesced("concat", together(tensors.map((a, i) => place(a, axis, starts[i]!, shape)), shape), options.nse);
}
