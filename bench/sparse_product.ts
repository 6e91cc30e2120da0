/** @file Products of a sparse and a dense matrix: sizes, where the entries lie, and single elements in float64. */
import type { TypedArray } from "../tensor/mod.ts";

/** A product `[rows, inner] × [inner, columns]` whose left factor has as many entries in each row. */
export interface SparseGeometry {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** Entries of a row; `inner` is a multiple. */
  readonly perRow: number;
}

/** A graph of 16,384 nodes with 16 neighbours and 64 channels; a wide layer of which a hundredth is left. */
export const SPARSE_PRODUCTS: readonly SparseGeometry[] = [
  { rows: 16_384, inner: 16_384, columns: 64, perRow: 16 },
  { rows: 4096, inner: 4096, columns: 256, perRow: 32 },
];

/** Name of a product. */
export function sparseName({ rows, inner, columns, perRow }: SparseGeometry): string {
  return `sparse matmul ${rows}×${inner}×${columns}, ${perRow} entries a row`;
}

/** Operations on what is stored. */
export function sparseFlops({ rows, perRow, columns }: SparseGeometry): number {
  return 2 * rows * perRow * columns;
}

/** Bytes that pass through memory at the least: entries with their coordinates, the dense factor and the result, each once. */
export function sparseBytes({ rows, inner, columns, perRow }: SparseGeometry): number {
  return rows * perRow * 12 + 4 * columns * (rows + inner);
}

/** The column of an entry: those of a row ascend and are spread over it, other ones in each row. */
export function columnOf({ inner, perRow }: SparseGeometry, entry: number): number {
  const step = inner / perRow;
  return entry % perRow * step + Math.floor(entry / perRow) * 17 % step;
}

/** Coordinates of all entries, `[rows * perRow, 2]`. */
export function coordinatesOf(geometry: SparseGeometry): Int32Array {
  const coordinates = new Int32Array(2 * geometry.rows * geometry.perRow);
  for (let entry = 0; entry < coordinates.length / 2; entry++) {
    coordinates[2 * entry] = Math.floor(entry / geometry.perRow);
    coordinates[2 * entry + 1] = columnOf(geometry, entry);
  }
  return coordinates;
}

/** Element `at` of the product. */
export function sparseElement(values: TypedArray, x: TypedArray, geometry: SparseGeometry, at: number): number {
  const { columns, perRow } = geometry;
  const [row, column] = [Math.floor(at / columns), at % columns];
  let sum = 0;
  for (let entry = row * perRow; entry < (row + 1) * perRow; entry++) {
    sum += values[entry]! * x[columnOf(geometry, entry) * columns + column]!;
  }
  return sum;
}
