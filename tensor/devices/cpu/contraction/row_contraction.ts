/** @file Products contracted over rows, `leftᵀ × right`: weight gradients. Slabs of rows give partial sums, added in order. */
import type { WatKernel, WatPass } from "../../../compiler/kernel.ts";
import { type TapBlocks, tapBlocks } from "./contraction_blocks.ts";
import { loadLanes, microKernel, PANEL_BYTES, TILE_COLUMNS, TILE_ROWS } from "./micro_kernel.ts";
import { aligned, panelsOf } from "./right_factor.ts";
import { packRows, packRowsThere, type RowSource, skipsRows } from "./row_source.ts";
import { slabSum } from "./slab_sum.ts";
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
  when,
} from "../emit/text.ts";

/** A contraction over rows, for each group. All of the right factor's rows and of the result lie in arrays of the named buffers. */
export interface RowContraction {
  readonly left: RowSource;
  readonly groups: number;
  /** Columns of the right factor in one group. */
  readonly columns: number;
  readonly right: { readonly buffer: string; readonly rowFloats: number; readonly groupFloats: number };
  /** Row `k` of the result, a column of the left factor, starts at `k·rowFloats + g·groupFloats`. */
  readonly result: {
    readonly buffer: string;
    readonly rowFloats: number;
    readonly groupFloats: number;
    readonly floats: number;
  };
}

/** Rows between two visits of a result tile. */
const ROWS = 256;
/** Most columns of the left factor in one work item: with 256 rows of them and of the panels, the L2 cache is half full. */
const WIDTH = 288;
/** Most panels of the right factor in one work item. */
const PANELS = 24;
/** Work items to aim at, so that 8 threads end at about the same time. */
const ITEMS = 32;
/** Most bytes of partial sums. */
const PARTIALS = 64 * 2 ** 20;
/** Nanoseconds for one multiply-add, as measured on a core of 2.3 GHz. */
const COST = 0.06;

/** How a contraction is cut into work items; depends on shapes only. */
interface Cut {
  readonly width: TapBlocks;
  readonly panels: number;
  readonly panelsEach: number;
  readonly columnBlocks: number;
  readonly chunks: number;
  readonly chunksEach: number;
  readonly slabs: number;
  /** Floats from one slab's partial sums to the next. */
  readonly slabFloats: number;
  readonly rowBytes: number;
  readonly table: number;
  readonly dump: number;
  /** True if only rows that have the tap are packed; then where the addresses of the right factor's rows are noted. */
  readonly skips: boolean;
  readonly rights: number;
  readonly there: number;
  readonly packed: number;
}

/**
 * Makes the kernel of a contraction over rows.
 *
 * @param buffers Names of the inputs and outputs, in order.
 * @param contraction What to contract.
 * @returns One pass that contracts and, if there is more than one slab, one that adds the slabs.
 */
export function rowContractionKernel(buffers: readonly string[], contraction: RowContraction): WatKernel {
  const cut = cutOf(contraction);
  const { left, columns, groups, result } = contraction;
  const functions = [
    microKernel({ apart: "steps", stride: cut.rowBytes, columns }),
    cut.skips ? packRowsThere("rows", left, { ...cut, table: cut.rights }) : packRows("rows", left, cut.rowBytes),
    packColumns(contraction, cut),
    contractionItem(contraction, cut),
  ];
  const items = cut.slabs * groups * cut.width.count * cut.columnBlocks;
  const cost = cut.chunksEach * ROWS * cut.width.width * cut.panelsEach * TILE_COLUMNS * COST;
  const contract: WatPass = pass(buffers, functions, items, cost);
  const sum = slabSum(buffers, {
    output: result.buffer,
    floats: result.floats,
    slabs: cut.slabs,
    slabFloats: cut.slabFloats,
  });
  return {
    passes: cut.slabs > 1 ? [contract, sum] : [contract],
    scratchBytes: cut.slabs > 1 ? cut.slabs * cut.slabFloats * 4 : 0,
    localBytes: cut.packed + ROWS * cut.panelsEach * PANEL_BYTES,
  };
}

