/** @file Reading tiles of images through a transform into local memory, and writing them back through another. */
import type { Patches, TileGrid } from "../../../contraction/geometry.ts";
import type { Linear } from "../../../contraction/scheme.ts";
import { loadLanes, storeLanes } from "../contraction/micro_kernel.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { decodeTile, patchTable } from "./winograd_patch.ts";
import { transformFunction, transformSquare } from "./winograd_transform.ts";

/** Squares of pixels on one side, transformed squares in local memory on the other. All positions are bytes from the start of local memory. */
export interface TileTransfer {
  /** Name of the function. */
  readonly name: string;
  readonly tiles: TileGrid;
  /** Name of the buffer that holds the images. */
  readonly buffer: string;
  readonly patches: Patches;
  /** Pixels along a side of a square, and elements along a side of a transformed one. */
  readonly side: number;
  readonly size: number;
  readonly map: Linear;
  /** Channels of a pixel. */
  readonly channels: number;
  /** Where there is room for the addresses of a square's pixels. */
  readonly table: number;
  /** The pixel that stands for those outside the image: zeros to read, or room to write; from the first channel that is asked for. */
  readonly outside: number;
  /** Where the transformed squares lie, and the bytes between the elements of one. */
  readonly start: number;
  readonly elementBytes: number;
  /** Bytes from one tile's channels to the next tile's. */
  readonly tileBytes: number;
  /** Expression: bytes from a tile's first channel to the one that is `$c` bytes on; a multiple of 16. */
  readonly place: Wat;
}

/** The address noted for pixel `i`, `j` of the square, at channel `$c` bytes from the first. */
function pixelAt({ table, side }: TileTransfer, i: number, j: number): Wat {
  return wat.add(`(i32.load offset=${table + (i * side + j) * 4} ${wat.get("base")})`, wat.get("c"));
}

/** Offset of an element of a transformed square from `$local`. */
function elementAt({ start, size, elementBytes }: TileTransfer, i: number, j: number): number {
  return start + (i * size + j) * elementBytes;
}

/**
 * Writes the function that reads tiles. Parameters: `tile0`, `count` which tiles; `first`, `channels` which channels, of which
 * `first` is a multiple of 4; `phase_y`, `phase_x`.
 *
 * @param transfer From where to where.
 * @returns The text of the function and of one that it calls.
 */
export function readTiles(transfer: TileTransfer): Wat {
  const transform = (lanes: number) =>
    transformSquare(
      transfer.map,
      transfer.side,
      (i, j) => loadLanes(pixelAt(transfer, i, j), lanes),
      (i, j, value) => `(v128.store offset=${elementAt(transfer, i, j)} ${wat.get("local")} ${value})`,
    );
  return eachTile(transfer, transform);
}

/**
 * Writes the function that writes tiles; parameters as in `readTiles`.
 *
 * @param transfer From where to where.
 * @returns The text of the function and of one that it calls.
 */
export function writeTiles(transfer: TileTransfer): Wat {
  const transform = (lanes: number) =>
    transformSquare(
      transfer.map,
      transfer.size,
      (i, j) => `(v128.load offset=${elementAt(transfer, i, j)} ${wat.get("local")})`,
      (i, j, value) =>
        wat.block(wat.set("v_result", value), storeLanes(pixelAt(transfer, i, j), wat.get("v_result"), lanes)),
    );
  return eachTile(transfer, transform);
}

/** The loops over tiles and over channels, 4 at a time, around a transform of some lanes. */
function eachTile(transfer: TileTransfer, transform: (lanes: number) => Wat): Wat {
  const { name, tiles, buffer, patches, side, table, outside, tileBytes, place } = transfer;
  const rest = transfer.channels % 4;
  const local = wat.set("local", wat.add(wat.get("tile_local"), place));
  const tile = wat.block(
    wat.set("tile", wat.add(wat.get("tile0"), wat.get("t"))),
    decodeTile(tiles),
    wat.call(
      `${name}_pixels`,
      wat.add(wat.get("base"), table),
      wat.sub(wat.add(wat.get("base"), outside), wat.mul(wat.get("first"), 4)),
      ...["image", "tile_y", "tile_x", "phase_y", "phase_x"].map(wat.get),
    ),
    wat.set("tile_local", wat.add(wat.get("base"), wat.mul(wat.get("t"), tileBytes))),
    wat.loop("c", wat.get("c0"), wat.get("whole"), wat.block(local, transform(4)), 16),
    rest > 0
      ? wat.when(
        `(i32.and ${wat.get("channels")} ${wat.int(3)})`,
        wat.block(wat.set("c", wat.get("whole")), local, transform(rest)),
      )
      : null,
  );
  const body = wat.block(
    wat.set("base", wat.argument("local")),
    wat.set("c0", wat.mul(wat.get("first"), 4)),
    wat.set("whole", wat.add(wat.get("c0"), `(i32.and ${wat.mul(wat.get("channels"), 4)} ${wat.int(-16)})`)),
    wat.loop("t", wat.int(0), wat.get("count"), tile),
  );
  return wat.block(
    patchTable(`${name}_pixels`, buffer, patches, side),
    transformFunction(name, ["tile0", "count", "first", "channels", "phase_y", "phase_x"], body),
  );
}
