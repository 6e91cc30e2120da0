/** @file The right factor of a product, packed once into panels of 8 columns that the register tile reads in order. */
import { loadLanes, PANEL_BYTES, TILE_COLUMNS } from "./micro_kernel.ts";
import { add, argument, block, func, get, int, loop, mul, roundUp, set, split, type Wat, when } from "./text.ts";

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

/**
 * Writes a function that packs panel number `index` (group by group) of a factor; columns past the last are zero.
 *
 * @param name Name of the function.
 * @param factor Where the factor lies.
 * @param offset Bytes from the start of scratch to the packed factor.
 * @returns The text of the function.
 */
export function packPanel(name: string, factor: RightFactor, offset: number): Wat {
  const { taps, tapStrides, channels, columns, columnStride } = factor;
  const panels = panelsOf(columns);
  const left = columns - (panels - 1) * TILE_COLUMNS;
  const group = mul(get("g"), factor.groupStride * 4);
  const column = mul(get("panel"), TILE_COLUMNS * columnStride * 4);
  const run = (lanes: number) =>
    loop(
      "c",
      int(0),
      int(channels),
      block(packStep(factor, lanes), set("from", add(get("from"), factor.channelStride * 4))),
    );
  return func(
    name,
    ["index"],
    block(
      split(get("index"), [["g", factor.groups], ["panel", panels]]),
      set("to", add(argument("scratch"), offset, mul(get("index"), stepsOf(factor) * PANEL_BYTES))),
      set("base", add(argument(factor.buffer), factor.offset * 4, group, column)),
      loop(
        "t",
        int(0),
        int(taps[0] * taps[1]),
        block(
          split(get("t"), [["ty", taps[0]], ["tx", taps[1]]]),
          set("from", add(get("base"), mul(get("ty"), tapStrides[0] * 4), mul(get("tx"), tapStrides[1] * 4))),
          left === TILE_COLUMNS
            ? run(TILE_COLUMNS)
            : when(`(i32.eq ${get("panel")} ${int(panels - 1)})`, run(left), run(TILE_COLUMNS)),
        ),
      ),
    ),
  );
}

/** Writes one row of a panel. */
function packStep({ columnStride }: RightFactor, lanes: number): Wat {
  const half = (first: number) => {
    const count = Math.min(4, lanes - first);
    return count <= 0
      ? "(v128.const i32x4 0 0 0 0)"
      : columnStride === 1
      ? loadLanes(get("from"), count, first * 4)
      : gatherLanes(count, first, columnStride);
  };
  return block(
    `(v128.store ${get("to")} ${half(0)})`,
    `(v128.store offset=16 ${get("to")} ${half(4)})`,
    set("to", add(get("to"), PANEL_BYTES)),
  );
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
