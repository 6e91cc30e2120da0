/** @file Products contracted over rows, `leftᵀ × right`: weight gradients. Slabs of rows give partial sums, added in order. */
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import type { OuterContraction, RightRows } from "../../../contraction/contraction.ts";
import { cutSlabs } from "../../../contraction/slabs.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { COSTS, ITEMS, PARTIALS } from "../machine.ts";
import { type TapBlocks, tapBlocks } from "./contraction_blocks.ts";
import { loadLanes, microKernel } from "./micro_kernel.ts";
import { packRows, packRowsThere, skipsRows } from "./pack_rows.ts";
import { aligned } from "./right_factor.ts";
import { bufferOf, buffersOf, type RowSource, rowSource } from "./row_source.ts";
import { type PartialSums, summedKernel, sumsOf } from "./slab_sum.ts";
import { columnsOf, panelBytes, panelsOf, type Tiles } from "./tiles.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Rows between two visits of a result tile. */
const ROWS = 256;
/** Most columns of the left factor in one work item: with 256 rows of them and of the panels, the L2 cache is half full. */
const WIDTH = 288;
/** Most columns of the right factor in one work item. */
const COLUMNS = 192;

/** How a contraction is cut into work items; depends on shapes only. */
interface Cut {
  readonly width: TapBlocks;
  readonly panels: number;
  readonly panelsEach: number;
  readonly columnBlocks: number;
  /** Rows of a slab, whole chunks, and of all slabs. */
  readonly length: number;
  readonly end: number;
  readonly sums: PartialSums;
  /** True if only rows that have the tap are packed. */
  readonly skips: boolean;
}

/**
 * Where things lie in a thread's local memory: packed rows, addresses of result rows, a row for results nobody wants; where
 * rows are skipped, addresses of the right factor's rows, and of those that meet a row that is there; packed columns.
 */
interface LocalLayout {
  readonly rowBytes: number;
  readonly table: number;
  readonly dump: number;
  readonly rights: number;
  readonly there: number;
  readonly packed: number;
  readonly bytes: number;
}

/** All that the functions of the kernel are written from. */
interface Plan {
  readonly contraction: OuterContraction;
  readonly left: RowSource;
  readonly tile: Tile;
  readonly cut: Cut;
  readonly layout: LocalLayout;
}

/**
 * Makes the kernel of a sum of outer products.
 *
 * @param contraction What to contract.
 * @param tiles What the registers hold.
 * @returns One pass that contracts and, if there is more than one slab, one that adds the slabs.
 */
export function outerKernel(contraction: OuterContraction, { steps: tile }: Tiles): WatKernel {
  const left = rowSource(contraction.rows);
  const cut = cutOf(contraction, left, tile);
  const layout = layoutOf(cut, tile);
  const plan = { contraction, left, tile, cut, layout };
  const { batch, columns } = contraction;
  const functions = [
    microKernel({ tile, apart: "steps", stride: layout.rowBytes, columns }),
    cut.skips
      ? packRowsThere("rows", left, { ...layout, table: layout.rights, tileRows: tile.rows })
      : packRows("rows", left, layout.rowBytes),
    packColumns(plan),
    contractionItem(plan),
  ];
  const items = cut.sums.slabs * batch * cut.width.count * cut.columnBlocks;
  const cost = cut.length * cut.width.width * cut.panelsEach * columnsOf(tile) * COSTS.tile;
  const buffers = buffersOf(contraction);
  return summedKernel(buffers, cut.sums, wat.pass(buffers, functions, items, cost), layout.bytes);
}

