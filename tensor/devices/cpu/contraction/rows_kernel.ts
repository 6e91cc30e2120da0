/** @file The macro-kernel: rows times packed matrices, blocked for the caches. */
import type { WatKernel, WatPass } from "../../../compiler/kernel_text.ts";
import type { RowsContraction, RowsProduct } from "../../../contraction/contraction.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { COSTS, ITEMS, STEPS } from "../machine.ts";
import { type TapBlocks, tapBlocks } from "./contraction_blocks.ts";
import { microKernel } from "./micro_kernel.ts";
import { packRows, packRowsThere, skipsRows } from "./pack_rows.ts";
import {
  aligned,
  packedBytes,
  packItemFloats,
  packItems,
  packPanels,
  panelCount,
  type RightFactor,
  rightFactor,
  stepsOf,
} from "./right_factor.ts";
import { bufferOf, buffersOf, type ResultText, resultText, type RowSource, rowSource } from "./row_source.ts";
import { columnsOf, panelBytes, type Tiles } from "./tiles.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** One product: each row of `left` with the right factor of its group. */
interface Product {
  /** Rows of the left factor, or of its transpose. */
  readonly left: RowSource;
  /** True to multiply the transpose of `left` (one tap): its rows are the steps of the contraction. */
  readonly transposed: boolean;
  readonly right: RightFactor;
  readonly result: ResultText;
  readonly tile: Tile;
}

/** The parts of a product as text; a matrix that lies transposed is read along what lies side by side. */
function productOf(contraction: RowsContraction, product: RowsProduct, tiles: Tiles): Product {
  const { rows } = product;
  const transposed = rows.kind === "matrix" && rows.transposed;
  const tile = transposed ? tiles.steps : tiles.rows;
  return {
    left: rowSource(transposed ? { ...rows, rows: rows.channels, channels: rows.rows } : rows),
    transposed,
    right: rightFactor(contraction, product, tile),
    result: resultText(product),
    tile,
  };
}

/** Most rows of a work item, whole tiles, and whole vectors of a transpose's: 100 × 384 floats stay in the L2 cache. */
const ROWS = { rows: 96, steps: 100 } as const;

/** How a product is cut into work items. */
interface Blocking {
  readonly rows: number;
  readonly rowsEach: number;
  readonly rowBlocks: number;
  readonly panelsEach: number;
  readonly columnBlocks: number;
  readonly contraction: TapBlocks;
  /** True if a step of the contraction takes only the rows that have its tap. */
  readonly skips: boolean;
}

/**
 * Makes the kernel of rows times matrices.
 *
 * @param contraction Products that together write one output.
 * @param tiles What the registers hold.
 * @returns Two passes: one packs the right factors, one multiplies. None if there is nothing to write.
 */
export function rowsKernel(contraction: RowsContraction, tiles: Tiles): WatKernel {
  const products = contraction.phases.map((phase) => productOf(contraction, phase, tiles));
  if (products.length === 0) return { passes: [], scratchBytes: 0, localBytes: 0 };
  const sizes = products.map(({ right }) => aligned(packedBytes(right)));
  const offsets = sizes.map((_, i) => total(sizes.slice(0, i)));
  const blockings = products.map((product) => blockingOf(product, products.length));
  const layout = localLayout(products, blockings);
  const buffers = buffersOf(contraction);
  return {
    passes: [
      packingPass(buffers, products, offsets),
      productPass(
        buffers,
        products.map((product, i) => ({ product, cut: blockings[i]!, offset: offsets[i]! })),
        layout,
      ),
    ],
    scratchBytes: total(sizes),
    localBytes: layout.bytes,
  };
}

function total(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b, 0);
}

function packingPass(buffers: readonly string[], products: readonly Product[], offsets: readonly number[]): WatPass {
  const packing = products.map(({ right }, i) => packPanels(`pack${i}`, bufferOf(right.input), right, offsets[i]!));
  const parts = products.map(({ right }) => packItems(right));
  const work = Math.max(...products.map(({ right }) => packItemFloats(right)));
  return wat.pass(buffers, [...packing, dispatch("pack", parts)], total(parts), work);
}

/** A product, how it is cut, and where its packed right factor begins in scratch. */
interface Part {
  readonly product: Product;
  readonly cut: Blocking;
  readonly offset: number;
}

