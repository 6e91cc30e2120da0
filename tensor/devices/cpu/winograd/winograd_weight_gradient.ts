/**
 * @file Weight gradients by Winograd's method: tiles of the input and of the output's gradient are transformed and multiplied, the
 * products of all tiles added up, and the sums transformed to the gradient. Slabs of tiles give partial sums, added in order.
 */
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import type { WinogradWeightGradient } from "../../../contraction/geometry.ts";
import type { Scheme } from "../../../contraction/scheme.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { microKernel } from "../contraction/micro_kernel.ts";
import { columnsOf, panelBytes } from "../contraction/tiles.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { COSTS } from "../machine.ts";
import { type Cut, cutOf } from "./winograd_gradient_cut.ts";
import { readTiles, type TileTransfer } from "./winograd_tiles.ts";
import { sumFunction, sumPass, sumRows } from "./winograd_gradient_sums.ts";

/**
 * Makes the kernel of a weight gradient by Winograd's method.
 *
 * @param gradient What to compute.
 * @param tile What the registers hold; a power of two of vectors.
 * @returns A pass that multiplies and adds up, and one that transforms the sums, unless the items of the first do.
 */
export function winogradWeightGradientKernel(gradient: WinogradWeightGradient, tile: Tile): WatKernel {
  const buffers = ["left", "right", "result"];
  const { scheme, phases } = gradient;
  const cut = cutOf(gradient, tile);
  const functions = [
    microKernel({ tile, apart: "steps", stride: cut.leftRow, columns: columnsOf(cut.tile) }),
    readTiles(inputTiles(gradient, cut)),
    readTiles(outputTiles(gradient, cut)),
    productsFunction(scheme, cut),
    prepareFunction(cut),
    ...cut.own === null ? [] : [sumFunction(gradient, cut)],
    itemFunction(gradient, cut),
  ];
  const items = cut.slabs * phases[0] * phases[1] * cut.channelBlocks * cut.panelBlocks;
  const work = cut.blocksEach * cut.tilesEach * scheme.size ** 2 * cut.channelsEach * cut.panelsEach *
    columnsOf(cut.tile);
  const multiply = wat.pass(buffers, functions, items, work * COSTS.tile);
  return cut.own === null
    ? {
      passes: [multiply, sumPass(buffers, gradient, cut)],
      scratchBytes: cut.slabs * cut.slabBytes,
      localBytes: cut.bytes,
    }
    : { passes: [multiply], scratchBytes: 0, localBytes: cut.bytes };
}

function inputTiles({ scheme, tiles, input, channels }: WinogradWeightGradient, cut: Cut): TileTransfer {
  return {
    name: "input",
    tiles,
    buffer: "left",
    patches: input,
    side: scheme.size,
    size: scheme.size,
    map: scheme.input,
    channels,
    table: cut.pixels,
    outside: cut.zeros,
    start: 0,
    elementBytes: cut.leftProduct,
    tileBytes: cut.leftRow,
    place: wat.sub(wat.get("c"), wat.get("c0")),
  };
}

function outputTiles({ scheme, tiles, outputGradient, columns }: WinogradWeightGradient, cut: Cut): TileTransfer {
  const offset = wat.sub(wat.get("c"), wat.get("c0"));
  const panel = `(i32.shr_u ${offset} ${wat.int(Math.log2(panelBytes(cut.tile)))})`;
  return {
    name: "gradient",
    tiles,
    buffer: "right",
    patches: outputGradient,
    side: scheme.outputs,
    size: scheme.size,
    map: scheme.outputGradient,
    channels: columns,
    table: cut.pixels,
    outside: cut.zeros,
    start: cut.right,
    elementBytes: cut.rightProduct,
    tileBytes: panelBytes(cut.tile),
    place: wat.add(wat.mul(panel, cut.rightPanel), `(i32.and ${offset} ${wat.int(panelBytes(cut.tile) - 1)})`),
  };
}

/** Writes the function that adds the products of a block of tiles to the sums of `rows` channels, or starts them if not `more`. */
function productsFunction({ size }: Scheme, cut: Cut): Wat {
  const tile = wat.block(
    wat.call("tile", ...["a", "b", "tiles", "row", "column", "more"].map(wat.get), wat.int(0)),
    wat.set("a", wat.add(wat.get("a"), cut.tile.rows * 4)),
    wat.set("row", wat.add(wat.get("row"), cut.tile.rows * 4)),
  );
  const panel = wat.block(
    wat.set("a", wat.get("left")),
    wat.set("row", wat.add(wat.argument("local"), cut.rows)),
    wat.loop("r", wat.int(0), wat.get("channels"), tile, cut.tile.rows),
    wat.set("b", wat.add(wat.get("b"), cut.rightPanel)),
    wat.set("column", wat.add(wat.get("column"), panelBytes(cut.tile))),
  );
  const product = wat.block(
    wat.set("b", wat.get("right")),
    wat.set("column", wat.get("product")),
    wat.loop("p", wat.int(0), wat.get("panels"), panel),
    wat.set("left", wat.add(wat.get("left"), cut.leftProduct)),
    wat.set("right", wat.add(wat.get("right"), cut.rightProduct)),
  );
  return wat.func(
    "products",
    ["tiles", "channels", "panels", "more"],
    wat.block(
      wat.set("left", wat.argument("local")),
      wat.set("right", wat.add(wat.argument("local"), cut.right)),
      wat.loop("product", wat.int(0), wat.int(size ** 2 * cut.sumProduct), product, cut.sumProduct),
    ),
  );
}