function cutOf({ batch, columns }: OuterContraction, left: RowSource, tile: Tile): Cut {
  const width = tapBlocks(left.taps, left.channels, WIDTH);
  const panels = panelsOf(columns, tile);
  const parts = Math.max(1, Math.ceil(columns / COLUMNS));
  const panelsEach = Math.ceil(panels / parts);
  const columnBlocks = Math.ceil(panels / Math.max(1, panelsEach));
  const floats = batch * left.taps * left.channels * columns;
  const slabFloats = wat.roundUp(floats, 16);
  const pieces = batch * width.count * parts; // not by the blocks: how rows are cut must not depend on the tile
  const wanted = pieces >= ITEMS / 2 ? 1 : Math.ceil(ITEMS / Math.max(1, pieces));
  const { slabs, length } = cutSlabs({
    ...{ rows: left.rows, whole: ROWS, wanted },
    ...{ elements: slabFloats * 4, most: PARTIALS },
  });
  return {
    width,
    panels,
    panelsEach,
    columnBlocks,
    length,
    end: wat.roundUp(Math.max(1, left.rows), ROWS),
    sums: { floats, slabs, slabFloats },
    skips: skipsRows(left) && width.width <= left.channels, // blocks of one tap; narrower ones cost more than they save
  };
}

function layoutOf({ width, panelsEach, skips }: Cut, tile: Tile): LocalLayout {
  const rowBytes = wat.roundUp(wat.roundUp(width.width, tile.rows) * 4, 16) + 16;
  const table = aligned(rowBytes * ROWS + 64);
  const dump = table + aligned(4 * wat.roundUp(width.width, tile.rows));
  const rights = dump + aligned(panelsEach * panelBytes(tile));
  const there = rights + (skips ? ROWS * 4 : 0);
  const packed = there + (skips ? aligned((ROWS + tile.rows) * 4) : 0);
  return { rowBytes, table, dump, rights, there, packed, bytes: packed + ROWS * panelsEach * panelBytes(tile) };
}

/** Writes the function that packs `mn` rows of the right factor, from `m0` on or those that are noted, into panels `p0` to `p_end`. */
function packColumns({ contraction: { right, columns }, tile, cut: { skips }, layout: { there } }: Plan): Wat {
  const panels = panelsOf(columns, tile);
  const [width, bytes] = [columnsOf(tile), panelBytes(tile)];
  const left = columns - (panels - 1) * width;
  const vector = (lanes: number, first: number) =>
    lanes <= first ? "(v128.const i32x4 0 0 0 0)" : loadLanes(wat.get("from"), Math.min(4, lanes - first), first * 4);
  const note = wat.add(wat.argument("local"), wat.mul(wat.get("m"), 4));
  const noted = wat.set("from", wat.add(`(i32.load offset=${there + 4} ${note})`, wat.mul(wat.get("p"), bytes)));
  const run = (lanes: number) =>
    wat.loop(
      "m",
      wat.int(0),
      wat.get("mn"),
      wat.block(
        skips ? noted : null,
        wat.unroll(tile.vectors, (i) => `(v128.store offset=${16 * i} ${wat.get("to")} ${vector(lanes, 4 * i)})`),
        wat.set("to", wat.add(wat.get("to"), bytes)),
        skips ? null : wat.set("from", wat.add(wat.get("from"), right.rowStride * 4)),
      ),
    );
  const start = wat.add(rightOf(right), wat.mul(wat.get("m0"), right.rowStride * 4));
  const body = left === width
    ? run(width)
    : wat.when(`(i32.eq ${wat.get("p")} ${wat.int(panels - 1)})`, run(left), run(width));
  return wat.func(
    "columns",
    ["to", "g", "m0", "mn", "p0", "p_end"],
    wat.loop(
      "p",
      wat.get("p0"),
      wat.get("p_end"),
      wat.block(wat.set("from", wat.add(start, wat.mul(wat.get("p"), bytes))), body),
    ),
  );
}

/** Writes the function that does one work item: a slab of rows, some columns of each factor. */
function contractionItem(plan: Plan): Wat {
  const { contraction: { batch }, left, cut, layout } = plan;
  const digits = [["slab", cut.sums.slabs], ["g", batch], ["kb", cut.width.count], ["p0", cut.columnBlocks]] as const;
  return wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), digits),
      cut.width.decode,
      wat.set("p0", wat.mul(wat.get("p0"), cut.panelsEach)),
      wat.set("p_end", wat.min(wat.int(cut.panels), wat.add(wat.get("p0"), cut.panelsEach))),
      wat.set("first", wat.mul(wat.get("slab"), cut.length)),
      wat.set("end", wat.min(wat.int(cut.end), wat.add(wat.get("first"), cut.length))),
      resultTable(plan),
      wat.set("panels", wat.add(wat.argument("local"), layout.packed)),
      wat.loop(
        "m0",
        wat.get("first"),
        wat.get("end"),
        wat.block(
          wat.set("mn", wat.part(ROWS, left.rows, "m0")),
          cut.skips ? packThere(plan) : packAll,
          wat.call("columns", ...["panels", "g", "m0", "mn", "p0", "p_end"].map(wat.get)),
          wat.set("b", wat.get("panels")),
          wat.loop("p", wat.get("p0"), wat.get("p_end"), tiles(plan)),
        ),
        ROWS,
      ),
    ),
  );
}

