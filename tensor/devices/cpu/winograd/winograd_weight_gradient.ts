/**
 * @file Weight gradients by Winograd's method: tiles of the input and of the output's gradient are transformed and multiplied, the
 * products of all tiles added up, and the sums transformed to the gradient. Slabs of tiles give partial sums, added in order.
 */
import type { WatKernel, WatPass } from "../../../compiler/kernel.ts";
import type { WinogradWeightGradient } from "../../../contraction/geometry.ts";
import type { Scheme } from "../../../contraction/scheme.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { microKernel, storeLanes } from "../contraction/micro_kernel.ts";
import { aligned, oddLines } from "../contraction/right_factor.ts";
import { columnsOf, panelBytes, panelsOf } from "../contraction/tiles.ts";
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
import { COSTS, DEAR_ITEMS, PARTIALS } from "../machine.ts";
import { readTiles, type TileTransfer } from "./winograd_tiles.ts";
import { transformSquare, vectorTypes } from "./winograd_transform.ts";

/** Most channels and panels of a work item. */
const CHANNELS = 100;
const PANELS = 12;
/** Bytes of transformed tiles, and the least and most tiles of a block. */
const BLOCK_BYTES = 2 * 2 ** 20;
const LEAST_TILES = 24;
const MOST_TILES = 96;
/** Channels of a work item of the last pass. */
const LAST_CHANNELS = 16;

/** How a gradient is cut into work items, where things lie in local memory and, of the sums, in scratch. */
interface Cut {
  readonly tile: Tile;
  readonly channelsEach: number;
  readonly channelBlocks: number;
  /** Rows that sums have for the channels of a block. */
  readonly rowsEach: number;
  readonly panels: number;
  readonly panelsEach: number;
  readonly panelBlocks: number;
  readonly tilesEach: number;
  readonly blocks: number;
  readonly blocksEach: number;
  readonly slabs: number;
  readonly sumRow: number;
  readonly sumProduct: number;
  readonly sumPhase: number;
  readonly slabBytes: number;
  /** Transformed input. */
  readonly leftRow: number;
  readonly leftProduct: number;
  /** Transformed gradient of the output, in panels. */
  readonly right: number;
  readonly rightPanel: number;
  readonly rightProduct: number;
  readonly rows: number;
  readonly pixels: number;
  readonly zeros: number;
  readonly bytes: number;
}

/** Cuts a length into as few nearly equal pieces as have at most `most`, of whole multiples. */
function piecesOf(length: number, most: number, multiple: number): { readonly each: number; readonly count: number } {
  const each = roundUp(Math.ceil(length / Math.max(1, Math.ceil(length / most))), multiple);
  return { each, count: Math.ceil(length / each) };
}

function cutOf(gradient: WinogradWeightGradient, tile: Tile): Cut {
  const { scheme, tiles, phases, channels, columns } = gradient;
  const squares = scheme.size ** 2;
  const panels = panelsOf(columns, tile);
  const channelCut = piecesOf(channels, CHANNELS, 4 * tile.rows);
  const panelCut = piecesOf(panels, PANELS, 1);
  const count = tiles.batch * tiles.y * tiles.x;
  const tileBytes = squares * 4 * (channelCut.each + panelCut.each * columnsOf(tile));
  const most = Math.max(LEAST_TILES, Math.min(MOST_TILES, Math.floor(BLOCK_BYTES / tileBytes)));
  const tilesEach = Math.max(1, Math.ceil(count / Math.max(1, Math.ceil(count / most))));
  const blocks = Math.max(1, Math.ceil(count / tilesEach));
  const rowsEach = roundUp(channelCut.each, tile.rows);
  const sumRow = panels * panelBytes(tile);
  const sumProduct = oddLines(channelCut.count * rowsEach * sumRow);
  const sumPhase = squares * sumProduct;
  const slabBytes = sumPhase * phases[0] * phases[1];
  const pieces = channelCut.count * panelCut.count * phases[0] * phases[1];
  const wanted = Math.min(blocks, Math.ceil(DEAR_ITEMS / pieces), Math.max(1, Math.floor(PARTIALS / slabBytes)));
  const blocksEach = Math.ceil(blocks / wanted);
  return {
    tile,
    channelsEach: channelCut.each,
    channelBlocks: channelCut.count,
    rowsEach,
    panels,
    panelsEach: panelCut.each,
    panelBlocks: panelCut.count,
    tilesEach,
    blocks,
    blocksEach,
    slabs: Math.ceil(blocks / blocksEach),
    sumRow,
    sumProduct,
    sumPhase,
    slabBytes,
    ...localLayout(squares, tilesEach, rowsEach, panelCut.each, tile),
  };
}

