/** @file Cut-out objects: images whose colours are multiplied by alpha, so that edges keep their colour when they are resized. */
import type { Pixels } from "./pixels.ts";

/** Multiplies alpha in: only so do edges keep their colour when resized. */
export function premultiplied(image: Pixels): Pixels {
  const data = image.data.slice();
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3]!;
    for (let c = i; c < i + 3; c++) data[c] = Math.round(data[c]! * alpha / 255);
  }
  return { ...image, data };
}

/**
 * Lays a sprite over an image, in place.
 *
 * @param target RGB image.
 * @param sprite Premultiplied, of four channels; inside of the image.
 * @param left Column of its first one.
 * @param top Row of its first one.
 */
export function laySprite(target: Pixels, sprite: Pixels, left: number, top: number): void {
  const { width, height, data } = sprite;
  for (let row = 0; row < height; row++) {
    let from = row * width * 4;
    let to = ((top + row) * target.width + left) * 3;
    for (let column = 0; column < width; column++, from += 4, to += 3) {
      const rest = 255 - data[from + 3]!;
      if (rest === 255) continue;
      for (let c = 0; c < 3; c++) {
        target.data[to + c] = Math.min(255, data[from + c]! + target.data[to + c]! * rest / 255);
      }
    }
  }
}

/**
 * Turns a sprite around its centre, read bilinearly.
 *
 * @param sprite Premultiplied, of four channels.
 * @param degrees Clockwise.
 * @returns As large as it must be to hold all of it.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { turnSprite } from "@tessera/tessera/data";
 *
 * const sprite = { width: 2, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 255) } as const;
 * const { width, height, data } = turnSprite(sprite, 90);
 * deepStrictEqual([width, height, ...data], [1, 2, 1, 2, 3, 255, 4, 5, 6, 255]);
 * ```
 */
export function turnSprite(sprite: Pixels, degrees: number): Pixels {
  if (degrees === 0) return sprite;
  const angle = degrees * Math.PI / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const side = (a: number, b: number) => Math.max(1, Math.ceil(a * Math.abs(cos) + b * Math.abs(sin) - 1e-6));
  const [width, height] = [side(sprite.width, sprite.height), side(sprite.height, sprite.width)];
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x + 0.5 - width / 2, y + 0.5 - height / 2];
      const u = cos * dx + sin * dy + sprite.width / 2 - 0.5;
      const v = cos * dy - sin * dx + sprite.height / 2 - 0.5;
      readBilinear(sprite, u, v, data, (y * width + x) * 4);
    }
  }
  return { width, height, channels: 4, data };
}

/** Outside lies nothing. */
function readBilinear(
  { width, height, data }: Pixels,
  u: number,
  v: number,
  target: Uint8Array,
  at: number,
): void {
  const [column, row] = [Math.floor(u + 1e-9), Math.floor(v + 1e-9)];
  if (column < -1 || row < -1 || column >= width || row >= height) return;
  const [du, dv] = [u - column, v - row];
  for (let c = 0; c < 4; c++) {
    let sum = 0.5; // rounds
    for (let k = 0; k < 4; k++) {
      const [x, y] = [column + (k & 1), row + (k >> 1)];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      sum += ((k & 1) === 1 ? du : 1 - du) * (k >> 1 === 1 ? dv : 1 - dv) * data[(y * width + x) * 4 + c]!;
    }
    target[at + c] = sum;
  }
}
