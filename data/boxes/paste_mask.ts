/** @file Masks of boxes, put into images. */
import { requireOptions } from "../../tensor/errors.ts";

/** How a mask is put into an image. */
export interface PasteOptions {
  /** `[height, width]` of the image. */
  readonly size: readonly [height: number, width: number];
  /**
   * `centres`: each pixel reads the mask at its centre, as detectron2 and mmdetection do; `integer`: the box is grown by a
   * border of zeros, cut to whole pixels and the mask resized into it, as torchvision does. `centres` by default.
   */
  readonly rule?: "centres" | "integer";
}

/** A mask `[side, side]`, row-major; outside lies 0. */
interface Grid {
  readonly values: ArrayLike<number>;
  readonly side: number;
}

/** Bilinear value at fractional coordinates; neighbours outside are 0. */
function sampleAt({ values, side }: Grid, v: number, u: number): number {
  const [row, column] = [Math.floor(v), Math.floor(u)];
  const [dv, du] = [v - row, u - column];
  const at = (i: number, j: number) => i >= 0 && i < side && j >= 0 && j < side ? values[i * side + j]! : 0;
  return (1 - dv) * ((1 - du) * at(row, column) + du * at(row, column + 1)) +
    dv * ((1 - du) * at(row + 1, column) + du * at(row + 1, column + 1));
}

/**
 * Puts the mask of a box into an image.
 *
 * @param mask `[side, side]` row-major, from 0 to 1.
 * @param box Left, top, right, bottom in pixels of the image; it may reach beyond it.
 * @param options Size of the image, and the rule.
 * @returns `[height, width]` row-major, from 0 to 1: pixels belong to the object from 0.5 on.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { pasteMask } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...pasteMask([1, 1, 1, 1], [1, 0, 3, 2], { size: [2, 4] })], [0, 1, 1, 0, 0, 1, 1, 0]);
 * ```
 */
export function pasteMask(
  mask: ArrayLike<number>,
  box: readonly [number, number, number, number],
  options: PasteOptions,
): Float64Array {
  requireOptions("pasteMask", options, { size: true, rule: true });
  const { size, rule = "centres" } = options;
  const side = Math.sqrt(mask.length);
  if (!Number.isInteger(side) || side === 0) {
    throw new RangeError(`Cannot paste a mask as it must be square: current number of values is ${mask.length}`);
  }
  return rule === "centres" ? pasteAtCentres({ values: mask, side }, box, size) : pasteResized(mask, side, box, size);
}

function pasteAtCentres(
  grid: Grid,
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  [height, width]: readonly [number, number],
): Float64Array {
  const image = new Float64Array(height * width);
  if (!(x2 > x1 && y2 > y1)) return image;
  const [left, right] = [Math.max(Math.floor(x1) - 1, 0), Math.min(Math.ceil(x2) + 1, width)];
  const [top, bottom] = [Math.max(Math.floor(y1) - 1, 0), Math.min(Math.ceil(y2) + 1, height)];
  for (let i = top; i < bottom; i++) {
    const v = (i + 0.5 - y1) / (y2 - y1) * grid.side - 0.5;
    for (let j = left; j < right; j++) {
      image[i * width + j] = sampleAt(grid, v, (j + 0.5 - x1) / (x2 - x1) * grid.side - 0.5);
    }
  }
  return image;
}

/** Torchvision's way. Inside the border of zeros, coordinates are held at the edge of the grid. */
function pasteResized(
  mask: ArrayLike<number>,
  side: number,
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  [height, width]: readonly [number, number],
): Float64Array {
  const padded = side + 2;
  const grown = (low: number, high: number) => {
    const [centre, half] = [(low + high) * 0.5, (high - low) * 0.5 * (padded / side)];
    return [Math.trunc(centre - half), Math.trunc(centre + half)] as const;
  };
  const [[left, right], [top, bottom]] = [grown(x1, x2), grown(y1, y2)];
  const [across, down] = [Math.max(right - left + 1, 1), Math.max(bottom - top + 1, 1)];
  const grid = { values: mask, side };
  // Coordinates in the grid with its border, less the border.
  const place = (i: number, count: number) => Math.min(Math.max((i + 0.5) * padded / count - 0.5, 0), padded - 1) - 1;
  const image = new Float64Array(height * width);
  for (let i = Math.max(top, 0); i < Math.min(bottom + 1, height); i++) {
    for (let j = Math.max(left, 0); j < Math.min(right + 1, width); j++) {
      image[i * width + j] = sampleAt(grid, place(i - top, down), place(j - left, across));
    }
  }
  return image;
}
