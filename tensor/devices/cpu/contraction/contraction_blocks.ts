/** @file Cutting the axis of taps × channels into blocks that fit the caches, whole taps where they do. */
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Blocks of an axis of `taps × channels`; a block is some taps with all channels, or some channels of one tap. */
export interface TapBlocks {
  /** How many blocks. */
  readonly count: number;
  /** Most elements of a block. */
  readonly width: number;
  /** Statements that set `t0 tn c0 cn`, `k0` (position of the block) and `kn` (its elements) from block number `$kb`. */
  readonly decode: Wat;
}

/**
 * Cuts taps × channels.
 *
 * @param taps How many taps.
 * @param channels Channels of each.
 * @param limit Most elements of a block.
 * @returns The blocks; at least one, which may be empty.
 */
export function tapBlocks(taps: number, channels: number, limit: number): TapBlocks {
  const whole = channels <= limit;
  const tapCuts = whole ? Math.max(1, Math.ceil(taps / Math.max(1, Math.floor(limit / Math.max(1, channels))))) : taps;
  const tapsEach = Math.ceil(taps / Math.max(1, tapCuts));
  const channelCuts = whole ? 1 : Math.ceil(channels / limit);
  const channelsEach = whole ? channels : Math.min(channels, wat.roundUp(Math.ceil(channels / channelCuts), 4));
  const channelBlocks = whole ? 1 : Math.ceil(channels / channelsEach);
  const tapBlocks = tapsEach === 0 ? 1 : Math.ceil(taps / tapsEach);
  return {
    count: Math.max(1, tapBlocks * channelBlocks),
    width: tapsEach * channelsEach,
    decode: wat.block(
      wat.split(wat.get("kb"), [["t0", tapBlocks], ["c0", channelBlocks]]),
      wat.set("t0", wat.mul(wat.get("t0"), tapsEach)),
      wat.set("tn", wat.part(tapsEach, taps, "t0")),
      wat.set("c0", wat.mul(wat.get("c0"), channelsEach)),
      wat.set("cn", wat.part(channelsEach, channels, "c0")),
      wat.set("k0", wat.add(wat.mul(wat.get("t0"), channels), wat.get("c0"))),
      wat.set("kn", `(i32.mul ${wat.get("tn")} ${wat.get("cn")})`),
    ),
  };
}
