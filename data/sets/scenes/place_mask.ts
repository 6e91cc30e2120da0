/** @file Masks of objects in images that were resized, cut and mirrored. */
import { axesOf, type Box, type Placement, placePoints } from "../../images/scenes/placement.ts";
import { decodeMask, type RunLengths } from "../coco/run_lengths.ts";
import { polygonsMask } from "../coco/polygon.ts";
import type { SceneObject } from "./scene.ts";

/**
 * Draws the mask of an object where its image goes: polygons are placed and then drawn, runs are read at the centres of the new
 * pixels, and a box without segmentation is filled.
 *
 * @param object Box and segmentation in pixels of the image.
 * @param placement Where the image goes.
 * @returns Row-major, 1 where the object is, of `placement.part.height` × `placement.part.width` pixels.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { placeMask, wholePlacement } from "@tessera/tessera/data";
 *
 * const placement = wholePlacement({ width: 2, height: 1 }, [2, 4], true);
 * const object = { box: [0, 0, 1, 1], segmentation: { size: [1, 2], counts: [0, 1, 1] } } as const;
 * deepStrictEqual([...placeMask(object, placement)], [0, 0, 1, 1, 0, 0, 1, 1]);
 * ```
 */
export function placeMask(
  { box, segmentation }: Pick<SceneObject, "box" | "segmentation">,
  placement: Placement,
): Uint8Array {
  const { width, height } = placement.part;
  if (segmentation !== null && "counts" in segmentation) return placeRuns(segmentation, placement);
  const [x1, y1, x2, y2] = box;
  const polygons = segmentation ?? [[x1, y1, x1, y2, x2, y2, x2, y1]];
  return decodeMask(polygonsMask(polygons.map((points) => placePoints(points, placement)), [height, width]));
}

/** The pixel of the image under the centre of each new one. */
function placeRuns(runs: RunLengths, placement: Placement): Uint8Array {
  const source = decodeMask(runs);
  const [rows, columns] = runs.size;
  const { part: { width, height }, flip } = placement;
  const [[across, right], [down, below]] = axesOf(placement);
  const places = (count: number, scale: number, shift: number, most: number) =>
    Int32Array.from(
      { length: count },
      (_, i) => Math.min(most - 1, Math.max(0, Math.floor((i + 0.5 - shift) / scale))),
    );
  const [xs, ys] = [places(width, across, right, columns), places(height, down, below, rows)];
  if (flip) xs.reverse();
  const mask = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const line = ys[y]! * columns;
    for (let x = 0; x < width; x++) mask[y * width + x] = source[line + xs[x]!]!;
  }
  return mask;
}

/**
 * The bounds of a mask.
 *
 * @param mask Row-major; anything but 0 is set.
 * @param width Columns.
 * @returns Left, top, right, bottom; null if nothing is set.
 */
export function boundsOfMask(mask: ArrayLike<number>, width: number): Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = y;
  }
  return right < 0 ? null : [left, top, right + 1, bottom + 1];
}
