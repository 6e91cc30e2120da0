/** @file The right factor of a product, packed once into panels of a tile's columns that the register tile reads in order. */
import {
  type RightMatrix,
  type RowsContraction,
  type RowsProduct,
  tapSizes,
} from "../../../contraction/contraction.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { type Shape, sizeOf } from "../../../spec.ts";
import { loadLanes } from "./micro_kernel.ts";
import { columnsOf, panelBytes, panelsOf } from "./tiles.ts";
import {
  add,
  argument,
  block,
  func,
  get,
  int,
  loop,
  min,
  mul,
  roundUp,
  set,
  split,
  sub,
  unroll,
  type Wat,
  when,
} from "../emit/text.ts";

/** Matrices with their sizes, to be packed for a tile. */
export interface RightFactor extends RightMatrix {
  readonly taps: Shape;
  readonly channels: number;
  readonly columns: number;
  readonly batch: number;
  readonly tile: Tile;
}

/** The right factor of a product. */
export function rightFactor(
  { batch, columns }: RowsContraction,
  { rows, right }: RowsProduct,
  tile: Tile,
): RightFactor {
  return { ...right, taps: tapSizes(rows), channels: rows.channels, columns, batch, tile };
}

/** Panels of one group. */
export function panelCount({ columns, tile }: RightFactor): number {
  return panelsOf(columns, tile);
}

/** Steps of the contraction: taps × channels. */
export function stepsOf({ taps, channels }: RightFactor): number {
  return sizeOf(taps) * channels;
}

/** Bytes of a packed factor. */
export function packedBytes(factor: RightFactor): number {
  return factor.batch * panelCount(factor) * stepsOf(factor) * panelBytes(factor.tile);
}

/** Steps and panels that one work item packs. */
const STEPS = 128;
const PANELS = 8;

/** How many work items packing takes. */
export function packItems(factor: RightFactor): number {
  const { batch, taps, channels } = factor;
  return batch * sizeOf(taps) * Math.ceil(channels / STEPS) * Math.ceil(panelCount(factor) / PANELS);
}

/** Elements of a work item of packing. */
export function packItemFloats(factor: RightFactor): number {
  return Math.min(factor.channels, STEPS) * Math.min(panelCount(factor), PANELS) * columnsOf(factor.tile);
}

/**
 * Writes a function that packs part number `index` of a factor, some channels of one tap and some panels; columns past the
 * last are zero.
 *
 * @param name Name of the function.
 * @param buffer Name of the buffer that holds the factor.
 * @param factor Where the factor lies.
 * @param offset Bytes from the start of scratch to the packed factor.
 * @returns The text of the function.
 */
export function packPanels(name: string, buffer: string, factor: RightFactor, offset: number): Wat {
  const { taps, tapStrides, channels, columnStride, batchStride, tile } = factor;
  const panels = panelCount(factor);
  const [width, bytes] = [columnsOf(tile), panelBytes(tile)];
  const left = factor.columns - (panels - 1) * width;
  const names = taps.map((_, axis) => `tap${axis}`);
  const digits = [
    ["g", factor.batch],
    ...names.map((name, axis) => [name, taps[axis]!] as const),
    ["c0", Math.ceil(channels / STEPS)],
    ["p0", Math.ceil(panels / PANELS)],
  ] as const;
  const tap = add(...names.map((name, axis) => mul(get(name), tapStrides[axis]! * 4)));
  const number = names.reduce((number, name, axis) => add(mul(number, taps[axis]!), get(name)), int(0));
  const step = add(mul(get("g"), panels * stepsOf(factor)), mul(number, channels));
  const from = [mul(get("g"), batchStride * 4), tap, mul(get("c0"), factor.channelStride * 4)];
  return func(
    name,
    ["index"],
    block(
      split(get("index"), digits),
      set("c0", mul(get("c0"), STEPS)),
      set("c_end", min(int(channels), add(get("c0"), STEPS))),
      set("p0", mul(get("p0"), PANELS)),
      set("p_end", min(int(panels), add(get("p0"), PANELS))),
      set("base", add(argument(buffer), factor.offset * 4, ...from)),
      set("base", add(get("base"), mul(get("p0"), width * columnStride * 4))),
      set("start", mul(add(step, get("c0"), mul(get("p0"), stepsOf(factor))), bytes)),
      set("start", add(argument("scratch"), offset, get("start"))),
      left < width
        ? when(
          `(i32.eq ${get("p_end")} ${int(panels)})`,
          block(set("p_end", sub(get("p_end"), int(1))), lastPanel(factor, left)),
        )
        : null,
      columnStride === 1 ? byRows(factor) : byPanels(factor),
    ),
  );
}

