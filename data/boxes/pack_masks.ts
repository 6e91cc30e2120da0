/**
 * Packs masks into bits: a word holds 32 columns of a row, the first in its lowest bit.
 *
 * @param masks Row-major `[height, width]` each; anything but 0 is set.
 * @param size `[height, width]`.
 * @returns `[masks, height, ⌈width / 32⌉]`, as `maskAlign` and the masks of a batch of detections take them.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { packMasks } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...packMasks([[1, 0, 1, 1]], [2, 2])], [0b01, 0b11]);
 * ```
 */
export function packMasks(
  masks: readonly ArrayLike<number>[],
  [height, width]: readonly [number, number],
): Int32Array<ArrayBuffer> {
  const words = Math.ceil(width / 32);
  const bits = new Int32Array(masks.length * height * words);
  masks.forEach((mask, m) => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (mask[y * width + x] !== 0) bits[(m * height + y) * words + (x >> 5)]! |= 1 << (x & 31);
      }
    }
  });
  return bits;
}
