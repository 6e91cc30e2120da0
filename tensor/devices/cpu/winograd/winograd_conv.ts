/**
 * @file Convolution by Winograd's method: tiles of the input are transformed, multiplied with the transformed weights by the same
 * register tile as other products, and transformed to tiles of the output, a block of tiles at a time.
 */
import type { WatKernel } from "../../../compiler/kernel.ts";
import type { WinogradConv } from "../../../contraction/geometry.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { microKernel } from "../contraction/micro_kernel.ts";
import { aligned, oddLines } from "../contraction/right_factor.ts";
import { columnsOf, panelBytes } from "../contraction/tiles.ts";
import {
  add,
  argument,
  block,
  call,
  func,
  get,
  int,
  loop,
  min,
  mul,
  pass,
  roundUp,
  set,
  split,
  sub,
  type Wat,
} from "../emit/text.ts";
import { COSTS, DEAR_ITEMS, STEPS } from "../machine.ts";
import { readTiles, type TileTransfer, writeTiles } from "./winograd_tiles.ts";
import { type WeightLayout, weightLayout, winogradWeights } from "./winograd_weights.ts";

/** Bytes of transformed input at most, more only where a block would have too few tiles. */
const BLOCK_BYTES = 512 * 1024;
/** Least and most tiles of a block. */
const LEAST_TILES = 48;
const MOST_TILES = 96;

/** How a convolution is cut into work items, and where things lie in a thread's local memory. */
interface Cut {
  readonly tile: Tile;
  readonly tilesEach: number;
  readonly blocks: number;
  readonly panelsEach: number;
  readonly parts: number;
  /** Transformed input: bytes of a tile's row and of a product's rows. */
  readonly leftRow: number;
  readonly leftProduct: number;
  /** Products, likewise, and where they start. */
  readonly products: number;
  readonly productRow: number;
  readonly productBytes: number;
  /** Addresses of result rows; of the pixels of a tile; zeros; a pixel for results nobody wants. */
  readonly rows: number;
  readonly pixels: number;
  readonly zeros: number;
  readonly dump: number;
  readonly bytes: number;
}

function cutOf({ scheme, tiles, weights, outer }: WinogradConv, { panels, tile }: WeightLayout): Cut {
  const squares = scheme.size ** 2;
  const count = tiles.batch * tiles.y * tiles.x;
  const fitting = Math.floor(BLOCK_BYTES / (squares * weights.channels * 4));
  const most = Math.max(LEAST_TILES, Math.min(MOST_TILES, fitting));
  const blocks = Math.max(1, Math.ceil(count / most));
  const tilesEach = Math.max(tile.rows, roundUp(Math.ceil(count / blocks), tile.rows));
  const used = Math.ceil(count / tilesEach);
  const wanted = Math.ceil(DEAR_ITEMS / Math.max(1, used * outer[0] * outer[1]));
  const parts = Math.max(1, Math.min(wanted, Math.ceil(panels / 8)));
  const panelsEach = Math.max(1, Math.ceil(panels / parts));
  const leftRow = roundUp(weights.channels * 4, 16) + 16;
  const leftProduct = oddLines(tilesEach * leftRow);
  const products = squares * leftProduct;
  const productRow = panelsEach * panelBytes(tile) + 16;
  const productBytes = oddLines(tilesEach * productRow);
  const rows = products + squares * productBytes;
  const pixels = rows + aligned(tilesEach * 4);
  const zeros = pixels + aligned(squares * 4);
  const dump = zeros + aligned(leftRow);
  return {
    tile,
    tilesEach,
    blocks: used,
    panelsEach,
    parts: Math.ceil(panels / panelsEach),
    leftRow,
    leftProduct,
    products,
    productRow,
    productBytes,
    rows,
    pixels,
    zeros,
    dump,
    bytes: dump + aligned(panelsEach * panelBytes(tile)),
  };
}

/**
 * Makes the kernel of a convolution by Winograd's method.
 *
 * @param conv What to compute.
 * @param tile What the registers hold.
 * @returns Two passes: one transforms the weights, one convolves.
 */
export function winogradKernel(conv: WinogradConv, tile: Tile): WatKernel {
  const buffers = ["left", "right", "result"];
  const { scheme, weights, outer, inner } = conv;
  const layout = weightLayout(weights, scheme, [inner[0] * outer[0], inner[1] * outer[1]], tile);
  const cut = cutOf(conv, layout);
  const functions = [
    microKernel({ tile, apart: "rows", stride: cut.leftRow, columns: columnsOf(tile) }),
    readTiles(inputTiles(conv, cut)),
    productsFunction(conv, layout, cut),
    writeTiles(outputTiles(conv, cut)),
    prepareFunction(cut),
    itemFunction(conv, layout, cut),
  ];
  const steps = inner[0] * inner[1] * scheme.size ** 2 * weights.channels;
  const work = steps * cut.tilesEach * cut.panelsEach * columnsOf(cut.tile);
  const items = outer[0] * outer[1] * cut.parts * cut.blocks;
  return {
    passes: [winogradWeights(buffers, weights, scheme, layout), pass(buffers, functions, items, work * COSTS.tile)],
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
    place: get("c"),
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
    place: sub(get("c"), get("c0")),
  };
}

