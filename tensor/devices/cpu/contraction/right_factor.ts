/** @file The right factor of a product, packed once into panels of 8 columns that the register tile reads in order. */
import { loadLanes, PANEL_BYTES, TILE_COLUMNS } from "./micro_kernel.ts";
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
  type Wat,
  when,
} from "../emit/text.ts";

/** Where element (tap, channel, column) of group g lies: all strides count floats. */
export interface RightFactor {
  readonly buffer: string;
  readonly offset: number;
  readonly taps: readonly [number, number];
  readonly tapStrides: readonly [number, number];
  readonly channels: number;
  readonly channelStride: number;
  readonly columns: number;
  readonly columnStride: number;
  readonly groups: number;
  readonly groupStride: number;
}

/** Panels of one group. */
export function panelsOf(columns: number): number {
  return Math.ceil(columns / TILE_COLUMNS);
}

/** Steps of the contraction: taps × channels. */
export function stepsOf({ taps, channels }: RightFactor): number {
  return taps[0] * taps[1] * channels;
}

/** Bytes of a packed factor. */
export function packedBytes(factor: RightFactor): number {
  return factor.groups * panelsOf(factor.columns) * stepsOf(factor) * PANEL_BYTES;
}

/** Steps and panels that one work item packs. */
const STEPS = 128;
const PANELS = 8;

/** How many work items packing takes. */
export function packItems({ groups, taps, channels, columns }: RightFactor): number {
  return groups * taps[0] * taps[1] * Math.ceil(channels / STEPS) * Math.ceil(panelsOf(columns) / PANELS);
}

/** Elements of a work item of packing. */
export function packItemFloats({ channels, columns }: RightFactor): number {
  return Math.min(channels, STEPS) * Math.min(panelsOf(columns), PANELS) * TILE_COLUMNS;
}

/**
 * Writes a function that packs part number `index` of a factor, some channels of one tap and some panels; columns past the
 * last are zero.
 *
 * @param name Name of the function.
 * @param factor Where the factor lies.
 * @param offset Bytes from the start of scratch to the packed factor.
 * @returns The text of the function.
 */
export function packPanels(name: string, factor: RightFactor, offset: number): Wat {
  const { taps, tapStrides, channels, columnStride } = factor;
  const panels = panelsOf(factor.columns);
  const left = factor.columns - (panels - 1) * TILE_COLUMNS;
  const digits = [["g", factor.groups], ["ty", taps[0]], ["tx", taps[1]], ["c0", Math.ceil(channels / STEPS)], [
    "p0",
    Math.ceil(panels / PANELS),
  ]] as const;
  const tap = add(mul(get("ty"), tapStrides[0] * 4), mul(get("tx"), tapStrides[1] * 4));
  const group = mul(get("g"), factor.groupStride * 4);
  const step = add(mul(get("g"), panels * stepsOf(factor)), mul(add(mul(get("ty"), taps[1]), get("tx")), channels));
  return func(
    name,
    ["index"],
    block(
      split(get("index"), digits),
      set("c0", mul(get("c0"), STEPS)),
      set("c_end", min(int(channels), add(get("c0"), STEPS))),
      set("p0", mul(get("p0"), PANELS)),
      set("p_end", min(int(panels), add(get("p0"), PANELS))),
      set(
        "base",
        add(argument(factor.buffer), factor.offset * 4, group, tap, mul(get("c0"), factor.channelStride * 4)),
      ),
      set("base", add(get("base"), mul(get("p0"), TILE_COLUMNS * columnStride * 4))),
      set("start", mul(add(step, get("c0"), mul(get("p0"), stepsOf(factor))), PANEL_BYTES)),
      set("start", add(argument("scratch"), offset, get("start"))),
      left < TILE_COLUMNS
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
  const row = block(
    set("from", get("base")),
    set("to", get("start")),
    loop(
      "p",
      get("p0"),
      get("p_end"),
      block(
        packStep(factor, TILE_COLUMNS),
        set("from", add(get("from"), PANEL_BYTES)),
        set("to", add(get("to"), stepsOf(factor) * PANEL_BYTES)),
      ),
    ),
    set("base", add(get("base"), factor.channelStride * 4)),
    set("start", add(get("start"), PANEL_BYTES)),
  );
  return loop("c", get("c0"), get("c_end"), row);
}

/** Packs whole panels one after the other, reading along 8 columns of a column-major factor. */
function byPanels(factor: RightFactor): Wat {
  const panel = block(
    set("from", get("base")),
    set("to", get("start")),
    column(factor, TILE_COLUMNS),
    set("base", add(get("base"), TILE_COLUMNS * factor.columnStride * 4)),
    set("start", add(get("start"), stepsOf(factor) * PANEL_BYTES)),
  );
  return loop("p", get("p0"), get("p_end"), panel);
}

/** Packs the last panel of a factor whose columns do not fill it. */
function lastPanel(factor: RightFactor, lanes: number): Wat {
  const panel = sub(get("p_end"), get("p0"));
  return block(
    set("from", add(get("base"), mul(panel, TILE_COLUMNS * factor.columnStride * 4))),
    set("to", add(get("start"), mul(panel, stepsOf(factor) * PANEL_BYTES))),
    column(factor, lanes),
  );
}

/** Packs one panel from `$from` to `$to`. */
function column(factor: RightFactor, lanes: number): Wat {
  const next = block(
    set("from", add(get("from"), factor.channelStride * 4)),
    set("to", add(get("to"), PANEL_BYTES)),
  );
  return loop("c", get("c0"), get("c_end"), block(packStep(factor, lanes), next));
}

/** Writes one row of a panel. */
function packStep({ columnStride }: RightFactor, lanes: number): Wat {
  const half = (first: number) => {
    const count = Math.min(4, lanes - first);
    if (count <= 0) return "(v128.const i32x4 0 0 0 0)";
    return columnStride === 1 ? loadLanes(get("from"), count, first * 4) : gatherLanes(count, first, columnStride);
  };
  return block(`(v128.store ${get("to")} ${half(0)})`, `(v128.store offset=16 ${get("to")} ${half(4)})`);
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