function productPass(buffers: readonly string[], parts: readonly Part[], layout: LocalLayout): WatPass {
  const { tile, right, ...first } = parts[0]!.product;
  const apart = apartIn(first);
  const multiplying = parts.flatMap(({ product, cut, offset }, i) => [
    cut.skips
      ? packRowsThere(`rows${i}`, product.left, { ...layout, tileRows: tile.rows })
      : packRows(`rows${i}`, product.left, layout.rowBytes),
    productItem(i, product, cut, layout, offset),
  ]);
  const micro = microKernel({ tile, apart, stride: layout.rowBytes, columns: right.columns });
  const items = parts.map(({ product, cut }) => product.right.batch * cut.rowBlocks * cut.columnBlocks);
  const work = Math.max(...parts.map(({ product, cut }) => cut.rowsEach * cut.panelsEach * stepsOf(product.right)));
  const functions = [micro, ...multiplying, dispatch("product", items)];
  return wat.pass(buffers, functions, total(items), work * columnsOf(tile) * COSTS.tile);
}

/** Cuts a product; the cut depends on shapes only. */
function blockingOf(product: Product, parts: number): Blocking {
  const { left, right, transposed, tile } = product;
  const rows = transposed ? left.channels : left.rows;
  const panels = panelCount(right);
  const skips = !transposed && skipsRows(left);
  // where rows are skipped, a block is of one tap
  const most = skips ? Math.min(STEPS, left.channels) : STEPS;
  const apart = apartIn(product);
  const rowBlocks = Math.ceil(rows / ROWS[apart]);
  const wanted = Math.ceil(ITEMS / Math.max(1, rowBlocks * right.batch * parts));
  const columnCuts = Math.max(1, Math.min(wanted, Math.ceil(panels / 8)));
  const panelsEach = Math.max(1, Math.ceil(panels / columnCuts));
  return {
    rows,
    rowsEach: wat.roundUp(Math.ceil(rows / Math.max(1, rowBlocks)), transposed ? 4 * tile.rows : tile.rows),
    rowBlocks,
    panelsEach,
    columnBlocks: Math.ceil(panels / panelsEach),
    contraction: transposed ? tapBlocks(1, left.rows, STEPS) : tapBlocks(left.taps, left.channels, most),
    skips,
  };
}

/**
 * Where things lie in a thread's local memory: packed rows, addresses of result rows, a row for results nobody wants; the
 * addresses of those rows that have a tap, and before them how many.
 */
interface LocalLayout {
  readonly rowBytes: number;
  readonly table: number;
  readonly there: number;
  readonly dump: number;
  readonly bytes: number;
}

function localLayout(products: readonly Product[], blockings: readonly Blocking[]): LocalLayout {
  const most = (f: (cut: Blocking, product: Product) => number) =>
    Math.max(...blockings.map((cut, i) => f(cut, products[i]!)));
  // 16 bytes apart from powers of two, so that the rows of a tile do not share cache sets
  const rowBytes =
    wat.roundUp(4 * most((cut, { transposed }) => transposed ? cut.rowsEach : cut.contraction.width), 16) +
    16;
  const table = aligned(
    rowBytes * most((cut, { transposed }) => transposed ? cut.contraction.width : cut.rowsEach) + 64,
  );
  const there = table + aligned(4 * most((cut) => cut.rowsEach));
  const dump = there + aligned(4 * most((cut, { tile }) => cut.skips ? tile.rows + cut.rowsEach : 0));
  return { rowBytes, table, there, dump, bytes: dump + most((cut, { tile }) => panelBytes(tile) * cut.panelsEach) };
}

/** What lies apart in the packed left factor: packing copies runs of the rows of `left`. */
function apartIn({ transposed }: Pick<Product, "transposed">): keyof Tiles {
  return transposed ? "steps" : "rows";
}

/** Packs the rows of a step of the contraction, and sets how many there are. */
function packRowsOfStep(i: number, product: Product, cut: Blocking, layout: LocalLayout): Wat {
  if (cut.skips) {
    const first = `(i32.eqz ${wat.get("kb")})`; // the first step starts the results of all rows
    return wat.block(
      wat.call(`rows${i}`, wat.argument("local"), ...["g", "m0", "mn", "t0", "c0", "cn"].map(wat.get), first),
      wat.set("rows", `(i32.load offset=${layout.there} ${wat.argument("local")})`),
    );
  }
  // of a transpose, the steps k0 to k0 + kn are the rows, and the rows m0 to m0 + mn the channels of its one tap
  const range = product.transposed ? ["k0", "kn", "t0", "tn", "m0", "mn"] : ["m0", "mn", "t0", "tn", "c0", "cn"];
  return wat.block(
    wat.call(`rows${i}`, wat.argument("local"), wat.get("g"), ...range.map(wat.get)),
    wat.set("rows", wat.get("mn")),
  );
}

