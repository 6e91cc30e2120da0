/** @file Reading tiles of images through a transform into local memory, and writing them back through another. */
import type { Patches, TileGrid } from "../../../contraction/geometry.ts";
import type { Linear } from "../../../contraction/scheme.ts";
import { loadLanes, storeLanes } from "../contraction/micro_kernel.ts";
import { add, argument, block, call, func, get, int, loop, mul, set, sub, type Wat, when } from "../emit/text.ts";
import { decodeTile, patchTable } from "./winograd_patch.ts";
import { transformSquare, vectorTypes } from "./winograd_transform.ts";

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
  return add(`(i32.load offset=${table + (i * side + j) * 4} ${get("base")})`, get("c"));
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
      (i, j, value) => `(v128.store offset=${elementAt(transfer, i, j)} ${get("local")} ${value})`,
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
      (i, j) => `(v128.load offset=${elementAt(transfer, i, j)} ${get("local")})`,
      (i, j, value) => block(set("v_result", value), storeLanes(pixelAt(transfer, i, j), get("v_result"), lanes)),
    );
  return eachTile(transfer, transform);
}

/** The loops over tiles and over channels, 4 at a time, around a transform of some lanes. */
function eachTile(transfer: TileTransfer, transform: (lanes: number) => Wat): Wat {
  const { name, tiles, buffer, patches, side, table, outside, tileBytes, place } = transfer;
  const rest = transfer.channels % 4;
  const local = set("local", add(get("tile_local"), place));
  const tile = block(
    set("tile", add(get("tile0"), get("t"))),
    decodeTile(tiles),
    call(
      `${name}_pixels`,
      add(get("base"), table),
      sub(add(get("base"), outside), mul(get("first"), 4)),
      ...["image", "tile_y", "tile_x", "phase_y", "phase_x"].map(get),
    ),
    set("tile_local", add(get("base"), mul(get("t"), tileBytes))),
    loop("c", get("c0"), get("whole"), block(local, transform(4)), 16),
    rest > 0
      ? when(`(i32.and ${get("channels")} ${int(3)})`, block(set("c", get("whole")), local, transform(rest)))
      : null,
  );
  const body = block(
    set("base", argument("local")),
    set("c0", mul(get("first"), 4)),
    set("whole", add(get("c0"), `(i32.and ${mul(get("channels"), 4)} ${int(-16)})`)),
    loop("t", int(0), get("count"), tile),
  );
  return block(
    patchTable(`${name}_pixels`, buffer, patches, side),
    func(name, ["tile0", "count", "first", "channels", "phase_y", "phase_x"], body, vectorTypes(body)),
  );
}
