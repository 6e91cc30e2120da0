/** @file Where a sparse tensor is active: coordinates as an immutable value. P active cells, B batch, gh × gw grid. */
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
} from "../tensor/mod.ts";
import { hostValues } from "./host_values.ts";

/** Sizes `[B, gh, gw]`: images, and rows and columns of cells in each. */
export type GridShape = readonly [number, number, number];

/** Coordinates of the active cells of a batch of grids. Its tables (lookup, neighbours, kernel maps) are derived from it. */
export interface SparsePattern {
  /** int32 `[P, 3]`: image, row, column of each active cell; sorted in that order, each cell once. */
  readonly indices: Tensor;
  /** `[B, gh, gw]`. */
  readonly gridShape: GridShape;
}

/** Booleans or 0 and 1: `[B][gh][gw]`. */
export type HostMask = readonly (readonly (readonly (boolean | number)[])[])[];

/** Coordinates `[image, row, column]`. */
export type Coordinates = readonly (readonly number[])[];

function checkGrid(operation: string, gridShape: Shape): GridShape {
  if (gridShape.length === 3 && gridShape.every((size) => Number.isInteger(size) && size >= 0)) {
    return Object.freeze([...gridShape]) as unknown as GridShape;
  }
  throw new ShapeError(operation, "the grid must have three whole sizes [B, rows, columns]", [gridShape]);
}

/** A pattern of coordinates that are known to be right: int32 `[P, 3]`, sorted, unique, inside. */
export function makePattern(indices: Tensor, gridShape: GridShape): SparsePattern {
  return Object.freeze({ indices, gridShape: checkGrid("make a pattern", gridShape) });
}

/** The cell number `(b · gh + row) · gw + column` of host coordinates, checked to lie inside. */
export function cellOf(operation: string, coordinates: readonly number[], gridShape: GridShape): number {
  const [b, y, x] = coordinates;
  const inside = coordinates.length === 3 &&
    coordinates.every((at, axis) => Number.isInteger(at) && at >= 0 && at < gridShape[axis]!);
  if (inside) return (b! * gridShape[1] + y!) * gridShape[2] + x!;
  throw new RangeError(
    `Cannot ${operation} as coordinates [image, row, column] must be whole and inside the grid [${gridShape}]: ` +
      `current coordinates are [${coordinates}]`,
  );
}

/** The pattern of host cell numbers, in any order, repeated or not. */
export function patternFromCells(cells: Iterable<number>, gridShape: GridShape): SparsePattern {
  const [, rows, columns] = gridShape;
  const sorted = [...new Set(cells)].sort((a, b) => a - b);
  const flat = sorted.flatMap((cell) => [
    Math.floor(cell / (rows * columns)),
    Math.floor(cell / columns) % rows,
    cell % columns,
  ]);
  return makePattern(tensor(Int32Array.from(flat), { shape: [sorted.length, 3] }), gridShape);
}

/** The pattern of a tensor of cell numbers, int32 `[P]`, sorted and unique. */
export function patternFromCellTensor(cells: Tensor, gridShape: GridShape): SparsePattern {
  const [, rows, columns] = gridShape;
  const column = (x: Tensor) => reshape(x, [-1, 1]);
  const parts = [
    column(truncDivide(cells, rows * columns)),
    column(fmod(truncDivide(cells, columns), rows)),
    column(fmod(cells, columns)),
  ];
  return makePattern(cells.shape[0] === 0 ? tensor(new Int32Array(), { shape: [0, 3] }) : concat(parts, 1), gridShape);
}

/** The cell number of each row of a pattern, int32 `[P]`. */
export function cellsOf({ indices, gridShape: [, rows, columns] }: SparsePattern): Tensor {
  const column = (axis: number) => squeeze(slice(indices, { start: [0, axis], size: [-1, 1] }), 1);
  return add(mul(add(mul(column(0), rows), column(1)), columns), column(2));
}

/**
 * Makes a pattern of host coordinates. A pattern is a set: coordinates are sorted, and repeated ones kept once. To bring
 * values along, use `coalesce`.
 *
 * @param coordinates `[image, row, column]` of each active cell, in any order.
 * @param gridShape `[B, rows, columns]`.
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
 * @param gridShape `[B, rows, columns]`.
 * @returns A pattern of `B · rows · columns` cells.
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
 * @param mask `[B, rows, columns]`: host booleans or numbers (0 is inactive), or a tensor of bool.
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
  { nse }: { readonly nse?: number } = {},
): SparsePattern {
  const gridShape = mask instanceof Tensor
    ? mask.shape
    : [mask.length, mask[0]?.length ?? 0, mask[0]?.[0]?.length ?? 0];
  const grid = checkGrid("make a pattern", gridShape);
  const values = mask instanceof Tensor ? hostValues(mask) : maskValues(mask, grid);
  if (values) return patternFromHostMask(values, grid, nse);
  if (nse === undefined) {
    throw new TypeError(
      "Cannot make a pattern as nse must be given for a mask whose values are not on the host: current nse is undefined",
    );
  }
  const inactive = cast(logicalNot(cast(reshape(mask as Tensor, [-1]), "bool")), "int32");
  return patternFromCellTensor(slice(argsort(inactive), { start: [0], size: [nse] }), grid);
}

function maskValues(mask: HostMask, grid: GridShape): readonly number[] {
  const values = mask.flat(2).map(Number);
  const ragged = mask.some((rows) => rows.length !== grid[1] || rows.some((row) => row.length !== grid[2]));
  if (!ragged) return values;
  throw new ShapeError("make a pattern", "all rows of the mask must have one length", [grid]);
}

function patternFromHostMask(values: ArrayLike<number>, grid: GridShape, nse: number | undefined): SparsePattern {
  const cells = Array.from(values, (value, cell) => value ? cell : -1).filter((cell) => cell >= 0);
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

/** Rows in a pattern: its number of specified elements. */
export function nseOf({ indices }: SparsePattern): number {
  return indices.shape[0]!;
}
