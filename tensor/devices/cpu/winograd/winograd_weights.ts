/** @file The weights of a Winograd convolution, transformed and packed into the panels that the register tile reads. */
import type { WatPass } from "../../../compiler/kernel_text.ts";
import type { WinogradWeights } from "../../../contraction/geometry.ts";
import type { Scheme } from "../../../contraction/scheme.ts";
import type { Tile } from "../../../contraction/tile.ts";
import { loadLanes } from "../contraction/micro_kernel.ts";
import { columnsOf, panelBytes as bytesOf, panelsOf } from "../contraction/tiles.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { transformFunction, transformSquare } from "./winograd_transform.ts";

/** The packed weights: for each phase, for each of the `n²` products, panels of a tile's columns with a row for each channel. */
export interface WeightLayout {
  readonly tile: Tile;
  readonly phases: readonly [number, number];
  readonly panels: number;
  /** Bytes from one panel to the next. */
  readonly panelBytes: number;
  /** Bytes from one product to the next: one line more than the panels, so that the products do not share cache sets. */
  readonly productBytes: number;
  readonly phaseBytes: number;
  readonly bytes: number;
}

/** Channels and panels that a work item packs. */
const CHANNELS = 64;
const PANELS = 2;

/** Lays out the packed weights. */
export function weightLayout(
  { channels, columns }: Pick<WinogradWeights, "channels" | "columns">,
  { size }: Scheme,
  phases: readonly [number, number],
  tile: Tile,
): WeightLayout {
  const panels = panelsOf(columns, tile);
  const panelBytes = channels * bytesOf(tile);
  const productBytes = panels * panelBytes + 64;
  const phaseBytes = size * size * productBytes;
  return { tile, phases, panels, panelBytes, productBytes, phaseBytes, bytes: phaseBytes * phases[0] * phases[1] };
}

/**
 * Makes the pass that transforms and packs the weights to the start of scratch.
 *
 * @param buffers Names of the inputs and outputs, in order.
 * @param weights Where they lie.
 * @param scheme How to transform.
 * @param layout Of `weightLayout`.
 * @returns The pass.
 */
export function winogradWeights(
  buffers: readonly string[],
  weights: WinogradWeights,
  scheme: Scheme,
  layout: WeightLayout,
): WatPass {
  const { channels } = weights;
  const [channelBlocks, panelBlocks] = [Math.ceil(channels / CHANNELS), Math.ceil(layout.panels / PANELS)];
  const phaseNumber = wat.add(wat.mul(wat.get("phase_y"), layout.phases[1]), wat.get("phase_x"));
  const to = wat.add(
    wat.argument("scratch"),
    wat.mul(phaseNumber, layout.phaseBytes),
    wat.mul(wat.get("p"), layout.panelBytes),
    wat.mul(wat.get("c0"), bytesOf(layout.tile)),
  );
  const [phasesY, phasesX] = layout.phases;
  const digits = [["phase_y", phasesY], ["phase_x", phasesX], ["p0", panelBlocks], ["c0", channelBlocks]] as const;
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), digits),
      wat.set("c0", wat.mul(wat.get("c0"), CHANNELS)),
      wat.set("count", wat.part(CHANNELS, channels, "c0")),
      wat.set("p0", wat.mul(wat.get("p0"), PANELS)),
      wat.set("p_end", wat.min(wat.int(layout.panels), wat.add(wat.get("p0"), PANELS))),
      wat.loop("p", wat.get("p0"), wat.get("p_end"), packPanelAt(weights, scheme, layout, to)),
    ),
  );
  const items = layout.phases[0] * layout.phases[1] * panelBlocks * channelBlocks;
  const cost = Math.min(channels, CHANNELS) * Math.min(layout.panels, PANELS) * scheme.size ** 2 * 3;
  return wat.pass(buffers, [...packFunctions(weights, scheme, layout), item], items, cost);
}

/** Columns of the last panel. */
function lastColumns(columns: number, tile: Tile): number {
  return columns - (panelsOf(columns, tile) - 1) * columnsOf(tile);
}

/**
 * Writes the functions that `packPanelAt` calls.
 *
 * @param weights Where the weights lie.
 * @param scheme How to transform.
 * @param to What a panel's rows are, and bytes from one product to the next.
 * @returns Their texts.
 */