/** Writes the function that multiplies all tiles of the block with the weights at `weights`, and adds to the products if `more`. */
function productsFunction({ scheme, weights: { channels } }: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
  const cuts = Math.max(1, Math.ceil(channels / STEPS));
  const stepsEach = roundUp(Math.ceil(channels / cuts), 4);
  const steps = block(
    set("kn", min(int(stepsEach), sub(int(channels), get("k")))),
    set("add", `(i32.or ${get("more")} (i32.ne ${get("k")} ${int(0)}))`),
    set("b", add(get("weights"), mul(get("k"), panelBytes(cut.tile)))),
    set("column", get("product")),
    loop("p", int(0), get("panels"), panelTiles(layout, cut)),
  );
  const product = block(
    loop("k", int(0), int(channels), steps, stepsEach),
    set("left", add(get("left"), cut.leftProduct)),
    set("weights", add(get("weights"), layout.productBytes)),
  );
  return func(
    "products",
    ["tiles", "weights", "panels", "more"],
    block(
      set("left", argument("local")),
      loop("product", int(0), int(scheme.size ** 2 * cut.productBytes), product, cut.productBytes),
    ),
  );
}

/** All register tiles of the panel at `$b`, which stays in the L1 cache meanwhile. */
function panelTiles(layout: WeightLayout, cut: Cut): Wat {
  const tile = block(
    call("tile", ...["a", "b", "kn", "row", "column", "add"].map(get), int(0)),
    set("a", add(get("a"), cut.tile.rows * cut.leftRow)),
    set("row", add(get("row"), cut.tile.rows * 4)),
  );
  return block(
    set("a", add(get("left"), mul(get("k"), 4))),
    set("row", add(argument("local"), cut.rows)),
    loop("r", int(0), get("tiles"), tile, cut.tile.rows),
    set("b", add(get("b"), layout.panelBytes)),
    set("column", add(get("column"), panelBytes(cut.tile))),
  );
}

/** Writes the function that notes the addresses of result rows and clears the pixel of zeros. */
function prepareFunction(cut: Cut): Wat {
  const row = add(argument("local"), cut.products, mul(get("t"), cut.productRow));
  const note = `(i32.store offset=${cut.rows} ${add(argument("local"), mul(get("t"), 4))} ${row})`;
  const zero = `(v128.store offset=${cut.zeros} ${add(argument("local"), get("c"))} (v128.const i32x4 0 0 0 0))`;
  return func(
    "prepare",
    [],
    block(loop("t", int(0), int(cut.tilesEach), note), loop("c", int(0), int(cut.leftRow), zero, 16)),
  );
}

/** Writes the function that does one work item: a block of tiles, some panels of columns, one phase of the output. */
function itemFunction({ tiles, weights, inner, outer }: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
  const count = tiles.batch * tiles.y * tiles.x;
  const phaseNumber = add(mul(get("phase_y"), layout.phases[1]), get("phase_x"));
  const packed = add(
    argument("scratch"),
    mul(phaseNumber, layout.phaseBytes),
    mul(get("part"), cut.panelsEach * layout.panelBytes),
  );
  const several = inner[0] * inner[1] > 1;
  const phase = block(
    call("input", ...["tile0", "tiles"].map(get), int(0), int(weights.channels), ...["phase_y", "phase_x"].map(get)),
    call("products", get("tiles"), packed, get("panels"), several ? `(i32.ne ${phaseNumber} ${int(0)})` : int(0)),
  );
  const digits = [["phase_y", outer[0]], ["phase_x", outer[1]], ["part", cut.parts], ["tile0", cut.blocks]] as const;
  return func(
    "item",
    ["index"],
    block(
      split(get("index"), digits),
      set("tile0", mul(get("tile0"), cut.tilesEach)),
      set("tiles", min(int(cut.tilesEach), sub(int(count), get("tile0")))),
      set("panels", min(int(cut.panelsEach), sub(int(layout.panels), mul(get("part"), cut.panelsEach)))),
      set("column", mul(get("part"), cut.panelsEach * columnsOf(cut.tile))),
      set("columns", min(mul(get("panels"), columnsOf(cut.tile)), sub(int(weights.columns), get("column")))),
      call("prepare"),
      several ? loop("phase_y", int(0), int(inner[0]), loop("phase_x", int(0), int(inner[1]), phase)) : phase,
      call("output", ...["tile0", "tiles", "column", "columns", "phase_y", "phase_x"].map(get)),
    ),
  );
}
