/** @file The macro-kernel: products of row sources with packed right factors, blocked for the caches. All dense kernels are lists of these. */
import type { WatKernel } from "../../../compiler/kernel.ts";
import { type TapBlocks, tapBlocks } from "./contraction_blocks.ts";
import { microKernel, PANEL_BYTES, TILE_COLUMNS, TILE_ROWS } from "./micro_kernel.ts";
import {
  aligned,
  packedBytes,
  packItemFloats,
  packItems,
  packPanels,
  panelsOf,
  type RightFactor,
  stepsOf,
} from "./right_factor.ts";
import { packRows, packRowsThere, type RowSource, skipsRows } from "./row_source.ts";
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

/** One product: each row of `left` with the right factor of its group. */
export interface Product {
  /** Rows of the left factor, or of its transpose. */
  readonly left: RowSource;
  /** True to multiply the transpose of `left` (one tap): its rows are the steps of the contraction. */
  readonly transposed: boolean;
  readonly right: RightFactor;
  /** Statements before `result`, if it needs any. */
  readonly resultIndex?: Wat;
  /** Expression: address of result row `$m` of group `$g`. */
  readonly result: Wat;
}

/** Most steps of the contraction between two visits of a result tile: a panel of 12 KiB stays in the L1 cache. */
const STEPS = 384;
/** Most rows of a work item, whole tiles, and whole vectors of a transpose's: 100 × 384 floats stay in the L2 cache. */
const ROWS = { rows: 96, steps: 100 } as const;
/** Work items to aim at, so that 8 threads end at about the same time. */
const ITEMS = 32;
/** Nanoseconds for one multiply-add, as measured on a core of 2.3 GHz. */
const COST = 0.06;

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
 * Makes the kernel of some products that together write one output.
 *
 * @param buffers Names of the inputs and outputs, in order.
 * @param products The products; they may differ in everything but the number of columns.
 * @returns Two passes: one packs the right factors, one multiplies.
 */
export function productKernel(buffers: readonly string[], products: readonly Product[]): WatKernel {
  if (products.length === 0) return { passes: [], scratchBytes: 0, localBytes: 0 };
  const offsets = products.map((_, i) =>
    products.slice(0, i).reduce((sum, { right }) => sum + aligned(packedBytes(right)), 0)
  );
  const blockings = products.map((product) => blockingOf(product, products.length));
  const layout = localLayout(products, blockings);
  const parts = products.map(({ right }) => packItems(right));
  const items = blockings.map((cut, i) => products[i]!.right.groups * cut.rowBlocks * cut.columnBlocks);
  const work = Math.max(...blockings.map((cut, i) => cut.rowsEach * cut.panelsEach * stepsOf(products[i]!.right)));
  const packing = products.map(({ right }, i) => packPanels(`pack${i}`, right, offsets[i]!));
  const columns = products[0]!.right.columns;
  const multiplying = products.flatMap((product, i) => [
    blockings[i]!.skips
      ? packRowsThere(`rows${i}`, product.left, layout)
      : packRows(`rows${i}`, product.left, layout.rowBytes),
    productItem(i, product, blockings[i]!, layout, offsets[i]!),
  ]);
  const tile = microKernel({ apart: apartIn(products[0]!), stride: layout.rowBytes, columns });
  const packWork = Math.max(...products.map(({ right }) => packItemFloats(right)));
  return {
    passes: [
      pass(buffers, [...packing, dispatch("pack", parts)], parts.reduce((a, b) => a + b, 0), packWork),
      pass(
        buffers,
        [tile, ...multiplying, dispatch("product", items)],
        items.reduce((a, b) => a + b, 0),
        work * TILE_COLUMNS * COST,
      ),
    ],
    scratchBytes: products.reduce((sum, { right }) => sum + aligned(packedBytes(right)), 0),
    localBytes: layout.bytes,
  };
}

