/** @file How much of a result the registers hold. Engines leave 15 vector registers on x86; neighbouring vectors may be fused in pairs. */
import type { Tile } from "../../../contraction/tile.ts";

/** Tiles by what of the packed left factor lies apart: its rows, of neighbouring steps; or its steps, of neighbouring rows. */
export interface Tiles {
  readonly rows: Tile;
  readonly steps: Tile;
}

/** The tiles that measured fastest: they take 15 registers where rows lie apart and 14 where steps do. */
const NARROW: Tiles = { rows: { rows: 4, vectors: 2 }, steps: { rows: 5, vectors: 2 } };

/** Those of engines that join neighbouring vectors: twelve pairs of sums, two of the panel and one value take 15 registers of 256 bits. */
const WIDE: Tiles = { rows: { rows: 6, vectors: 4 }, steps: { rows: 6, vectors: 4 } };

/**
 * The tiles of a device. Results are the same to the bit with either: how sums are cut depends on no tile.
 *
 * @param wide True if the engine joins neighbouring vectors.
 * @returns What the registers hold.
 */
export function tilesOf(wide: boolean): Tiles {
  return wide ? WIDE : NARROW;
}

/**
 * Tells tiles that are made for pairs of vectors. Both of a pair must be multiplied with one value that is read as such:
 * engines do not join what is spread over lanes in registers.
 */
export function isWide({ vectors }: Tile): boolean {
  return vectors > 2;
}

/** Columns of a tile, and so of a packed panel of the right factor. */
export function columnsOf({ vectors }: Tile): number {
  return 4 * vectors;
}

/** Bytes of one row of a packed panel. */
export function panelBytes({ vectors }: Tile): number {
  return 16 * vectors;
}

/** Panels that columns take. */
export function panelsOf(columns: number, tile: Tile): number {
  return Math.ceil(columns / columnsOf(tile));
}