export function packFunctions(
  weights: WinogradWeights,
  scheme: Scheme,
  to: Pick<WeightLayout, "tile" | "productBytes">,
): readonly Wat[] {
  const [width, lanes] = [columnsOf(to.tile), lastColumns(weights.columns, to.tile)];
  return [
    packPanel("whole", weights, scheme, to, width),
    ...lanes < width ? [packPanel("last", weights, scheme, to, lanes)] : [],
  ];
}

/**
 * Transforms and packs `$count` channels from `$c0` on of the panel `$p`, of phase `$phase_y`, `$phase_x`.
 *
 * @param weights Where the weights lie.
 * @param scheme How to transform.
 * @param layout How they are cut into panels.
 * @param to Address of the first product.
 * @returns The statements.
 */
export function packPanelAt(weights: WinogradWeights, scheme: Scheme, { tile, panels }: WeightLayout, to: Wat): Wat {
  const from = wat.add(
    wat.argument("right"),
    (weights.offset + lowest(weights, scheme)) * 4,
    wat.mul(wat.get("phase_y"), weights.phaseStrides[0] * 4),
    wat.mul(wat.get("phase_x"), weights.phaseStrides[1] * 4),
    wat.mul(wat.get("p"), columnsOf(tile) * weights.columnStride * 4),
    wat.mul(wat.get("c0"), weights.channelStride * 4),
  );
  const run = (name: string) => wat.call(name, from, to, wat.get("count"));
  const isLast = `(i32.eq ${wat.get("p")} ${wat.int(panels - 1)})`;
  return lastColumns(weights.columns, tile) < columnsOf(tile)
    ? wat.when(isLast, run("last"), run("whole"))
    : run("whole");
}

/** The least offset of a tap: strides may be negative, offsets in instructions may not. */
function lowest({ tapStrides: [y, x] }: WinogradWeights, { taps }: Scheme): number {
  return (taps - 1) * (Math.min(0, y) + Math.min(0, x));
}

/** Writes a function that transforms and packs `count` channels of a panel. */
function packPanel(
  name: string,
  weights: WinogradWeights,
  scheme: Scheme,
  { productBytes, tile }: Pick<WeightLayout, "tile" | "productBytes">,
  lanes: number,
): Wat {
  const { tapStrides, columnStride } = weights;
  const offset = (i: number, j: number) => (i * tapStrides[0] + j * tapStrides[1] - lowest(weights, scheme)) * 4;
  const vector = (first: number) => {
    const count = Math.min(4, lanes - first);
    const store = (i: number, j: number, value: Wat) =>
      `(v128.store offset=${(i * scheme.size + j) * productBytes + first * 4} ${wat.get("to")} ${value})`;
    if (count <= 0) {
      return transformless(scheme.size, (i, j) => store(i, j, "(v128.const i32x4 0 0 0 0)"));
    }
    const tap = (i: number, j: number) =>
      columnStride === 1
        ? loadLanes(wat.get("from"), count, offset(i, j) + first * 4)
        : gatherLanes(wat.get("from"), count, offset(i, j) + first * columnStride * 4, columnStride);
    return transformSquare(scheme.weights, scheme.taps, tap, store);
  };
  const body = wat.block(
    wat.set("to_end", wat.add(wat.get("to"), `(i32.mul ${wat.get("count")} ${wat.int(bytesOf(tile))})`)),
    wat.loop(
      "to",
      wat.get("to"),
      wat.get("to_end"),
      wat.block(
        wat.unroll(tile.vectors, (i) => vector(4 * i)),
        wat.set("from", wat.add(wat.get("from"), weights.channelStride * 4)),
      ),
      bytesOf(tile),
    ),
  );
  return transformFunction(name, ["from", "to", "count"], body);
}

function transformless(size: number, store: (i: number, j: number) => Wat): Wat {
  return wat.block(...Array.from({ length: size * size }, (_, k) => store(Math.floor(k / size), k % size)));
}

/** Reads lanes that lie `stride` floats apart; the other lanes are 0. */
function gatherLanes(address: Wat, count: number, offset: number, stride: number): Wat {
  return Array.from({ length: count - 1 }, (_, i) => i + 1).reduce(
    (vector, lane) => `(v128.load32_lane offset=${offset + lane * stride * 4} ${lane} ${address} ${vector})`,
    `(v128.load32_zero offset=${offset} ${address})`,
  );
}