/** Packs rows `$m0` to `$m0 + $mn` of the left factor. */
const packAll = wat.call("rows", wat.argument("local"), ...["g", "m0", "mn", "t0", "tn", "c0", "cn"].map(wat.get));

/** Packs those that have tap `$t0`, notes the right factor's rows that they meet, and sets `$mn` to their number. */
function packThere({ contraction: { right }, layout: { rights, there } }: Plan): Wat {
  const row = wat.add(rightOf(right), wat.mul(wat.add(wat.get("m0"), wat.get("i")), right.rowStride * 4));
  return wat.block(
    wat.loop(
      "i",
      wat.int(0),
      wat.get("mn"),
      `(i32.store offset=${rights} ${wat.add(wat.argument("local"), wat.mul(wat.get("i"), 4))} ${row})`,
    ),
    wat.call("rows", wat.argument("local"), ...["g", "m0", "mn", "t0", "c0", "cn"].map(wat.get), wat.int(0)),
    wat.set("mn", `(i32.load offset=${there} ${wat.argument("local")})`),
  );
}

/** Notes the address of each result row; rows past the last write to the dump. */
function resultTable({ contraction: { result }, tile, cut: { sums, width }, layout: { table, dump } }: Plan): Wat {
  const start = sumsOf(sums, wat.get("slab"));
  const row = wat.mul(wat.add(wat.get("k0"), wat.get("i")), result.rowStride * 4);
  return wat.block(
    wat.set(
      "start",
      wat.add(start, wat.mul(wat.get("g"), result.batchStride * 4), wat.mul(wat.get("p0"), panelBytes(tile))),
    ),
    wat.loop(
      "i",
      wat.int(0),
      wat.int(wat.roundUp(width.width, tile.rows)),
      wat.block(
        wat.when(
          `(i32.lt_u ${wat.get("i")} ${wat.get("kn")})`,
          wat.set("address", wat.add(wat.get("start"), row)),
          wat.set("address", wat.add(wat.argument("local"), dump)),
        ),
        `(i32.store offset=${table} ${wat.add(wat.argument("local"), wat.mul(wat.get("i"), 4))} ${wat.get("address")})`,
      ),
    ),
  );
}

/** All tiles of panel `$p`, which is at `$b`. */
function tiles({ tile, cut, layout }: Plan): Wat {
  return wat.block(
    wat.set("a", wat.argument("local")),
    wat.set("table", wat.add(wat.argument("local"), layout.table)),
    wat.set("column", wat.mul(wat.sub(wat.get("p"), wat.get("p0")), panelBytes(tile))),
    wat.set("more", `(i32.ne ${wat.get("m0")} ${wat.get("first")})`),
    wat.set("last", `(i32.eq ${wat.get("p")} ${wat.int(cut.panels - 1)})`),
    wat.loop(
      "r",
      wat.int(0),
      wat.get("kn"),
      wat.block(
        wat.call("tile", ...["a", "b", "mn", "table", "column", "more", "last"].map(wat.get)),
        wat.set("a", wat.add(wat.get("a"), tile.rows * 4)),
        wat.set("table", wat.add(wat.get("table"), tile.rows * 4)),
      ),
      tile.rows,
    ),
    wat.set("b", wat.add(wat.get("b"), wat.mul(wat.get("mn"), panelBytes(tile)))),
  );
}

/** Address of the rows of the right factor of group `$g`. */
function rightOf({ input, batchStride }: RightRows): Wat {
  return wat.add(wat.argument(bufferOf(input)), wat.mul(wat.get("g"), batchStride * 4));
}
