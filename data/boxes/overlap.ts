/** @file How much boxes overlap. Boxes are x1 y1 x2 y2 in continuous pixels, one after the other; nowhere is a pixel added. */

/**
 * Intersection over union of each box with each of others.
 *
 * @param boxes `[N, 4]` flat: left, top, right, bottom of each.
 * @param others `[M, 4]` flat.
 * @returns `[N, M]` row-major, from 0 to 1; 0 where two boxes share no area, so also for boxes without one.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { boxIou } from "@tessera/tessera/data";
 *
 * deepStrictEqual(boxIou([0, 0, 2, 2], [0, 0, 2, 1, 5, 5, 6, 6]), Float64Array.of(0.5, 0));
 * ```
 */
export function boxIou(boxes: ArrayLike<number>, others: ArrayLike<number>): Float64Array {
  const [rows, columns] = [boxes.length / 4, others.length / 4];
  const iou = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const shared = sharedArea(boxes, i, others, j);
      if (shared > 0) iou[i * columns + j] = shared / (boxArea(boxes, i) + boxArea(others, j) - shared);
    }
  }
  return iou;
}

/** Area of box number `i`. */
export function boxArea(boxes: ArrayLike<number>, i: number): number {
  return (boxes[4 * i + 2]! - boxes[4 * i]!) * (boxes[4 * i + 3]! - boxes[4 * i + 1]!);
}

function sharedArea(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  const side = (axis: number) =>
    Math.min(a[4 * i + axis + 2]!, b[4 * j + axis + 2]!) - Math.max(a[4 * i + axis]!, b[4 * j + axis]!);
  return Math.max(side(0), 0) * Math.max(side(1), 0);
}
