import type { KernelMap } from "./kernel_map.ts";

/** What a kernel map covers. */
export interface Coverage {
  /** Products of one channel with one channel. */
  readonly pairs: number;
  /** Input rows that no output reads: their sites vanish. */
  readonly unread: readonly number[];
  /** Output rows that read nothing. */
  readonly empty: readonly number[];
}

function emptyRows(table: ArrayLike<number>, taps: number): number[] {
  const rows = Array.from({ length: table.length / taps }, (_, row) => row);
  return rows.filter((row) =>
    Array.from({ length: taps }, (_, tap) => tap).every((tap) => table[row * taps + tap]! < 0)
  );
}

/**
 * Reports what a kernel map reads, and which sites vanish because their row or column is behind the last window.
 *
 * @param maps Of `kernelMap`, not traced.
 * @returns Pairs, unread inputs, empty outputs.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { coverageOf, fullPattern, kernelMap } from "@tessera/tessera/sparse";
 *
 * const maps = kernelMap(fullPattern([1, 1, 3]), fullPattern([1, 1, 1]), { kernel: [1, 2], stride: [1, 2] });
 * deepStrictEqual(await coverageOf(maps), { pairs: 2, unread: [2], empty: [] });
 * ```
 */
export async function coverageOf({ map, inverse }: KernelMap): Promise<Coverage> {
  const taps = map.shape[1]!;
  const [reads, readBy] = [await map.data(), await inverse.data()];
  const pairs = Array.from(reads).filter((row) => row >= 0).length;
  return { pairs, unread: emptyRows(readBy, taps), empty: emptyRows(reads, taps) };
}
