/** @file How much of a result the registers hold. Engines leave 15 vector registers on x86; neighbouring vectors may be fused in pairs. */
import type { Tile, TileKind } from "../../../contraction/tile.ts";

/** Tiles by what of the packed left factor lies apart: its rows, of neighbouring steps; or its steps, of neighbouring rows. */
export interface Tiles {
  readonly rows: Tile;
  readonly steps: Tile;
}

/** Five rows of which four are read at a time: where steps lie apart a vector holds rows, and there is no vector to a row. */
const STEPS_APART: Tile = { rows: 5, vectors: 2, spread: true };
const WIDE: Tile = { rows: 6, vectors: 4, spread: false };

/**
 * The tiles of each kind. 4×8 takes 15 registers and loads least: for processors to which the check of an address costs as
 * much as a multiplication. 6×8 takes 15 too, and has sums enough to hide how long a multiplication takes: for those that check
 * beside it. 6×16 is for engines that join neighbouring vectors: twelve pairs of sums, two of the panel and one value, which
 * both of a pair must be multiplied with, as engines do not join what is spread over lanes.
 */
const TILES: Readonly<Record<TileKind, Tiles>> = {
  "4x8": { rows: { rows: 4, vectors: 2, spread: true }, steps: STEPS_APART },
  "6x8": { rows: { rows: 6, vectors: 2, spread: false }, steps: STEPS_APART },
  "6x16": { rows: WIDE, steps: WIDE },
};

/** Every kind. */
export const TILE_KINDS: readonly TileKind[] = Object.keys(TILES) as TileKind[];

/**
 * The tiles of a kind. Results are the same to the bit with each: how sums are cut depends on no tile.
 *
 * @param kind Which.
 * @returns What the registers hold.
 */
export function tilesOf(kind: TileKind): Tiles {
  return TILES[kind];
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
