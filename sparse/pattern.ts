/** @file Where a sparse tensor is active: coordinates as an immutable value. P active cells, B batch, d axes of the grid. */
import {
  add,
  argsort,
  cast,
  concat,
  fmod,
  logicalNot,
  mul,
  reshape,
  type Shape,
  ShapeError,
  sizeOf,
  slice,
  squeeze,
  Tensor,
  tensor,
  truncDivide,
} from "../tensor/core.ts";
import { requireKind, requireList, requireOptions, stridesOf } from "../tensor/parts.ts";
import { hostValues } from "./host_values.ts";

/** Sizes `[B, ...grid]`: the batch, and the cells on each of 1, 2 or 3 axes, such as `[B, rows, columns]`. */
export type GridShape = readonly [batch: number, ...grid: number[]];

/** Coordinates of the active cells of a batch of grids. Its tables (lookup, neighbours, kernel maps) are derived from it. */
export interface SparsePattern {
  /** int32 `[P, 1 + d]`: image and place on each axis of each active cell; sorted in that order, each cell once. */
  readonly indices: Tensor;
  /** `[B, ...grid]`, of d axes besides the batch. */
  readonly gridShape: GridShape;
}

/** Nested booleans or 0 and 1 of shape `[B, ...grid]`. */
export type HostMask =
  readonly (readonly (boolean | number | readonly (boolean | number | readonly (boolean | number)[])[])[])[];

/** Coordinates `[image, ...place]`. */
export type Coordinates = readonly (readonly number[])[];

/** Most axes of a grid. */
const MOST_AXES = 3;

function checkGrid(operation: string, gridShape: Shape): GridShape {
  requireList(operation, "gridShape", gridShape);
  const axes = gridShape.length - 1;
  if (axes >= 1 && axes <= MOST_AXES && gridShape.every((size) => Number.isInteger(size) && size >= 0)) {
    return Object.freeze([...gridShape]) as unknown as GridShape;
  }
  throw new ShapeError(operation, `the grid must have whole sizes [B, ...grid] on 1 to ${MOST_AXES} axes`, [gridShape]);
}

/** A pattern of coordinates that are known to be right: int32 `[P, 1 + d]`, sorted, unique, inside. */
export function makePattern(indices: Tensor, gridShape: GridShape): SparsePattern {
  return Object.freeze({ indices, gridShape: checkGrid("make a pattern", gridShape) });
}

/** Axes of the grid, d. */
export function axesOf({ gridShape }: SparsePattern): number {
  return gridShape.length - 1;
}

/** The raster number of host coordinates that are known to lie inside. */
export function cellNumber(coordinates: ArrayLike<number>, gridShape: GridShape): number {
  return gridShape.reduce((cell: number, size, axis) => cell * size + coordinates[axis]!, 0);
}

/** The raster number of host coordinates, checked to lie inside. */
export function cellOf(operation: string, coordinates: readonly number[], gridShape: GridShape): number {
  const inside = coordinates.length === gridShape.length &&
    coordinates.every((at, axis) => Number.isInteger(at) && at >= 0 && at < gridShape[axis]!);
  if (inside) return cellNumber(coordinates, gridShape);
  throw new RangeError(
    `Cannot ${operation} as coordinates [image, ...place] must be whole and inside the grid [${gridShape}]: ` +
      `current coordinates are [${coordinates}]`,
  );
}

/** The pattern of host cell numbers, in any order, repeated or not. */
export function patternFromCells(cells: Iterable<number>, gridShape: GridShape): SparsePattern {
  const sorted = [...new Set(cells)].sort((a, b) => a - b);
  const strides = stridesOf(gridShape);
  const flat = sorted.flatMap((cell) => gridShape.map((size, axis) => Math.floor(cell / strides[axis]!) % size));
  return makePattern(tensor(Int32Array.from(flat), { shape: [sorted.length, gridShape.length] }), gridShape);
}

/** The pattern of a tensor of cell numbers, int32 `[P]`, sorted and unique. */
export function patternFromCellTensor(cells: Tensor, gridShape: GridShape): SparsePattern {
  if (cells.shape[0] === 0) {
    return makePattern(tensor(new Int32Array(), { shape: [0, gridShape.length] }), gridShape);
  }
  const parts = stridesOf(gridShape).map((stride, axis) => {
    const place = stride === 1 ? cells : truncDivide(cells, stride);
    return reshape(axis === 0 ? place : fmod(place, gridShape[axis]!), [-1, 1]);
  });
  return makePattern(concat(parts, { axis: 1 }), gridShape);
}

/** One coordinate of each row of a pattern, int32 `[P]`; axis 0 is the image. */
export function columnOf({ indices }: SparsePattern, axis: number): Tensor {
  return squeeze(slice(indices, { start: [0, axis], size: [-1, 1] }), { axis: 1 });
}

/** The cell number of each row of a pattern, int32 `[P]`. */
export function cellsOf(pattern: SparsePattern): Tensor {
  const [first, ...rest] = pattern.gridShape.map((_, axis) => columnOf(pattern, axis));
  return rest.reduce((cell, column, axis) => add(mul(cell, pattern.gridShape[axis + 1]!), column), first!);
}

/**
 * Makes a pattern of host coordinates. A pattern is a set: coordinates are sorted, and repeated ones kept once. To bring
 * values along, use `coalesce`.
 *
 * @param coordinates `[image, ...place]` of each active cell, in any order.
 * @param gridShape `[B, ...grid]`, such as `[B, rows, columns]`.
 * @returns The pattern.
 * @throws {RangeError} If a coordinate is outside the grid.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { patternFromIndices } from "@tessera/tessera/sparse";
 *
 * const { indices } = patternFromIndices([[0, 1, 0], [0, 0, 1]], [1, 2, 2]);
 * deepStrictEqual(await indices.data(), new Int32Array([0, 0, 1, 0, 1, 0]));
 * ```
 */