function localLayout(squares: number, tilesEach: number, rowsEach: number, panelsEach: number, tile: Tile) {
  const leftRow = roundUp(rowsEach * 4, 16) + 16;
  const leftProduct = oddLines(tilesEach * leftRow);
  const right = squares * leftProduct;
  const rightPanel = tilesEach * panelBytes(tile);
  const rightProduct = oddLines(panelsEach * rightPanel);
  const rows = right + squares * rightProduct;
  const pixels = rows + aligned(rowsEach * 4);
  const zeros = pixels + aligned(squares * 4);
  const bytes = zeros + aligned(Math.max(rowsEach * 4, panelsEach * panelBytes(tile)));
  return { leftRow, leftProduct, right, rightPanel, rightProduct, rows, pixels, zeros, bytes };
}

/**
 * Makes the kernel of a weight gradient by Winograd's method.
 *
 * @param gradient What to compute.
 * @param tile What the registers hold; a power of two of vectors.
 * @returns Two passes: one multiplies and adds up, one transforms the sums.
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
    itemFunction(gradient, cut),
  ];
  const items = cut.slabs * phases[0] * phases[1] * cut.channelBlocks * cut.panelBlocks;
  const work = cut.blocksEach * cut.tilesEach * scheme.size ** 2 * cut.channelsEach * cut.panelsEach *
    columnsOf(cut.tile);
  return {
    passes: [pass(buffers, functions, items, work * COSTS.tile), sumPass(buffers, gradient, cut)],
    scratchBytes: cut.slabs * cut.slabBytes,
    localBytes: cut.bytes,
  };
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
    place: sub(get("c"), get("c0")),
  };
}

function outputTiles({ scheme, tiles, outputGradient, columns }: WinogradWeightGradient, cut: Cut): TileTransfer {
  const offset = sub(get("c"), get("c0"));
  const panel = `(i32.shr_u ${offset} ${int(Math.log2(panelBytes(cut.tile)))})`;
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
    place: add(mul(panel, cut.rightPanel), `(i32.and ${offset} ${int(panelBytes(cut.tile) - 1)})`),
  };
}

/** Writes the function that adds the products of a block of tiles to the sums of `rows` channels, or starts them if not `more`. */
function productsFunction({ size }: Scheme, cut: Cut): Wat {
  const tile = block(
    call("tile", ...["a", "b", "tiles", "row", "column", "more"].map(get), int(0)),
    set("a", add(get("a"), cut.tile.rows * 4)),
    set("row", add(get("row"), cut.tile.rows * 4)),
  );
  const panel = block(
    set("a", get("left")),
    set("row", add(argument("local"), cut.rows)),
    loop("r", int(0), get("channels"), tile, cut.tile.rows),
    set("b", add(get("b"), cut.rightPanel)),
    set("column", add(get("column"), panelBytes(cut.tile))),
  );
  const product = block(
    set("b", get("right")),
    set("column", get("product")),
    loop("p", int(0), get("panels"), panel),
    set("left", add(get("left"), cut.leftProduct)),
    set("right", add(get("right"), cut.rightProduct)),
  );
  return func(
    "products",
    ["tiles", "channels", "panels", "more"],
    block(
      set("left", argument("local")),
      set("right", add(argument("local"), cut.right)),
      loop("product", int(0), int(size ** 2 * cut.sumProduct), product, cut.sumProduct),
    ),
  );
}

/** Writes the function that notes the addresses of the rows of sums, the first at `sums`, and clears the pixel of zeros. */
function prepareFunction(cut: Cut): Wat {
  const row = add(get("sums"), mul(get("r"), cut.sumRow));
  const note = `(i32.store offset=${cut.rows} ${add(argument("local"), mul(get("r"), 4))} ${row})`;
  const zero = `(v128.store offset=${cut.zeros} ${add(argument("local"), get("c"))} (v128.const i32x4 0 0 0 0))`;
  return func(
    "prepare",
    ["sums"],
    block(loop("r", int(0), int(cut.rowsEach), note), loop("c", int(0), int(cut.bytes - cut.zeros), zero, 16)),
  );
}

