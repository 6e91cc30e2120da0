/** @file Sums of products of rows, channel by channel: the inner loop of depthwise kernels. The rows are a list of address pairs. */
import { loadLanes } from "./micro_kernel.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Bytes of a list entry: the addresses of two rows. */
export const PAIR_BYTES = 8;
/** Most vectors summed at once: what the registers hold beside the factors. */
const VECTORS = 12;

/** Channels cut into blocks of whole vectors; the last may be narrower and end inside a vector. */
export interface ChannelBlocks {
  readonly channels: number;
  /** Channels of each block but the last. */
  readonly width: number;
  readonly count: number;
}

/** Cuts channels into blocks of nearly equal width. */
export function channelBlocks(channels: number): ChannelBlocks {
  const vectors = Math.ceil(channels / 4);
  const width = 4 * Math.ceil(vectors / Math.max(1, Math.ceil(vectors / VECTORS)));
  return { channels, width, count: Math.ceil(channels / Math.max(1, width)) };
}

/**
 * Writes the function `sum`: for the channels of one block, adds `left·right` over the pairs of a list, in order. Parameters:
 * `list` and `list_end` addresses; `column` byte offset of the block's first channel; `to` address of the result row; `more`
 * not 0 to add to what is there; `last` not 0 for the last block.
 *
 * @param blocks The channels.
 * @returns The text of the function, and of those it calls.
 */
export function pairSums({ channels, width, count }: ChannelBlocks): Wat {
  const parameters = ["list", "list_end", "column", "to", "more"];
  const names = parameters.map(wat.get);
  return wat.block(
    sumBlock("sum_whole", parameters, width),
    sumBlock("sum_last", parameters, channels - (count - 1) * width),
    wat.func(
      "sum",
      [...parameters, "last"],
      wat.when(wat.get("last"), wat.call("sum_last", ...names), wat.call("sum_whole", ...names)),
    ),
  );
}

function sumBlock(name: string, parameters: readonly string[], channels: number): Wat {
  const vectors = Math.ceil(channels / 4);
  const lanes = (i: number) => Math.min(4, channels - 4 * i);
  const each = (body: (i: number) => Wat) => wat.unroll(vectors, body);
  const types = Object.fromEntries(Array.from({ length: vectors }, (_, i) => [`sum${i}`, "v128" as const]));
  const factor = (side: string, i: number) => loadLanes(wat.get(side), lanes(i), 16 * i);
  return wat.func(
    name,
    parameters,
    wat.block(
      wat.set("to", wat.add(wat.get("to"), wat.get("column"))),
      wat.when(
        wat.get("more"),
        each((i) => wat.set(`sum${i}`, loadLanes(wat.get("to"), lanes(i), 16 * i))),
        each((i) => wat.set(`sum${i}`, "(v128.const i32x4 0 0 0 0)")),
      ),
      wat.loop(
        "list",
        wat.get("list"),
        wat.get("list_end"),
        wat.block(
          wat.set("left", wat.add(`(i32.load ${wat.get("list")})`, wat.get("column"))),
          wat.set("right", wat.add(`(i32.load offset=4 ${wat.get("list")})`, wat.get("column"))),
          each((i) =>
            wat.set(`sum${i}`, `(f32x4.relaxed_madd ${factor("left", i)} ${factor("right", i)} ${wat.get(`sum${i}`)})`)
          ),
        ),
        PAIR_BYTES,
      ),
      each((i) => storeLanes(`sum${i}`, lanes(i), 16 * i)),
    ),
    types,
  );
}

function storeLanes(name: string, lanes: number, offset: number): Wat {
  if (lanes === 4) return `(v128.store offset=${offset} ${wat.get("to")} ${wat.get(name)})`;
  return wat.unroll(
    lanes,
    (lane) => `(v128.store32_lane offset=${offset + lane * 4} ${lane} ${wat.get("to")} ${wat.get(name)})`,
  );
}

/** Calls `sum` for each block of channels from `$block0` to `$block_end`; `sums` is the statements of one block. */
export function eachBlock({ width, count }: ChannelBlocks, sums: Wat): Wat {
  return wat.loop(
    "cb",
    wat.get("block0"),
    wat.get("block_end"),
    wat.block(
      wat.set("column", wat.mul(wat.get("cb"), width * 4)),
      wat.set("last", `(i32.eq ${wat.get("cb")} ${wat.int(count - 1)})`),
      sums,
    ),
  );
}
