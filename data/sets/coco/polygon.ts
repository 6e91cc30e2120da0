/** @file Polygons as masks, by the rule of COCO's `maskApi`: edges are drawn five times as fine, and looked at in the middle of columns. */
import { mergeMasks, type RunLengths } from "./run_lengths.ts";

/** How much finer edges are drawn than pixels. */
const SCALE = 5;

/** A point of an outline, in fifths of a pixel. */
type Point = readonly [x: number, y: number];

/** Outlines are at most so many pixels long: every fifth of a pixel is looked at. */
export const MOST_OUTLINE: number = 2 ** 22;

/** How long an outline is: of each edge its longer axis, in pixels. */
export function outlineLength(points: readonly number[]): number {
  let length = 0;
  for (let i = 0; i < points.length; i += 2) {
    const next = (i + 2) % points.length;
    length += Math.max(Math.abs(points[next]! - points[i]!), Math.abs(points[next + 1]! - points[i + 1]!));
  }
  return length;
}

/** Visits the points of an edge along its longer axis, both ends included, in the direction of the outline. */
function walkEdge([x0, y0]: Point, [x1, y1]: Point, visit: (x: number, y: number) => void): void {
  const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
  const alongX = dx >= dy;
  // Computed from the smaller coordinate on, so that both directions give the same points.
  const backwards = alongX ? x0 > x1 : y0 > y1;
  const [xs, ys, xe, ye] = backwards ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
  const length = alongX ? dx : dy;
  const slope = length === 0 ? 0 : alongX ? (ye - ys) / dx : (xe - xs) / dy;
  for (let i = 0; i <= length; i++) {
    const t = backwards ? length - i : i;
    if (alongX) visit(xs + t, Math.trunc(ys + slope * t + 0.5));
    else visit(Math.trunc(xs + slope * t + 0.5), ys + t);
  }
}

/** Positions, down the columns, at which an outline crosses the middle of a column. */
function crossings(corners: readonly Point[], [height, width]: readonly [number, number]): readonly number[] {
  const positions: number[] = [];
  let [beforeX, beforeY] = [NaN, NaN];
  const visit = (x: number, y: number) => {
    const column = (Math.min(x, beforeX) + 0.5) / SCALE - 0.5;
    if (x !== beforeX && Number.isInteger(column) && column >= 0 && column <= width - 1) {
      const row = (Math.min(y, beforeY) + 0.5) / SCALE - 0.5;
      positions.push(column * height + Math.ceil(Math.min(Math.max(row, 0), height)));
    }
    [beforeX, beforeY] = [x, y];
  };
  corners.forEach((corner, i) => walkEdge(corner, corners[(i + 1) % corners.length]!, visit));
  return positions;
}

/** Runs between sorted positions; where two meet, the runs beside them become one. */
function runsBetween(positions: readonly number[]): readonly number[] {
  const counts: number[] = [];
  let last = 0;
  let joins = false;
  positions.forEach((position, i) => {
    const run = position - last;
    last = position;
    if (joins) {
      counts[counts.length - 1]! += run;
      joins = false;
    } else if (run > 0 || i === 0) counts.push(run);
    else joins = true;
  });
  return counts;
}

/**
 * Fills a polygon.
 *
 * @param points x and y in turn, in pixels of the image; the outline closes itself.
 * @param size `[height, width]` of the image.
 * @returns The mask: equal to that of COCO's own tools in every pixel.
 * @throws {RangeError} If the outline is longer than 2²² pixels.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { maskArea, polygonMask } from "@tessera/tessera/data";
 *
 * equal(maskArea(polygonMask([1, 1, 1, 4, 5, 4, 5, 1], [6, 8])), 12);
 * ```
 */
export function polygonMask(points: readonly number[], size: readonly [number, number]): RunLengths {
  const length = outlineLength(points);
  if (!(length <= MOST_OUTLINE)) {
    throw new RangeError(
      `Cannot fill a polygon as its outline must be ${MOST_OUTLINE} pixels long at most: current length is ${length}`,
    );
  }
  const corners = Array.from({ length: points.length / 2 }, (_, i): Point => [
    Math.trunc(SCALE * points[2 * i]! + 0.5),
    Math.trunc(SCALE * points[2 * i + 1]! + 0.5),
  ]);
  const positions = [...crossings(corners, size), size[0] * size[1]].sort((a, b) => a - b);
  return { size, counts: runsBetween(positions) };
}

/**
 * Fills the polygons of one object.
 *
 * @param polygons At least one; what any of them covers is set.
 * @param size `[height, width]` of the image.
 * @returns The mask.
 */
export function polygonsMask(polygons: readonly (readonly number[])[], size: readonly [number, number]): RunLengths {
  return mergeMasks(polygons.map((points) => polygonMask(points, size)), "union");
}

/**
 * Fills a box.
 *
 * @param box Left, top, width, height.
 * @param size `[height, width]` of the image.
 * @returns The mask.
 */
export function boxMask(
  [x, y, w, h]: readonly [number, number, number, number],
  size: readonly [number, number],
): RunLengths {
  return polygonMask([x, y, x, y + h, x + w, y + h, x + w, y], size);
}
