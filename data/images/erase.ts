/** @file Random erasing (Zhong et al., AAAI 2020) as in timm: a rectangle of noise, one value for each pixel and colour. */
import { drawNormal } from "./mix.ts";
import type { Rectangle } from "./pixels.ts";
import type { Draw } from "./draw.ts";

/** Settings of random erasing. Plain data. */
export interface RandomErasing {
  /** Share of the images in which something is erased. */
  readonly probability: number;
  /** Least and largest share of the area; `[0.02, 1/3]` if not given. */
  readonly area?: readonly [number, number];
  /** Least height over width; its inverse is the largest; 0.3 if not given. */
  readonly aspect?: number;
}

/**
 * Draws the rectangle that is erased.
 *
 * @param size Rows and columns of the image.
 * @param settings How often, and how large.
 * @param draw Source of randomness.
 * @returns The rectangle; null if nothing is erased. After ten tries that do not fit nothing is.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { dataKey, drawErasure, drawsOf } from "@tessera/tessera/data";
 *
 * equal(drawErasure([32, 32], { probability: 0 }, drawsOf(dataKey(1))), null);
 * ```
 */
export function drawErasure(
  [height, width]: readonly [number, number],
  { probability, area: [least, most] = [0.02, 1 / 3], aspect = 0.3 }: RandomErasing,
  draw: Draw,
): Rectangle | null {
  if (draw() >= probability) return null;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = (least + draw() * (most - least)) * height * width;
    const ratio = Math.exp(Math.log(aspect) * (1 - 2 * draw()));
    const [rows, columns] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
    if (rows >= 1 && columns >= 1 && rows < height && columns < width) {
      const top = Math.floor(draw() * (height - rows + 1));
      return { top, left: Math.floor(draw() * (width - columns + 1)), height: rows, width: columns };
    }
  }
  return null;
}

/**
 * Erases a random rectangle of a normalised image.
 *
 * @param values `[H, W, 3]` row-major, of mean 0 and variance 1.
 * @param size Rows and columns.
 * @param settings How often, and how large.
 * @param draw Source of randomness.
 * @returns New values, or the given ones if nothing was erased.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { dataKey, drawsOf, erase } from "@tessera/tessera/data";
 *
 * const values = new Float32Array(32 * 32 * 3);
 * const erased = erase(values, [32, 32], { probability: 1 }, drawsOf(dataKey(1)));
 * equal(erased.some((x) => x !== 0), true);
 * ```
 */
export function erase(
  values: Float32Array<ArrayBuffer>,
  size: readonly [number, number],
  settings: RandomErasing,
  draw: Draw,
): Float32Array<ArrayBuffer> {
  const rectangle = drawErasure(size, settings, draw);
  if (!rectangle) return values;
  const result = new Float32Array(values);
  for (let row = rectangle.top; row < rectangle.top + rectangle.height; row++) {
    const start = (row * size[1] + rectangle.left) * 3;
    for (let i = start; i < start + 3 * rectangle.width; i++) result[i] = drawNormal(draw);
  }
  return result;
}