export function patternFromIndices(coordinates: Coordinates, gridShape: GridShape): SparsePattern {
  const grid = checkGrid("make a pattern", gridShape);
  return patternFromCells(coordinates.map((at) => cellOf("make a pattern", at, grid)), grid);
}

/**
 * Makes the pattern of all cells: the dense case.
 *
 * @param gridShape `[B, ...grid]`, such as `[B, rows, columns]`.
 * @returns A pattern of all `B · rows · columns` cells.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fullPattern } from "@tessera/tessera/sparse";
 *
 * deepStrictEqual(fullPattern([2, 3, 3]).indices.shape, [18, 3]);
 * ```
 */
export function fullPattern(gridShape: GridShape): SparsePattern {
  const grid = checkGrid("make a pattern", gridShape);
  return patternFromCells(Array.from({ length: sizeOf(grid) }, (_, cell) => cell), grid);
}

/**
 * Makes the pattern of a mask.
 *
 * @param mask `[B, ...grid]`: nested host booleans or numbers (0 is inactive), or a tensor of bool.
 * @param options `nse`: the number of active cells. It must be given for a tensor without values on the host, as inside
 * `jit`, for shapes are static there; it must then be right: with fewer active cells, inactive ones fill up, with more,
 * the last are left out.
 * @returns The pattern of the active cells.
 * @throws {RangeError} If `nse` is given and the mask on the host has another number of active cells.
 * @throws {TypeError} If `nse` is missing for a tensor without values on the host.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { patternFromMask } from "@tessera/tessera/sparse";
 *
 * const { indices } = patternFromMask([[[1, 0], [0, 1]]]);
 * deepStrictEqual(await indices.data(), new Int32Array([0, 0, 0, 0, 1, 1]));
 * ```
 */
export function patternFromMask(
  mask: HostMask | Tensor,
  options: { readonly nse?: number } = {},
): SparsePattern {
  requireOptions("patternFromMask", options, { nse: true });
  const { nse } = options;
  const grid = checkGrid("make a pattern", mask instanceof Tensor ? mask.shape : nestedShape(mask));
  const values = mask instanceof Tensor ? hostValues(mask) : maskValues(mask, grid);
  if (values) return patternFromHostMask(values, grid, nse);
  if (nse === undefined) {
    throw new TypeError(
      "Cannot make a pattern as nse must be given for a mask whose values are not on the host: current nse is undefined",
    );
  }
  const cells = sizeOf(grid);
  if (!(Number.isInteger(nse) && nse >= 0 && nse <= cells)) {
    throw new RangeError(`Cannot make a pattern as nse must be whole and at most ${cells}: current nse is ${nse}`);
  }
  const inactive = cast(logicalNot(cast(reshape(mask as Tensor, [cells]), "bool")), "int32");
  return patternFromCellTensor(slice(argsort(inactive), { start: [0], size: [nse] }), grid);
}

/** Sizes of nested arrays, as the first item of each tells them. */
function nestedShape(nested: unknown): Shape {
  return Array.isArray(nested) ? [nested.length, ...nestedShape(nested[0])] : [];
}

function maskValues(mask: HostMask, grid: GridShape): readonly number[] {
  const hasShape = (nested: unknown, [size, ...rest]: Shape): boolean =>
    size === undefined
      ? !Array.isArray(nested)
      : Array.isArray(nested) && nested.length === size && nested.every((item) => hasShape(item, rest));
  if (hasShape(mask, grid)) {
    return mask.flat(MOST_AXES).map((value: unknown, i) => {
      const fits = typeof value === "boolean" || typeof value === "number";
      requireKind("make a pattern", `value ${i} of the mask`, value, fits, "a boolean or a number");
      return Number(value);
    });
  }
  throw new ShapeError("make a pattern", "all rows of the mask must have one length", [grid]);
}

function patternFromHostMask(values: ArrayLike<number>, grid: GridShape, nse: number | undefined): SparsePattern {
  const cells = Array.from(values, (value, cell) => value !== 0 ? cell : -1).filter((cell) => cell >= 0); // NaN is not 0
  if (nse === undefined || nse === cells.length) return patternFromCells(cells, grid);
  throw new RangeError(
    `Cannot make a pattern as the mask must have nse = ${nse} active cells: current number is ${cells.length}`,
  );
}

/**
 * Tells whether two patterns are one: their rows may be combined one by one. That is so if they share their coordinates,
 * the very tensor; equal numbers in two tensors are not looked at.
 *
 * @param a Any pattern.
 * @param b Any pattern.
 * @returns True if `a` is `b`, or a copy that holds the same tensor.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { fullPattern, samePattern } from "@tessera/tessera/sparse";
 *
 * const pattern = fullPattern([1, 2, 2]);
 * ok(samePattern(pattern, pattern) && !samePattern(pattern, fullPattern([1, 2, 2])));
 * ```
 */
export function samePattern(a: SparsePattern, b: SparsePattern): boolean {
  return a === b || (a.indices === b.indices && a.gridShape.every((size, axis) => size === b.gridShape[axis]));
}

/** Refuses what is no pattern. */
export function requirePattern(
  operation: string,
  argument: string,
  pattern: unknown,
): asserts pattern is SparsePattern {
  const given = pattern as Partial<SparsePattern> | null | undefined;
  const fits = given?.indices instanceof Tensor && Array.isArray(given.gridShape);
  requireKind(operation, argument, pattern, fits, "a sparse pattern");
}

/** Rows in a pattern: its number of specified elements. */
export function nseOf({ indices }: SparsePattern): number {
  return indices.shape[0]!;
}
