/**
 * Packs masks into bits: a word holds 32 columns of a row, the first in its lowest bit.
 *
 * @param masks Row-major `[height, width]` each; anything but 0 is set.
 * @param size `[height, width]`.
 * @param canvas `[height, width]` of what they are put on, at its left and upper border; `size` if not given. Beyond the image
 * its last row and column stand once more, so that regions at its border read what they do where it is not filled up.
 * @returns `[masks, height, ⌈width / 32⌉]` of the canvas, as `maskAlign` and the masks of a batch of detections take them.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { packMasks } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...packMasks([[1, 0, 1, 1]], [2, 2])], [0b01, 0b11]);
 * deepStrictEqual([...packMasks([[1, 0, 1, 1]], [2, 2], [4, 4])], [0b001, 0b111, 0b111, 0]);
 * ```
 */
export function packMasks(
  masks: readonly ArrayLike<number>[],
  [height, width]: readonly [number, number],
  canvas: readonly [number, number] = [height, width],
): Int32Array<ArrayBuffer> {
  const [rows, columns] = [Math.min(canvas[0], height + 1), Math.min(canvas[1], width + 1)];
  const words = Math.ceil(canvas[1] / 32);
  const bits = new Int32Array(masks.length * canvas[0] * words);
  masks.forEach((mask, m) => {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const isSet = mask[Math.min(y, height - 1) * width + Math.min(x, width - 1)] !== 0;
        if (isSet) bits[(m * canvas[0] + y) * words + (x >> 5)]! |= 1 << (x & 31);
      }
    }
  });
  return bits;
}