/** Writes the function that does one work item: a slab of tiles, one phase, some channels, some panels of columns. */
function itemFunction({ tiles, phases, channels, columns }: WinogradWeightGradient, cut: Cut): Wat {
  const count = tiles.batch * tiles.y * tiles.x;
  const phaseNumber = add(mul(get("phase_y"), phases[1]), get("phase_x"));
  const read = (name: string, first: string, channels: string) =>
    call(name, ...["tile0", "tiles", first, channels, "phase_y", "phase_x"].map(get));
  const tileBlock = block(
    set("tiles", min(int(cut.tilesEach), sub(get("end"), get("tile0")))),
    read("input", "c0", "channels"),
    read("gradient", "column", "columns"),
    call("products", ...["tiles", "channels", "panels"].map(get), `(i32.ne ${get("tile0")} ${get("first")})`),
  );
  const sums = add(argument("scratch"), mul(get("slab"), cut.slabBytes), mul(phaseNumber, cut.sumPhase));
  const corner = add(mul(get("channel_block"), cut.rowsEach * cut.sumRow), mul(get("p0"), panelBytes(cut.tile)));
  const digits = [["slab", cut.slabs], ["phase_y", phases[0]], ["phase_x", phases[1]], [
    "channel_block",
    cut.channelBlocks,
  ], ["p0", cut.panelBlocks]] as const;
  return func(
    "item",
    ["index"],
    block(
      split(get("index"), digits),
      set("c0", mul(get("channel_block"), cut.channelsEach)),
      set("channels", min(int(cut.channelsEach), sub(int(channels), get("c0")))),
      set("p0", mul(get("p0"), cut.panelsEach)),
      set("panels", min(int(cut.panelsEach), sub(int(cut.panels), get("p0")))),
      set("column", mul(get("p0"), columnsOf(cut.tile))),
      set("columns", min(mul(get("panels"), columnsOf(cut.tile)), sub(int(columns), get("column")))),
      call("prepare", add(sums, corner)),
      set("first", mul(get("slab"), cut.blocksEach * cut.tilesEach)),
      set("end", min(int(count), add(get("first"), cut.blocksEach * cut.tilesEach))),
      loop("tile0", get("first"), get("end"), tileBlock, cut.tilesEach),
    ),
  );
}

/** Makes the pass that transforms the sums of each slab and adds them, in order, to the gradient. */
function sumPass(buffers: readonly string[], gradient: WinogradWeightGradient, cut: Cut): WatPass {
  const { phases, channels, columns, result } = gradient;
  const blocks = Math.ceil(channels / LAST_CHANNELS);
  const phase = add(mul(get("phase_y"), result.phaseStrides[0] * 4), mul(get("phase_x"), result.phaseStrides[1] * 4));
  const phaseNumber = add(mul(get("phase_y"), phases[1]), get("phase_x"));
  const channelBlock = `(i32.div_u ${get("c")} ${int(cut.channelsEach)})`;
  const row = add(get("c"), mul(channelBlock, cut.rowsEach - cut.channelsEach));
  const body = block(
    split(get("index"), [["phase_y", phases[0]], ["phase_x", phases[1]], ["c", blocks]]),
    set("c", mul(get("c"), LAST_CHANNELS)),
    set("c_end", min(int(channels), add(get("c"), LAST_CHANNELS))),
    loop(
      "c",
      get("c"),
      get("c_end"),
      block(
        set("sums", add(argument("scratch"), mul(phaseNumber, cut.sumPhase), mul(row, cut.sumRow))),
        set("to", add(argument("result"), phase, mul(get("c"), columns * 4))),
        loop("n", int(0), int(Math.floor(columns / 4) * 16), sumVector(gradient, cut, 4), 16),
        columns % 4 > 0 ? sumVector(gradient, cut, columns % 4) : null,
      ),
    ),
  );
  const cost = Math.min(channels, LAST_CHANNELS) * columns * gradient.scheme.size ** 2 * cut.slabs * 0.5;
  return pass(buffers, [func("item", ["index"], body, vectorTypes(body))], phases[0] * phases[1] * blocks, cost);
}

/** Transforms and adds the sums of all slabs at `$sums + $n`, and writes some lanes of the gradients of all taps at `$to + $n`. */
function sumVector({ scheme, result }: WinogradWeightGradient, cut: Cut, lanes: number): Wat {
  const { size, taps } = scheme;
  const total = (i: number, j: number) => `v_total${i}_${j}`;
  const each = (body: (i: number, j: number) => Wat) =>
    block(...Array.from({ length: taps * taps }, (_, k) => body(Math.floor(k / taps), k % taps)));
  const slab = transformSquare(
    scheme.weightsGradient,
    size,
    (i, j) => `(v128.load offset=${(i * size + j) * cut.sumProduct} ${get("from")})`,
    (i, j, value) => set(total(i, j), `(f32x4.add ${get(total(i, j))} ${value})`),
  );
  const offset = (i: number, j: number) => (i * result.tapStrides[0] + j * result.tapStrides[1]) * 4;
  return block(
    each((i, j) => set(total(i, j), "(v128.const i32x4 0 0 0 0)")),
    set("from", add(get("sums"), get("n"))),
    loop("slab", int(0), int(cut.slabs), block(slab, set("from", add(get("from"), cut.slabBytes)))),
    set("address", add(get("to"), get("n"))),
    each((i, j) => storeLanes(get("address"), get(total(i, j)), lanes, offset(i, j))),
  );
}
