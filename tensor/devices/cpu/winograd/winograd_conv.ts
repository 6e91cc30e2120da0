/**
 * @file Convolution by Winograd's method: tiles of the input are transformed, multiplied with the transformed weights by the same
 * register tile as other products, and transformed to tiles of the output, a block of tiles at a time.
 */
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import type { WinogradConv } from "../../../contraction/geometry.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { microKernel } from "../contraction/micro_kernel.ts";
import { columnsOf } from "../contraction/tiles.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { COSTS } from "../machine.ts";
import { type Cut, cutOf } from "./winograd_cut.ts";
import { multiplyPhase, productsFunctions } from "./winograd_products.ts";
import { readTiles, type TileTransfer, writeTiles } from "./winograd_tiles.ts";
import { type WeightLayout, weightLayout, winogradWeights } from "./winograd_weights.ts";

/**
 * Makes the kernel of a convolution by Winograd's method.
 *
 * @param conv What to compute.
 * @param tile What the registers hold.
 * @returns A pass that transforms the weights, unless the other does it, and one that convolves.
 */
export function winogradKernel(conv: WinogradConv, tile: Tile): WatKernel {
  const buffers = ["left", "right", "result"];
  const { scheme, weights, outer, inner } = conv;
  const layout = weightLayout(weights, scheme, [inner[0] * outer[0], inner[1] * outer[1]], tile);
  const cut = cutOf(conv, layout);
  const functions = [
    microKernel({ tile, apart: "rows", stride: cut.leftRow, columns: columnsOf(tile) }),
    readTiles(inputTiles(conv, cut)),
    ...productsFunctions(conv, layout, cut),
    writeTiles(outputTiles(conv, cut)),
    prepareFunction(cut),
    itemFunction(conv, layout, cut),
  ];
  const steps = inner[0] * inner[1] * scheme.size ** 2 * weights.channels;
  const work = steps * cut.tilesEach * cut.panelsEach * columnsOf(cut.tile);
  const items = outer[0] * outer[1] * cut.parts * cut.blocks;
  const convolve = wat.pass(buffers, functions, items, work * COSTS.tile);
  return cut.own ? { passes: [convolve], scratchBytes: 0, localBytes: cut.bytes } : {
    passes: [winogradWeights(buffers, weights, scheme, layout), convolve],
    scratchBytes: layout.bytes,
    localBytes: cut.bytes,
  };
}

function inputTiles({ scheme, tiles, input, weights }: WinogradConv, cut: Cut): TileTransfer {
  return {
    name: "input",
    tiles,
    buffer: "left",
    patches: input,
    side: scheme.size,
    size: scheme.size,
    map: scheme.input,
    channels: weights.channels,
    table: cut.pixels,
    outside: cut.zeros,
    start: 0,
    elementBytes: cut.leftProduct,
    tileBytes: cut.leftRow,
    place: cut.own ? wat.sub(wat.get("c"), wat.get("c0")) : wat.get("c"),
  };
}

function outputTiles({ scheme, tiles, output, weights }: WinogradConv, cut: Cut): TileTransfer {
  return {
    name: "output",
    tiles,
    buffer: "result",
    patches: output,
    side: scheme.outputs,
    size: scheme.size,
    map: scheme.output,
    channels: weights.columns,
    table: cut.pixels,
    outside: cut.dump,
    start: cut.products,
    elementBytes: cut.productBytes,
    tileBytes: cut.productRow,
    place: wat.sub(wat.get("c"), wat.get("c0")),
  };
}

/** Writes the function that notes the addresses of result rows and clears the pixel of zeros. */
function prepareFunction(cut: Cut): Wat {
  const row = wat.add(wat.argument("local"), cut.products, wat.mul(wat.get("t"), cut.productRow));
  const note = `(i32.store offset=${cut.rows} ${wat.add(wat.argument("local"), wat.mul(wat.get("t"), 4))} ${row})`;
  const zero = `(v128.store offset=${cut.zeros} ${
    wat.add(wat.argument("local"), wat.get("c"))
  } (v128.const i32x4 0 0 0 0))`;
  return wat.func(
    "prepare",
    [],
    wat.block(
      wat.loop("t", wat.int(0), wat.int(cut.tilesEach), note),
      wat.loop("c", wat.int(0), wat.int(cut.leftRow), zero, 16),
    ),
  );
}

/** Writes the function that does one work item: a block of tiles, some panels of columns, one phase of the output. */
function itemFunction(conv: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
  const { tiles, weights, inner, outer } = conv;
  const count = tiles.batch * tiles.y * tiles.x;
  const several = inner[0] * inner[1] > 1;
  const phase = multiplyPhase(conv, layout, cut);
  const digits = [["phase_y", outer[0]], ["phase_x", outer[1]], ["part", cut.parts], ["tile0", cut.blocks]] as const;
  return wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), digits),
      wat.set("tile0", wat.mul(wat.get("tile0"), cut.tilesEach)),
      wat.set("tiles", wat.part(cut.tilesEach, count, "tile0")),
      wat.set(
        "panels",
        wat.min(wat.int(cut.panelsEach), wat.sub(wat.int(layout.panels), wat.mul(wat.get("part"), cut.panelsEach))),
      ),
      wat.set("column", wat.mul(wat.get("part"), cut.panelsEach * columnsOf(cut.tile))),
      wat.set(
        "columns",
        wat.min(wat.mul(wat.get("panels"), columnsOf(cut.tile)), wat.sub(wat.int(weights.columns), wat.get("column"))),
      ),
      wat.call("prepare"),
      several
        ? wat.loop("phase_y", wat.int(0), wat.int(inner[0]), wat.loop("phase_x", wat.int(0), wat.int(inner[1]), phase))
        : phase,
      wat.call("output", ...["tile0", "tiles", "column", "columns", "phase_y", "phase_x"].map(wat.get)),
    ),
  );
}