function cutOf({ left, columns, groups, result }: RowContraction): Cut {
  const width = tapBlocks(left.taps, left.channels, WIDTH);
  const skips = skipsRows(left) && width.width <= left.channels; // blocks of one tap; narrower ones cost more than they save
  const panels = panelsOf(columns);
  const panelsEach = Math.ceil(panels / Math.max(1, Math.ceil(panels / PANELS)));
  const columnBlocks = Math.ceil(panels / Math.max(1, panelsEach));
  const chunks = Math.max(1, Math.ceil(left.rows / ROWS));
  const slabFloats = roundUp(result.floats, 16);
  const pieces = groups * width.count * columnBlocks;
  const wanted = pieces >= ITEMS / 2 ? 1 : Math.ceil(ITEMS / Math.max(1, pieces));
  const most = Math.max(1, Math.floor(PARTIALS / Math.max(1, slabFloats * 4)));
  const chunksEach = Math.ceil(chunks / Math.min(wanted, chunks, most));
  const rowBytes = roundUp(roundUp(width.width, TILE_ROWS.steps) * 4, 16) + 16;
  const table = aligned(rowBytes * ROWS + 64);
  const dump = table + aligned(4 * roundUp(width.width, TILE_ROWS.steps));
  const slabs = Math.ceil(chunks / chunksEach);
  const rights = dump + aligned(panelsEach * PANEL_BYTES);
  const there = rights + (skips ? ROWS * 4 : 0);
  const packed = there + (skips ? aligned((ROWS + TILE_ROWS.rows) * 4) : 0);
  return {
    width,
    panels,
    panelsEach,
    columnBlocks,
    chunks,
    chunksEach,
    slabs,
    slabFloats,
    rowBytes,
    table,
    dump,
    skips,
    rights,
    there,
    packed,
  };
}

/** Writes the function that packs `mn` rows of the right factor, from `m0` on or those that are noted, into panels `p0` to `p_end`. */
function packColumns({ right, columns }: RowContraction, { skips, there }: Cut): Wat {
  const panels = panelsOf(columns);
  const left = columns - (panels - 1) * TILE_COLUMNS;
  const half = (lanes: number, first: number) =>
    lanes <= first ? "(v128.const i32x4 0 0 0 0)" : loadLanes(get("from"), Math.min(4, lanes - first), first * 4);
  const note = add(argument("local"), mul(get("m"), 4));
  const noted = set("from", add(`(i32.load offset=${there + 4} ${note})`, mul(get("p"), PANEL_BYTES)));
  const run = (lanes: number) =>
    loop(
      "m",
      int(0),
      get("mn"),
      block(
        skips ? noted : null,
        `(v128.store ${get("to")} ${half(lanes, 0)})`,
        `(v128.store offset=16 ${get("to")} ${half(lanes, 4)})`,
        set("to", add(get("to"), PANEL_BYTES)),
        skips ? null : set("from", add(get("from"), right.rowFloats * 4)),
      ),
    );
  const start = add(argument(right.buffer), mul(get("g"), right.groupFloats * 4), mul(get("m0"), right.rowFloats * 4));
  const body = left === TILE_COLUMNS
    ? run(TILE_COLUMNS)
    : when(`(i32.eq ${get("p")} ${int(panels - 1)})`, run(left), run(TILE_COLUMNS));
  return func(
    "columns",
    ["to", "g", "m0", "mn", "p0", "p_end"],
    loop("p", get("p0"), get("p_end"), block(set("from", add(start, mul(get("p"), PANEL_BYTES))), body)),
  );
}

