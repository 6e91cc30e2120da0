/** @file Cutting the axis of taps × channels into blocks that fit the caches, whole taps where they do. */
import { add, block, get, int, min, mul, roundUp, set, split, sub, type Wat } from "../emit/text.ts";

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
  const channelsEach = whole ? channels : Math.min(channels, roundUp(Math.ceil(channels / channelCuts), 4));
  const channelBlocks = whole ? 1 : Math.ceil(channels / channelsEach);
  const tapBlocks = tapsEach === 0 ? 1 : Math.ceil(taps / tapsEach);
  return {
    count: Math.max(1, tapBlocks * channelBlocks),
    width: tapsEach * channelsEach,
    decode: block(
      split(get("kb"), [["t0", tapBlocks], ["c0", channelBlocks]]),
      set("t0", mul(get("t0"), tapsEach)),
      set("tn", min(int(tapsEach), sub(int(taps), get("t0")))),
      set("c0", mul(get("c0"), channelsEach)),
      set("cn", min(int(channelsEach), sub(int(channels), get("c0")))),
      set("k0", add(mul(get("t0"), channels), get("c0"))),
      set("kn", `(i32.mul ${get("tn")} ${get("cn")})`),
    ),
  };
}
