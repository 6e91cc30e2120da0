/** @file Affine maps of images in 8 bits with bicubic reading, whose every value equals that of Pillow. */
import type { Pixels } from "./pixels.ts";

/**
 * From a place in the result to one in the source: `x' = a x + b y + c`, `y' = d x + e y + f`, in pixels, where pixel
 * `i` reaches from `i` to `i + 1`.
 */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * Maps an image. Between pixels it is read by a cubic of a = -1; places outside are black.
 *
 * @param image An RGB image.
 * @param matrix From places in the result to places in the image.
 * @returns An image of the same size.
 * @throws {RangeError} If the image has alpha.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { affine } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * deepStrictEqual(affine(image, [1, 0, 1, 0, 1, 0]).data, Uint8Array.of(4, 5, 6, 0, 0, 0));
 * ```
 */
export function affine(image: Pixels, [a, b, c, d, e, f]: AffineMatrix): Pixels {
  const { width, height, channels } = image;
  if (channels !== 3) throw new RangeError(`Cannot map an image as it must be RGB: current channels are ${channels}`);
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceX = a * (x + 0.5) + b * (y + 0.5) + c;
      const sourceY = d * (x + 0.5) + e * (y + 0.5) + f;
      const inside = sourceX >= 0 && sourceX < width && sourceY >= 0 && sourceY < height;
      if (inside) readBicubic(image, sourceX - 0.5, sourceY - 0.5, data.subarray((y * width + x) * 3));
    }
  }
  return { ...image, data };
}

/** The cubic through four values of which the middle two are at 0 and 1, with slopes of half their neighbours' distance. */
function cubic(before: number, start: number, end: number, after: number, t: number): number {
  const slope = end - before;
  const square = 2 * (before - start) + end - after;
  const cube = start - before + after - end;
  return start + t * (slope + t * (square + t * cube));
}

function readBicubic({ width, height, data }: Pixels, x: number, y: number, target: Uint8Array): void {
  const [left, top] = [Math.floor(x) - 1, Math.floor(y) - 1];
  const [tx, ty] = [x - left - 1, y - top - 1];
  const columns = [0, 1, 2, 3].map((k) => 3 * Math.max(0, Math.min(width - 1, left + k)));
  for (let channel = 0; channel < 3; channel++) {
    const lineAt = (row: number) => {
      const at = row * width * 3 + channel;
      const [p, q, r, s] = columns as [number, number, number, number];
      return cubic(data[at + p]!, data[at + q]!, data[at + r]!, data[at + s]!, tx);
    };
    const first = lineAt(Math.max(0, Math.min(height - 1, top)));
    const lines = [first, first, first, first];
    // Beyond the last row the line before is taken again.
    for (let k = 1; k < 4; k++) lines[k] = top + k >= 0 && top + k < height ? lineAt(top + k) : lines[k - 1]!;
    const value = cubic(lines[0]!, lines[1]!, lines[2]!, lines[3]!, ty);
    target[channel] = value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
  }
}

/**
 * Shears an image from its left upper corner.
 *
 * @param image An RGB image.
 * @param x Columns by which each row lies further to the left than the one above.
 * @param y Rows by which each column lies higher than the one to its left.
 * @returns An image of the same size.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { shear } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) } as const;
 * deepStrictEqual(shear(image, 0, 0).data, image.data);
 * ```
 */
export function shear(image: Pixels, x: number, y: number): Pixels {
  return affine(image, [1, x, 0, y, 1, 0]);
}

/**
 * Moves an image.
 *
 * @param image An RGB image.
 * @param x Columns to the right; cut to a whole number.
 * @param y Rows down; cut to a whole number.
 * @returns An image of the same size.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { translate } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * deepStrictEqual(translate(image, 1, 0).data, Uint8Array.of(0, 0, 0, 1, 2, 3));
 * ```
 */
export function translate(image: Pixels, x: number, y: number): Pixels {
  return affine(image, [1, 0, -Math.trunc(x), 0, 1, -Math.trunc(y)]);
}

/**
 * Turns an image around its centre.
 *
 * @param image An RGB image.
 * @param degrees Counter-clockwise.
 * @returns An image of the same size.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { rotate } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * deepStrictEqual(rotate(image, 180).data, Uint8Array.of(4, 5, 6, 1, 2, 3));
 * ```
 */
export function rotate(image: Pixels, degrees: number): Pixels {
  if (degrees % 360 === 0) return image;
  const angle = -(((degrees % 360) + 360) % 360) * Math.PI / 180;
  const [cos, sin] = [rounded(Math.cos(angle)), rounded(Math.sin(angle))];
  const [x, y] = [image.width / 2, image.height / 2];
  return affine(image, [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y]);
}

/** To fifteen digits after the point, so that quarter turns are exact. */
const rounded = (x: number): number => Number(x.toFixed(15));