/** Cuts a product; the cut depends on shapes only. */
function blockingOf(product: Product, parts: number): Blocking {
  const { left, right, transposed } = product;
  const rows = transposed ? left.channels : left.rows;
  const panels = panelsOf(right.columns);
  const skips = !transposed && skipsRows(left);
  // where rows are skipped, a block is of one tap
  const most = skips ? Math.min(STEPS, left.channels) : STEPS;
  const apart = apartIn(product);
  const rowBlocks = Math.ceil(rows / ROWS[apart]);
  const wanted = Math.ceil(ITEMS / Math.max(1, rowBlocks * right.groups * parts));
  const columnCuts = Math.max(1, Math.min(wanted, Math.ceil(panels / 8)));
  const panelsEach = Math.max(1, Math.ceil(panels / columnCuts));
  return {
    rows,
    rowsEach: roundUp(Math.ceil(rows / Math.max(1, rowBlocks)), transposed ? 4 * TILE_ROWS[apart] : TILE_ROWS[apart]),
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
  const rowBytes = roundUp(4 * most((cut, { transposed }) => transposed ? cut.rowsEach : cut.contraction.width), 16) +
    16;
  const table = aligned(
    rowBytes * most((cut, { transposed }) => transposed ? cut.contraction.width : cut.rowsEach) + 64,
  );
  const there = table + aligned(4 * most((cut) => cut.rowsEach));
  const dump = there + aligned(4 * most((cut) => cut.skips ? TILE_ROWS.rows + cut.rowsEach : 0));
  return { rowBytes, table, there, dump, bytes: dump + PANEL_BYTES * most((cut) => cut.panelsEach) };
}

/** What lies apart in the packed left factor: packing copies runs of the rows of `left`. */
function apartIn({ transposed }: Product): keyof typeof TILE_ROWS {
  return transposed ? "steps" : "rows";
}

/** Writes the function that does one work item: some rows times some panels. */
function productItem(i: number, product: Product, cut: Blocking, layout: LocalLayout, offset: number): Wat {
  const panels = panelsOf(product.right.columns);
  // of a transpose, the steps k0 to k0 + kn are the rows, and the rows m0 to m0 + mn the channels of its one tap
  const range = product.transposed ? ["k0", "kn", "t0", "tn", "m0", "mn"] : ["m0", "mn", "t0", "tn", "c0", "cn"];
  return func(
    `product${i}`,
    ["index"],
    block(
      split(get("index"), [["g", product.right.groups], ["m0", cut.rowBlocks], ["p0", cut.columnBlocks]]),
      set("m0", mul(get("m0"), cut.rowsEach)),
      set("mn", min(int(cut.rowsEach), sub(int(cut.rows), get("m0")))),
      set("p0", mul(get("p0"), cut.panelsEach)),
      set("p_end", min(int(panels), add(get("p0"), cut.panelsEach))),
      resultTable(product, cut, layout),
      loop(
        "kb",
        int(0),
        int(cut.contraction.count),
        block(
          cut.contraction.decode,
          cut.skips
            ? block(
              // the first step starts the results of all rows
              call(
                `rows${i}`,
                argument("local"),
                ...["g", "m0", "mn", "t0", "c0", "cn"].map(get),
                `(i32.eqz ${get("kb")})`,
              ),
              set("rows", `(i32.load offset=${layout.there} ${argument("local")})`),
            )
            : block(call(`rows${i}`, argument("local"), get("g"), ...range.map(get)), set("rows", get("mn"))),
          loop("p", get("p0"), get("p_end"), tiles(product, offset, layout, panels, cut.skips)),
        ),
      ),
    ),
  );
}

/** Notes the address of each result row; rows past the last write to the dump. */
function resultTable(product: Product, cut: Blocking, { table, dump }: LocalLayout): Wat {
  return loop(
    "i",
    int(0),
    int(cut.rowsEach),
    block(
      set("m", add(get("m0"), get("i"))),
      when(
        `(i32.lt_u ${get("i")} ${get("mn")})`,
        block(product.resultIndex ?? null, set("address", add(product.result, mul(get("p0"), PANEL_BYTES)))),
        set("address", add(argument("local"), dump)),
      ),
      `(i32.store offset=${table} ${add(argument("local"), mul(get("i"), 4))} ${get("address")})`,
    ),
  );
}

/** All tiles of panel `$p`, which stays in the L1 cache meanwhile. */
function tiles(product: Product, offset: number, layout: LocalLayout, panels: number, skips: boolean): Wat {
  const steps = stepsOf(product.right);
  const panel = add(mul(get("g"), panels * steps), mul(get("p"), steps), get("k0"));
  const tileRows = TILE_ROWS[apartIn(product)];
  const tileBytes = tileRows * (product.transposed ? 4 : layout.rowBytes);
  return block(
    set("b", add(argument("scratch"), offset, mul(panel, PANEL_BYTES))),
    set("column", mul(sub(get("p"), get("p0")), PANEL_BYTES)),
    set("last", `(i32.eq ${get("p")} ${int(panels - 1)})`),
    set("a", argument("local")),
    set("table", add(argument("local"), skips ? layout.there + 4 : layout.table)),
    loop(
      "r",
      int(0),
      get("rows"),
      block(
        call("tile", get("a"), get("b"), get("kn"), get("table"), get("column"), get("kb"), get("last")),
        set("a", add(get("a"), tileBytes)),
        set("table", add(get("table"), tileRows * 4)),
      ),
      tileRows,
    ),
  );
}

/** Writes `item`, which finds the part that an item belongs to and calls `<name><part>` with its number there. */
export function dispatch(name: string, counts: readonly number[]): Wat {
  const lines = counts.map((count, i) =>
    block(
      when(`(i32.lt_u ${get("index")} ${int(count)})`, block(call(`${name}${i}`, get("index")), "(return)")),
      set("index", sub(get("index"), int(count))),
    )
  );
  return func("item", ["index"], block(...lines));
}
