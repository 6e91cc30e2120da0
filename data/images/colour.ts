/** @file Changes of colour in 8 bits whose every value equals that of Pillow's `ImageEnhance` and `ImageOps`. */
import type { Pixels } from "./pixels.ts";

/** Applies a table of each channel to every value. */
function mapChannels(image: Pixels, tables: readonly Uint8Array[]): Pixels {
  const { channels } = image;
  return { ...image, data: image.data.map((value, i) => tables[i % channels]?.[value] ?? value) };
}

const everyChannel = (table: Uint8Array) => [table, table, table];

/** Luma as Pillow rounds it. */
function luma({ data, channels }: Pixels): Uint8Array {
  const result = new Uint8Array(data.length / channels);
  for (let i = 0; i < result.length; i++) {
    const at = i * channels;
    result[i] = (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16;
  }
  return result;
}

/** `from + factor * (to - from)` in single precision, cut to whole numbers of 0 to 255. */
function blend(image: Pixels, from: (i: number) => number, factor: number): Pixels {
  const share = Math.fround(factor);
  const isAlpha = (i: number) => image.channels === 4 && i % 4 === 3;
  const data = image.data.map((to, i) => {
    if (isAlpha(i)) return to;
    const start = from(i);
    const value = Math.fround(start + Math.fround(share * (to - start)));
    return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
  });
  return { ...image, data };
}

/**
 * Changes the brightness.
 *
 * @param image Any image; alpha is kept.
 * @param factor 0: black. 1: as it is. Above: brighter.
 * @returns A new image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adjustBrightness } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 100, 200) } as const;
 * deepStrictEqual(adjustBrightness(image, 1.5).data, Uint8Array.of(15, 150, 255));
 * ```
 */
export function adjustBrightness(image: Pixels, factor: number): Pixels {
  return blend(image, () => 0, factor);
}

/**
 * Changes the saturation.
 *
 * @param image Any image; alpha is kept.
 * @param factor 0: shades of grey. 1: as it is. Above: more colourful.
 * @returns A new image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adjustSaturation } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 100, 200) } as const;
 * deepStrictEqual(adjustSaturation(image, 0).data, Uint8Array.of(84, 84, 84));
 * ```
 */
export function adjustSaturation(image: Pixels, factor: number): Pixels {
  const grey = luma(image);
  return blend(image, (i) => grey[Math.floor(i / image.channels)]!, factor);
}

/**
 * Changes the contrast around the mean luma.
 *
 * @param image Any image; alpha is kept.
 * @param factor 0: one grey. 1: as it is. Above: more contrast.
 * @returns A new image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adjustContrast } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 100, 200) } as const;
 * deepStrictEqual(adjustContrast(image, 0).data, Uint8Array.of(84, 84, 84));
 * ```
 */
export function adjustContrast(image: Pixels, factor: number): Pixels {
  const grey = luma(image);
  const mean = Math.trunc(grey.reduce((sum, value) => sum + value, 0) / grey.length + 0.5);
  return blend(image, () => mean, factor);
}

/**
 * Changes the sharpness.
 *
 * @param image Any image; alpha is kept.
 * @param factor 0: smoothed. 1: as it is. Above: sharper.
 * @returns A new image; its border is not changed.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { adjustSharpness } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 100, 200) } as const;
 * deepStrictEqual(adjustSharpness(image, 2).data, image.data);
 * ```
 */
export function adjustSharpness(image: Pixels, factor: number): Pixels {
  const smooth = smoothed(image);
  return blend(image, (i) => smooth[i]!, factor);
}

/** Each pixel counts five times, its eight neighbours once; the border stays. */
function smoothed({ width, height, channels, data }: Pixels): Uint8Array {
  const result = new Uint8Array(data);
  const line = width * channels;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * line + channels; i < (y + 1) * line - channels; i++) {
      let sum = 4 * data[i]!;
      for (let row = i - line; row <= i + line; row += line) {
        sum += data[row - channels]! + data[row]! + data[row + channels]!;
      }
      result[i] = Math.floor(sum / 13 + 0.5);
    }
  }
  return result;
}

/**
 * Keeps the highest bits of each value.
 *
 * @param image Any image; alpha is kept.
 * @param bits How many, 0 to 8.
 * @returns A new image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { posterize } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 100, 200) } as const;
 * deepStrictEqual(posterize(image, 2).data, Uint8Array.of(0, 64, 192));
 * ```
 */
export function posterize(image: Pixels, bits: number): Pixels {
  const mask = ~(2 ** (8 - bits) - 1) & 255;
  return mapChannels(image, everyChannel(Uint8Array.from({ length: 256 }, (_, value) => value & mask)));
}

/**
 * Inverts the values from a threshold on.
 *
 * @param image Any image; alpha is kept.
 * @param threshold The least value that is inverted; may be a fraction.
 * @returns A new image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { solarize } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 100, 200) } as const;
 * deepStrictEqual(solarize(image, 128).data, Uint8Array.of(10, 100, 55));
 * ```
 */
export function solarize(image: Pixels, threshold: number): Pixels {
  const table = Uint8Array.from({ length: 256 }, (_, value) => value < threshold ? value : 255 - value);
  return mapChannels(image, everyChannel(table));
}

/** How often each value comes in a channel. */
function histogram({ data, channels }: Pixels, channel: number): Uint32Array {
  const counts = new Uint32Array(256);
  for (let i = channel; i < data.length; i += channels) counts[data[i]!]!++;
  return counts;
}

const identityTable = Uint8Array.from({ length: 256 }, (_, value) => value);

/**
 * Spreads each channel so that its least value is 0 and its largest 255.
 *
 * @param image Any image; alpha is kept.
 * @returns A new image; a channel of one value is not changed.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { autoContrast } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(10, 7, 0, 20, 7, 255) } as const;
 * deepStrictEqual(autoContrast(image).data, Uint8Array.of(0, 7, 0, 255, 7, 255));
 * ```
 */
export function autoContrast(image: Pixels): Pixels {
  const tables = [0, 1, 2].map((channel) => {
    const counts = histogram(image, channel);
    const low = counts.findIndex((count) => count > 0);
    const high = counts.findLastIndex((count) => count > 0);
    if (high <= low) return identityTable;
    const scale = 255 / (high - low);
    const offset = -low * scale;
    return Uint8Array.from({ length: 256 }, (_, x) => Math.max(0, Math.min(255, Math.trunc(x * scale + offset))));
  });
  return mapChannels(image, tables);
}

/**
 * Makes all values of each channel about equally frequent.
 *
 * @param image Any image; alpha is kept.
 * @returns A new image; a channel of one value, or of too few pixels, is not changed.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { equalize } from "@tessera/tessera/data";
 *
 * const data = Uint8Array.from({ length: 3072 }, (_, i) => i < 1536 ? 10 : 20);
 * equal(equalize({ width: 32, height: 32, channels: 3, data }).data[3071], 255);
 * ```
 */
export function equalize(image: Pixels): Pixels {
  const tables = [0, 1, 2].map((channel) => {
    const counts = histogram(image, channel);
    const last = counts.findLast((count) => count > 0) ?? 0;
    const total = counts.reduce((sum, count) => sum + count, 0);
    const step = Math.floor((total - last) / 255);
    if (total === last || step === 0) return identityTable;
    const table = new Uint8Array(256);
    let below = Math.floor(step / 2);
    counts.forEach((count, value) => {
      table[value] = Math.min(255, Math.floor(below / step));
      below += count;
    });
    return table;
  });
  return mapChannels(image, tables);
}
