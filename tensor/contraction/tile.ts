/** A part of a result that is summed up at once, in registers: rows × vectors of four columns. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
  /** True to read four values of the left factor at a time and spread each over lanes in registers; else each is read by itself. */
  readonly spread: boolean;
}

/** How many sums, rows × columns, products keep in registers on a processor. */
export type TileKind = "4x8" | "6x8" | "6x16";