/** Writes the function that does one work item: a slab of rows, some columns of each factor. */
function contractionItem(contraction: RowContraction, cut: Cut): Wat {
  const { left, groups } = contraction;
  const digits = [["slab", cut.slabs], ["g", groups], ["kb", cut.width.count], ["p0", cut.columnBlocks]] as const;
  return func(
    "item",
    ["index"],
    block(
      split(get("index"), digits),
      cut.width.decode,
      set("p0", mul(get("p0"), cut.panelsEach)),
      set("p_end", min(int(cut.panels), add(get("p0"), cut.panelsEach))),
      set("first", mul(get("slab"), cut.chunksEach * ROWS)),
      set("end", min(int(cut.chunks * ROWS), add(get("first"), cut.chunksEach * ROWS))),
      resultTable(contraction, cut),
      set("panels", add(argument("local"), cut.packed)),
      loop(
        "m0",
        get("first"),
        get("end"),
        block(
          set("mn", min(int(ROWS), sub(int(left.rows), get("m0")))),
          cut.skips ? packThere(contraction, cut) : packAll,
          call("columns", ...["panels", "g", "m0", "mn", "p0", "p_end"].map(get)),
          set("b", get("panels")),
          loop("p", get("p0"), get("p_end"), tiles(cut)),
        ),
        ROWS,
      ),
    ),
  );
}

/** Packs rows `$m0` to `$m0 + $mn` of the left factor. */
const packAll = call("rows", argument("local"), ...["g", "m0", "mn", "t0", "tn", "c0", "cn"].map(get));

/** Packs those that have tap `$t0`, notes the right factor's rows that they meet, and sets `$mn` to their number. */
function packThere({ right }: RowContraction, { rights, there }: Cut): Wat {
  const start = add(argument(right.buffer), mul(get("g"), right.groupFloats * 4));
  const row = add(start, mul(add(get("m0"), get("i")), right.rowFloats * 4));
  return block(
    loop("i", int(0), get("mn"), `(i32.store offset=${rights} ${add(argument("local"), mul(get("i"), 4))} ${row})`),
    call("rows", argument("local"), ...["g", "m0", "mn", "t0", "c0", "cn"].map(get), int(0)),
    set("mn", `(i32.load offset=${there} ${argument("local")})`),
  );
}

/** Notes the address of each result row; rows past the last write to the dump. */
function resultTable({ result }: RowContraction, { slabs, slabFloats, table, dump, width }: Cut): Wat {
  const start = slabs > 1 ? add(argument("scratch"), mul(get("slab"), slabFloats * 4)) : argument(result.buffer);
  const row = mul(add(get("k0"), get("i")), result.rowFloats * 4);
  return block(
    set("start", add(start, mul(get("g"), result.groupFloats * 4), mul(get("p0"), PANEL_BYTES))),
    loop(
      "i",
      int(0),
      int(roundUp(width.width, TILE_ROWS.steps)),
      block(
        when(
          `(i32.lt_u ${get("i")} ${get("kn")})`,
          set("address", add(get("start"), row)),
          set("address", add(argument("local"), dump)),
        ),
        `(i32.store offset=${table} ${add(argument("local"), mul(get("i"), 4))} ${get("address")})`,
      ),
    ),
  );
}

/** All tiles of panel `$p`, which is at `$b`. */
function tiles(cut: Cut): Wat {
  return block(
    set("a", argument("local")),
    set("table", add(argument("local"), cut.table)),
    set("column", mul(sub(get("p"), get("p0")), PANEL_BYTES)),
    set("more", `(i32.ne ${get("m0")} ${get("first")})`),
    set("last", `(i32.eq ${get("p")} ${int(cut.panels - 1)})`),
    loop(
      "r",
      int(0),
      get("kn"),
      block(
        call("tile", ...["a", "b", "mn", "table", "column", "more", "last"].map(get)),
        set("a", add(get("a"), TILE_ROWS.steps * 4)),
        set("table", add(get("table"), TILE_ROWS.steps * 4)),
      ),
      TILE_ROWS.steps,
    ),
    set("b", add(get("b"), mul(get("mn"), PANEL_BYTES))),
  );
}
