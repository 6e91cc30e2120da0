/** @file Dense tables over a grid: which row of the pattern a cell is. Exact, and small beside any image. */
import {
  add,
  arange,
  equal,
  mul,
  pad,
  reshape,
  scatterAdd,
  sizeOf,
  sub,
  type Tensor,
  tensor,
  type TypedArray,
  where,
} from "../tensor/core.ts";
import { stridesOf } from "../tensor/parts.ts";
import { derived } from "./derived.ts";
import { hostValues } from "./host_values.ts";
import { axesOf, cellNumber, cellsOf, columnOf, nseOf, type SparsePattern } from "./pattern.ts";
import { takeOr } from "./rows.ts";

/** What tables hold for a cell that is in the grid and not active. */
const ABSENT = -1;
/** What tables hold for a cell outside the grid. */
export const OUTSIDE = -2;

/**
 * Tells the row of every cell.
 *
 * @param pattern Any pattern.
 * @returns int32 `[B, ...grid]`: the row of each active cell, -1 for the others.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { lookupTable, patternFromIndices } from "@tessera/tessera/sparse";
 *
 * const table = lookupTable(patternFromIndices([[0, 0, 1]], [1, 1, 3]));
 * deepStrictEqual(await table.data(), new Int32Array([-1, 0, -1]));
 * ```
 */
export function lookupTable(pattern: SparsePattern): Tensor {
  return derived(pattern, pattern, "lookup", () => {
    const size = sizeOf(pattern.gridShape);
    const host = hostValues(pattern.indices);
    if (host) return tensor(hostLookup(host, pattern), { shape: pattern.gridShape });
    const rows = add(arange(nseOf(pattern)), 1);
    return reshape(sub(scatterAdd(rows, cellsOf(pattern), { size, wrapNegativeIndices: false }), 1), pattern.gridShape);
  });
}

function hostLookup(indices: TypedArray, { gridShape }: SparsePattern): Int32Array {
  const table = new Int32Array(sizeOf(gridShape)).fill(ABSENT);
  const width = gridShape.length;
  for (let p = 0; p * width < indices.length; p++) {
    table[cellNumber(indices.subarray(p * width, (p + 1) * width), gridShape)] = p;
  }
  return table;
}

/** Which cells a table looks at: from the cell `step · place` on, displacements `low` to `high` on each axis. */
export interface CellWindow {
  /** Cells of the table's grid a cell of the asking grid spans, on each axis. */
  readonly step: readonly number[];
  /** Smallest displacement on each axis. */
  readonly low: readonly number[];
  /** Largest displacement on each axis. */
  readonly high: readonly number[];
}

/**
 * For each row of one pattern the rows of another in a window.
 *
 * @param from The pattern whose rows are looked up.
 * @param to The pattern that asks.
 * @param window The window, in cells of `from`.
 * @returns int32 `[P of to, cells of the window]` in raster order: a row, -1 for absent, -2 outside the grid.
 */
export function cellTable(from: SparsePattern, to: SparsePattern, window: CellWindow): Tensor {
  return derived(from, to, ["cells", window], () => {
    const { step, low, high } = window;
    // Borders wide enough for every window: no comparison is left for the table itself.
    const before = low.map((displacement) => Math.max(0, -displacement));
    const after = high.map((displacement, axis) =>
      Math.max(0, (to.gridShape[axis + 1]! - 1) * step[axis]! + displacement - (from.gridShape[axis + 1]! - 1))
    );
    const borders = before.map((width, axis) => [width, after[axis]!] as const);
    const padded = pad(lookupTable(from), [[0, 0], ...borders], OUTSIDE); // [B, ...wider grid]
    const strides = stridesOf(padded.shape);
    const origin = strides
      .map((stride, axis) => mul(columnOf(to, axis), axis === 0 ? stride : step[axis - 1]! * stride))
      .reduce((sum, term) => add(sum, term)); // [P]
    const offsets = windowOffsets(window, strides.slice(1), before);
    const positions = add(reshape(origin, [-1, 1]), reshape(offsets, [1, -1])); // [P, window]
    return takeOr(reshape(padded, [-1]), positions, { fill: OUTSIDE });
  });
}

function windowOffsets({ low, high }: CellWindow, strides: readonly number[], before: readonly number[]): Tensor {
  const offsets = low.reduce((outer: readonly number[], first, axis) => {
    const along = Array.from(
      { length: high[axis]! - first + 1 },
      (_, i) => (first + i + before[axis]!) * strides[axis]!,
    );
    return outer.flatMap((offset) => along.map((more) => offset + more));
  }, [0]);
  return tensor(Int32Array.from(offsets));
}

/**
 * Finds the neighbours of each active cell.
 *
 * @param pattern Any pattern.
 * @param radius How far to look on each axis, in cells.
 * @returns int32 `[P, (2 · radius + 1)^d]` in raster order: the row of each neighbour, -1 where there is none.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { neighbourTable, patternFromIndices } from "@tessera/tessera/sparse";
 *
 * const pattern = patternFromIndices([[0, 0, 0], [0, 0, 1]], [1, 1, 2]);
 * deepStrictEqual((await neighbourTable(pattern, 1).data()).slice(0, 9), new Int32Array([-1, -1, -1, -1, 0, 1, -1, -1, -1]));
 * ```
 */
export function neighbourTable(pattern: SparsePattern, radius: number): Tensor {
  if (!Number.isInteger(radius) || radius < 0) {
    throw new RangeError(
      `Cannot find neighbours as the radius must be whole and not negative: current radius is ${radius}`,
    );
  }
  const onEach = (n: number) => Array<number>(axesOf(pattern)).fill(n);
  const table = cellTable(pattern, pattern, { step: onEach(1), low: onEach(-radius), high: onEach(radius) });
  return where(equal(table, OUTSIDE), ABSENT, table);
}
