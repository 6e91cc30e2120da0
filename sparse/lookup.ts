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
  take,
  type Tensor,
  tensor,
  where,
} from "../tensor/mod.ts";
import { derived } from "./derived.ts";
import { hostValues } from "./host_values.ts";
import { cellsOf, nseOf, type SparsePattern } from "./pattern.ts";

/** What tables hold for a cell that is in the grid and not active. */
const ABSENT = -1;
/** What tables hold for a cell outside the grid. */
export const OUTSIDE = -2;

/**
 * Tells the row of every cell.
 *
 * @param pattern Any pattern.
 * @returns int32 `[B, gh, gw]`: the row of each active cell, -1 for the others.
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

function hostLookup(indices: ArrayLike<number>, { gridShape }: SparsePattern): Int32Array {
  const [, rows, columns] = gridShape;
  const table = new Int32Array(sizeOf(gridShape)).fill(ABSENT);
  for (let p = 0; 3 * p < indices.length; p++) {
    table[(indices[3 * p]! * rows + indices[3 * p + 1]!) * columns + indices[3 * p + 2]!] = p;
  }
  return table;
}

/** Which cells a table looks at: from the cell `step · (row, column)` on, displacements `low` to `high` on each axis. */
export interface CellWindow {
  /** Cells of the table's grid a cell of the asking grid spans, `[y, x]`. */
  readonly step: readonly [number, number];
  /** Smallest displacement, `[y, x]`. */
  readonly low: readonly [number, number];
  /** Largest displacement, `[y, x]`. */
  readonly high: readonly [number, number];
}

/**
 * For each row of one pattern the rows of another in a window.
 *
 * @param from The pattern whose rows are looked up.
 * @param to The pattern that asks.
 * @param window The window, in cells of `from`.
 * @returns int32 `[P of to, height · width of the window]` in raster order: a row, -1 for absent, -2 outside the grid.
 */
export function cellTable(from: SparsePattern, to: SparsePattern, window: CellWindow): Tensor {
  return derived(from, to, ["cells", window], () => {
    const { step, low, high } = window;
    const [batch] = from.gridShape;
    const size = (axis: 0 | 1) => from.gridShape[axis + 1]!;
    // Borders wide enough for every window: no comparison is left for the table itself.
    const before = (axis: 0 | 1) => Math.max(0, -low[axis]);
    const after = (axis: 0 | 1) =>
      Math.max(0, (to.gridShape[axis + 1]! - 1) * step[axis] + high[axis] - (size(axis) - 1));
    const widths = [[0, 0], [before(0), after(0)], [before(1), after(1)]] as const;
    const padded = pad(lookupTable(from), widths, OUTSIDE); // [B, rows, columns]
    const [, rows, columns] = padded.shape as [number, number, number];
    const origin = add(
      mul(originOf(to, 0), rows * columns),
      add(mul(originOf(to, 1), step[0] * columns), mul(originOf(to, 2), step[1])),
    ); // [P]
    const offsets = windowOffsets(window, columns, [before(0), before(1)]);
    const positions = add(reshape(origin, [-1, 1]), reshape(offsets, [1, -1])); // [P, window]
    return take(reshape(padded, [batch * rows * columns]), positions, { fill: OUTSIDE, wrapNegativeIndices: false });
  });
}

/** One coordinate of each row of a pattern, int32 `[P]`. */
function originOf(pattern: SparsePattern, axis: number): Tensor {
  return take(pattern.indices, tensor(new Int32Array([axis]), { shape: [] }), { axis: 1 });
}

function windowOffsets({ low, high }: CellWindow, columns: number, before: readonly [number, number]): Tensor {
  const offsets: number[] = [];
  for (let y = low[0]; y <= high[0]; y++) {
    for (let x = low[1]; x <= high[1]; x++) offsets.push((y + before[0]) * columns + x + before[1]);
  }
  return tensor(Int32Array.from(offsets));
}

/**
 * Finds the neighbours of each active cell.
 *
 * @param pattern Any pattern.
 * @param radius How far to look on either axis, in cells.
 * @returns int32 `[P, (2 · radius + 1)²]` in raster order: the row of each neighbour, -1 where there is none.
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
  const table = cellTable(pattern, pattern, { step: [1, 1], low: [-radius, -radius], high: [radius, radius] });
  return where(equal(table, OUTSIDE), ABSENT, table);
}
