/** An 8-bit image: row-major, channels last, without padding. */
export interface Pixels {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 3: red, green, blue. 4: alpha after them. */
  readonly channels: 3 | 4;
  /** `height * width * channels` values. */
  readonly data: Uint8Array;
}

/** A part of an image, in pixels from its left upper corner. */
export interface Rectangle {
  /** First column. */
  readonly left: number;
  /** First row. */
  readonly top: number;
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/**
 * Cuts a rectangle out of an image.
 *
 * @param image Source.
 * @param rectangle Whole pixels inside the image.
 * @returns A copy of that part; the image itself if the rectangle is all of it.
 * @throws {RangeError} If the rectangle is empty, not of whole pixels or reaches outside.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { crop } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * deepStrictEqual(crop(image, { left: 1, top: 0, width: 1, height: 1 }).data, Uint8Array.of(4, 5, 6));
 * ```
 */
export function crop(image: Pixels, rectangle: Rectangle): Pixels {
  const { left, top, width, height } = rectangle;
  const whole = [left, top, width, height].every(Number.isInteger);
  const inside = left >= 0 && top >= 0 && left + width <= image.width && top + height <= image.height;
  if (!whole || !inside || width < 1 || height < 1) {
    throw new RangeError(
      `Cannot crop as the rectangle must lie inside the ${image.width}x${image.height} image: ` +
        `current rectangle is ${width}x${height} at (${left}, ${top})`,
    );
  }
  if (width === image.width && height === image.height) return image;
  const { channels } = image;
  const data = new Uint8Array(width * height * channels);
  for (let row = 0; row < height; row++) {
    const start = ((top + row) * image.width + left) * channels;
    data.set(image.data.subarray(start, start + width * channels), row * width * channels);
  }
  return { width, height, channels, data };
}