/** Packs whole panels `p0` to `p_end`, reading along the rows of a row-major factor. */
function byRows(factor: RightFactor): Wat {
  const bytes = panelBytes(factor.tile);
  const row = block(
    set("from", get("base")),
    set("to", get("start")),
    loop(
      "p",
      get("p0"),
      get("p_end"),
      block(
        packStep(factor, columnsOf(factor.tile)),
        set("from", add(get("from"), bytes)),
        set("to", add(get("to"), stepsOf(factor) * bytes)),
      ),
    ),
    set("base", add(get("base"), factor.channelStride * 4)),
    set("start", add(get("start"), bytes)),
  );
  return loop("c", get("c0"), get("c_end"), row);
}

/** Packs whole panels one after the other, reading along the columns of a column-major factor. */
function byPanels(factor: RightFactor): Wat {
  const width = columnsOf(factor.tile);
  const panel = block(
    set("from", get("base")),
    set("to", get("start")),
    column(factor, width),
    set("base", add(get("base"), width * factor.columnStride * 4)),
    set("start", add(get("start"), stepsOf(factor) * panelBytes(factor.tile))),
  );
  return loop("p", get("p0"), get("p_end"), panel);
}

/** Packs the last panel of a factor whose columns do not fill it. */
function lastPanel(factor: RightFactor, lanes: number): Wat {
  const panel = sub(get("p_end"), get("p0"));
  return block(
    set("from", add(get("base"), mul(panel, columnsOf(factor.tile) * factor.columnStride * 4))),
    set("to", add(get("start"), mul(panel, stepsOf(factor) * panelBytes(factor.tile)))),
    column(factor, lanes),
  );
}

/** Packs one panel from `$from` to `$to`. */
function column(factor: RightFactor, lanes: number): Wat {
  const next = block(
    set("from", add(get("from"), factor.channelStride * 4)),
    set("to", add(get("to"), panelBytes(factor.tile))),
  );
  return loop("c", get("c0"), get("c_end"), block(packStep(factor, lanes), next));
}

/** Writes one row of a panel. */
function packStep({ columnStride, tile }: RightFactor, lanes: number): Wat {
  const vector = (first: number) => {
    const count = Math.min(4, lanes - first);
    if (count <= 0) return "(v128.const i32x4 0 0 0 0)";
    return columnStride === 1 ? loadLanes(get("from"), count, first * 4) : gatherLanes(count, first, columnStride);
  };
  return unroll(tile.vectors, (i) => `(v128.store offset=${16 * i} ${get("to")} ${vector(4 * i)})`);
}

function gatherLanes(count: number, first: number, stride: number): Wat {
  const offset = (lane: number) => (first + lane) * stride * 4;
  return Array.from({ length: count - 1 }, (_, i) => i + 1).reduce(
    (vector, lane) => `(v128.load32_lane offset=${offset(lane)} ${lane} ${get("from")} ${vector})`,
    `(v128.load32_zero offset=${offset(0)} ${get("from")})`,
  );
}

/** Bytes that keep the next thing aligned. */
export function aligned(bytes: number): number {
  return roundUp(bytes, 64);
}

/** Bytes, at least so many, in an odd number of cache lines: things that far apart do not share cache sets. */
export function oddLines(bytes: number): number {
  return (Math.ceil(bytes / 64) | 1) * 64;
}