/** Writes the function that notes the addresses of the rows of sums, the first at `sums`, and clears the pixel of zeros. */
function prepareFunction(cut: Cut): Wat {
  const row = wat.add(wat.get("sums"), wat.mul(wat.get("r"), cut.sumRow));
  const note = `(i32.store offset=${cut.rows} ${wat.add(wat.argument("local"), wat.mul(wat.get("r"), 4))} ${row})`;
  const zero = `(v128.store offset=${cut.zeros} ${
    wat.add(wat.argument("local"), wat.get("c"))
  } (v128.const i32x4 0 0 0 0))`;
  return wat.func(
    "prepare",
    ["sums"],
    wat.block(
      wat.loop("r", wat.int(0), wat.int(cut.rowsEach), note),
      wat.loop("c", wat.int(0), wat.int((cut.own ?? cut.bytes) - cut.zeros), zero, 16),
    ),
  );
}

/** Address of the sums of the item at hand: of its slab, its phase, its first channel and panel. */
function sumsOfItem(phases: WinogradWeightGradient["phases"], cut: Cut): Wat {
  if (cut.own !== null) return wat.add(wat.argument("local"), cut.own);
  const phase = wat.add(wat.mul(wat.get("phase_y"), phases[1]), wat.get("phase_x"));
  return wat.add(
    wat.argument("scratch"),
    wat.mul(wat.get("slab"), cut.slabBytes),
    wat.mul(phase, cut.sumPhase),
    wat.mul(wat.get("channel_block"), cut.rowsEach * cut.sumRow),
    wat.mul(wat.get("p0"), panelBytes(cut.tile)),
  );
}

/** Transforms the block of tiles from `$tile0` on, and multiplies and adds them up. */
function addTiles(cut: Cut): Wat {
  const read = (name: string, first: string, channels: string) =>
    wat.call(name, ...["tile0", "tiles", first, channels, "phase_y", "phase_x"].map(wat.get));
  const isLater = `(i32.ne ${wat.get("tile0")} ${wat.get("first")})`;
  return wat.block(
    wat.set("tiles", wat.min(wat.int(cut.tilesEach), wat.sub(wat.get("end"), wat.get("tile0")))),
    read("input", "c0", "channels"),
    read("gradient", "column", "columns"),
    wat.call("products", ...["tiles", "channels", "panels"].map(wat.get), isLater),
  );
}

/** Writes the function that does one work item: a slab of tiles, one phase, some channels, some panels of columns. */
function itemFunction(gradient: WinogradWeightGradient, cut: Cut): Wat {
  const { tiles, phases, channels, columns } = gradient;
  const count = tiles.batch * tiles.y * tiles.x;
  const digits = [
    ["slab", cut.slabs],
    ["phase_y", phases[0]],
    ["phase_x", phases[1]],
    ["channel_block", cut.channelBlocks],
    ["p0", cut.panelBlocks],
  ] as const;
  const width = wat.mul(wat.get("panels"), columnsOf(cut.tile));
  return wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), digits),
      wat.set("c0", wat.mul(wat.get("channel_block"), cut.channelsEach)),
      wat.set("channels", wat.part(cut.channelsEach, channels, "c0")),
      wat.set("p0", wat.mul(wat.get("p0"), cut.panelsEach)),
      wat.set("panels", wat.part(cut.panelsEach, cut.panels, "p0")),
      wat.set("column", wat.mul(wat.get("p0"), columnsOf(cut.tile))),
      wat.set("columns", wat.min(width, wat.sub(wat.int(columns), wat.get("column")))),
      wat.call("prepare", sumsOfItem(phases, cut)),
      wat.set("first", wat.mul(wat.get("slab"), cut.blocksEach * cut.tilesEach)),
      wat.set("end", wat.min(wat.int(count), wat.add(wat.get("first"), cut.blocksEach * cut.tilesEach))),
      wat.loop("tile0", wat.get("first"), wat.get("end"), addTiles(cut), cut.tilesEach),
      cut.own === null ? null : sumRows(gradient, cut, sumsOfItem(phases, cut), wat.get("columns")),
    ),
  );
}
