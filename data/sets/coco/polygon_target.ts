import { polygonsMask } from "./polygon.ts";
import type { RunLengths } from "./run_lengths.ts";

/** Least side of a box that polygons are scaled by. */
const LEAST_SIDE = 0.1;

/**
 * The mask of an object within a box, drawn from its polygons at the resolution of a mask head, as detectron2 does.
 *
 * @param polygons Of the object, in pixels of the image.
 * @param box Left, top, right, bottom.
 * @param side Rows and columns of the mask; 28 by default.
 * @returns The mask `[side, side]`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { maskArea, polygonTarget } from "@tessera/tessera/data";
 *
 * equal(maskArea(polygonTarget([[0, 0, 0, 8, 4, 8, 4, 0]], [0, 0, 8, 8], 4)), 8); // the left half
 * ```
 */
export function polygonTarget(
  polygons: readonly (readonly number[])[],
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  side = 28,
): RunLengths {
  const [across, down] = [side / Math.max(x2 - x1, LEAST_SIDE), side / Math.max(y2 - y1, LEAST_SIDE)];
  const scaled = polygons.map((points) => points.map((x, i) => i % 2 === 0 ? (x - x1) * across : (x - y1) * down));
  return polygonsMask(scaled, [side, side]);
}