/** Writes the function that does one work item: some rows times some panels. */
function productItem(i: number, product: Product, cut: Blocking, layout: LocalLayout, offset: number): Wat {
  const panels = panelCount(product.right);
  return wat.func(
    `product${i}`,
    ["index"],
    wat.block(
      wat.split(wat.get("index"), [["g", product.right.batch], ["m0", cut.rowBlocks], ["p0", cut.columnBlocks]]),
      wat.set("m0", wat.mul(wat.get("m0"), cut.rowsEach)),
      wat.set("mn", wat.part(cut.rowsEach, cut.rows, "m0")),
      wat.set("p0", wat.mul(wat.get("p0"), cut.panelsEach)),
      wat.set("p_end", wat.min(wat.int(panels), wat.add(wat.get("p0"), cut.panelsEach))),
      resultTable(product, cut, layout),
      wat.loop(
        "kb",
        wat.int(0),
        wat.int(cut.contraction.count),
        wat.block(
          cut.contraction.decode,
          packRowsOfStep(i, product, cut, layout),
          wat.loop("p", wat.get("p0"), wat.get("p_end"), tiles(product, offset, layout, panels, cut.skips)),
        ),
      ),
    ),
  );
}

/** Notes the address of each result row; rows past the last write to the dump. */
function resultTable(product: Product, cut: Blocking, { table, dump }: LocalLayout): Wat {
  return wat.loop(
    "i",
    wat.int(0),
    wat.int(cut.rowsEach),
    wat.block(
      wat.set("m", wat.add(wat.get("m0"), wat.get("i"))),
      wat.when(
        `(i32.lt_u ${wat.get("i")} ${wat.get("mn")})`,
        wat.block(
          product.result.index,
          wat.set("address", wat.add(product.result.address, wat.mul(wat.get("p0"), panelBytes(product.tile)))),
        ),
        wat.set("address", wat.add(wat.argument("local"), dump)),
      ),
      `(i32.store offset=${table} ${wat.add(wat.argument("local"), wat.mul(wat.get("i"), 4))} ${wat.get("address")})`,
    ),
  );
}

/** All tiles of panel `$p`, which stays in the L1 cache meanwhile. */
function tiles(product: Product, offset: number, layout: LocalLayout, panels: number, skips: boolean): Wat {
  const steps = stepsOf(product.right);
  const panel = wat.add(wat.mul(wat.get("g"), panels * steps), wat.mul(wat.get("p"), steps), wat.get("k0"));
  const tileRows = product.tile.rows;
  const bytes = panelBytes(product.tile);
  const tileBytes = tileRows * (product.transposed ? 4 : layout.rowBytes);
  return wat.block(
    wat.set("b", wat.add(wat.argument("scratch"), offset, wat.mul(panel, bytes))),
    wat.set("column", wat.mul(wat.sub(wat.get("p"), wat.get("p0")), bytes)),
    wat.set("last", `(i32.eq ${wat.get("p")} ${wat.int(panels - 1)})`),
    wat.set("a", wat.argument("local")),
    wat.set("table", wat.add(wat.argument("local"), skips ? layout.there + 4 : layout.table)),
    wat.loop(
      "r",
      wat.int(0),
      wat.get("rows"),
      wat.block(
        wat.call(
          "tile",
          wat.get("a"),
          wat.get("b"),
          wat.get("kn"),
          wat.get("table"),
          wat.get("column"),
          wat.get("kb"),
          wat.get("last"),
        ),
        wat.set("a", wat.add(wat.get("a"), tileBytes)),
        wat.set("table", wat.add(wat.get("table"), tileRows * 4)),
      ),
      tileRows,
    ),
  );
}

/** Writes `item`, which finds the part that an item belongs to and calls `<name><part>` with its number there. */
export function dispatch(name: string, counts: readonly number[]): Wat {
  const lines = counts.map((count, i) =>
    wat.block(
      wat.when(
        `(i32.lt_u ${wat.get("index")} ${wat.int(count)})`,
        wat.block(wat.call(`${name}${i}`, wat.get("index")), "(return)"),
      ),
      wat.set("index", wat.sub(wat.get("index"), wat.int(count))),
    )
  );
  return wat.func("item", ["index"], wat.block(...lines));
}
