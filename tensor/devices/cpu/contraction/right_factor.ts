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
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

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
  const tap = wat.add(...names.map((name, axis) => wat.mul(wat.get(name), tapStrides[axis]! * 4)));
  const number = names.reduce((number, name, axis) => wat.add(wat.mul(number, taps[axis]!), wat.get(name)), wat.int(0));
  const step = wat.add(wat.mul(wat.get("g"), panels * stepsOf(factor)), wat.mul(number, channels));
  const from = [wat.mul(wat.get("g"), batchStride * 4), tap, wat.mul(wat.get("c0"), factor.channelStride * 4)];
  return wat.func(
    name,
    ["index"],
    wat.block(
      wat.split(wat.get("index"), digits),
      wat.set("c0", wat.mul(wat.get("c0"), STEPS)),
      wat.set("c_end", wat.min(wat.int(channels), wat.add(wat.get("c0"), STEPS))),
      wat.set("p0", wat.mul(wat.get("p0"), PANELS)),
      wat.set("p_end", wat.min(wat.int(panels), wat.add(wat.get("p0"), PANELS))),
      wat.set("base", wat.add(wat.argument(buffer), factor.offset * 4, ...from)),
      wat.set("base", wat.add(wat.get("base"), wat.mul(wat.get("p0"), width * columnStride * 4))),
      wat.set("start", wat.mul(wat.add(step, wat.get("c0"), wat.mul(wat.get("p0"), stepsOf(factor))), bytes)),
      wat.set("start", wat.add(wat.argument("scratch"), offset, wat.get("start"))),
      left < width
        ? wat.when(
          `(i32.eq ${wat.get("p_end")} ${wat.int(panels)})`,
          wat.block(wat.set("p_end", wat.sub(wat.get("p_end"), wat.int(1))), lastPanel(factor, left)),
        )
        : null,
      columnStride === 1 ? byRows(factor) : byPanels(factor),
    ),
  );
}

/** Packs whole panels `p0` to `p_end`, reading along the rows of a row-major factor. */
function byRows(factor: RightFactor): Wat {
  const bytes = panelBytes(factor.tile);
  const row = wat.block(
    wat.set("from", wat.get("base")),
    wat.set("to", wat.get("start")),
    wat.loop(
      "p",
      wat.get("p0"),
      wat.get("p_end"),
      wat.block(
        packStep(factor, columnsOf(factor.tile)),
        wat.set("from", wat.add(wat.get("from"), bytes)),
        wat.set("to", wat.add(wat.get("to"), stepsOf(factor) * bytes)),
      ),
    ),
    wat.set("base", wat.add(wat.get("base"), factor.channelStride * 4)),
    wat.set("start", wat.add(wat.get("start"), bytes)),
  );
  return wat.loop("c", wat.get("c0"), wat.get("c_end"), row);
}

/** Packs whole panels one after the other, reading along the columns of a column-major factor. */
function byPanels(factor: RightFactor): Wat {
  const width = columnsOf(factor.tile);
  const panel = wat.block(
    wat.set("from", wat.get("base")),
    wat.set("to", wat.get("start")),
    column(factor, width),
    wat.set("base", wat.add(wat.get("base"), width * factor.columnStride * 4)),
    wat.set("start", wat.add(wat.get("start"), stepsOf(factor) * panelBytes(factor.tile))),
  );
  return wat.loop("p", wat.get("p0"), wat.get("p_end"), panel);
}

/** Packs the last panel of a factor whose columns do not fill it. */
function lastPanel(factor: RightFactor, lanes: number): Wat {
  const panel = wat.sub(wat.get("p_end"), wat.get("p0"));
  return wat.block(
    wat.set("from", wat.add(wat.get("base"), wat.mul(panel, columnsOf(factor.tile) * factor.columnStride * 4))),
    wat.set("to", wat.add(wat.get("start"), wat.mul(panel, stepsOf(factor) * panelBytes(factor.tile)))),
    column(factor, lanes),
  );
}

/** Packs one panel from `$from` to `$to`. */
function column(factor: RightFactor, lanes: number): Wat {
  const next = wat.block(
    wat.set("from", wat.add(wat.get("from"), factor.channelStride * 4)),
    wat.set("to", wat.add(wat.get("to"), panelBytes(factor.tile))),
  );
  return wat.loop("c", wat.get("c0"), wat.get("c_end"), wat.block(packStep(factor, lanes), next));
}

/** Writes one row of a panel. */
function packStep({ columnStride, tile }: RightFactor, lanes: number): Wat {
  const vector = (first: number) => {
    const count = Math.min(4, lanes - first);
    if (count <= 0) return "(v128.const i32x4 0 0 0 0)";
    return columnStride === 1 ? loadLanes(wat.get("from"), count, first * 4) : gatherLanes(count, first, columnStride);
  };
  return wat.unroll(tile.vectors, (i) => `(v128.store offset=${16 * i} ${wat.get("to")} ${vector(4 * i)})`);
}

function gatherLanes(count: number, first: number, stride: number): Wat {
  const offset = (lane: number) => (first + lane) * stride * 4;
  return Array.from({ length: count - 1 }, (_, i) => i + 1).reduce(
    (vector, lane) => `(v128.load32_lane offset=${offset(lane)} ${lane} ${wat.get("from")} ${vector})`,
    `(v128.load32_zero offset=${offset(0)} ${wat.get("from")})`,
  );
}

/** Bytes that keep the next thing aligned. */
export function aligned(bytes: number): number {
  return wat.roundUp(bytes, 64);
}

/** Bytes, at least so many, in an odd number of cache lines: things that far apart do not share cache sets. */
export function oddLines(bytes: number): number {
  return (Math.ceil(bytes / 64) | 1) * 64;
}
