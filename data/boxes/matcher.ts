/** @file Which object each box belongs to. */
import { requireOptions } from "../../tensor/errors.ts";

/** Rules of matching. */
export interface MatchOptions {
  /** Boxes whose best overlap is below this belong to no object. */
  readonly low: number;
  /** Boxes whose best overlap reaches this belong to that object; between the two bounds they count for nothing. */
  readonly high: number;
  /**
   * Boxes that are among the best for an object, whatever their overlap: `none`: nothing more; `own`: they belong to the
   * object that is best for them (detectron2, torchvision); `caller`: to the object that they are best for, of several to
   * the last (mmdetection). `none` by default.
   */
  readonly lowQuality?: "none" | "own" | "caller";
  /** Least overlap for that rule; any above 0 by default. */
  readonly minimum?: number;
  /**
   * How much less than the best overlap of an object counts as equal; 1e-6 by default: equal ones of unrounded anchors
   * differ by rounding, which would decide otherwise.
   */
  readonly tie?: number;
}

/** A box that belongs to no object. */
export const BACKGROUND: -1 = -1;
/** A box that counts for nothing. */
export const IGNORED: -2 = -2;

/**
 * Matches boxes with objects by their overlap.
 *
 * @param iou `[objects, boxes]` row-major, as `boxIou(objects, boxes)` gives it.
 * @param boxes How many boxes.
 * @param options Bounds and rules.
 * @returns For each box the number of its object (of equally good ones the first), `BACKGROUND` (-1) or `IGNORED` (-2). An
 * object that overlaps no box calls none. Without objects all boxes are background.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { matchBoxes } from "@tessera/tessera/data";
 *
 * const match = matchBoxes([0.8, 0.5, 0.1], 3, { low: 0.3, high: 0.7 });
 * deepStrictEqual([...match], [0, -2, -1]);
 * ```
 */
export function matchBoxes(iou: ArrayLike<number>, boxes: number, options: MatchOptions): Int32Array<ArrayBuffer> {
  requireOptions("matchBoxes", options, { low: true, high: true, lowQuality: true, minimum: true, tie: true });
  const { low, high, lowQuality = "none" } = options;
  const objects = boxes === 0 ? 0 : iou.length / boxes;
  const own = new Int32Array(boxes);
  const best = new Float64Array(boxes);
  for (let g = 0; g < objects; g++) {
    for (let i = 0; i < boxes; i++) {
      if (iou[g * boxes + i]! > best[i]!) [own[i], best[i]] = [g, iou[g * boxes + i]!];
    }
  }
  const match = Int32Array.from(best, (value, i) => value < low ? BACKGROUND : value < high ? IGNORED : own[i]!);
  if (objects === 0) match.fill(BACKGROUND);
  if (lowQuality !== "none") callBest(iou, match, lowQuality === "own" ? (i) => own[i]! : (_, g) => g, options);
  return match;
}

/** Gives the best boxes of each object to the object that `owner` says. */
function callBest(
  iou: ArrayLike<number>,
  match: Int32Array,
  owner: (box: number, object: number) => number,
  { minimum = 0, tie = 1e-6 }: MatchOptions,
): void {
  const boxes = match.length;
  for (let g = 0; (g + 1) * boxes <= iou.length && boxes > 0; g++) {
    const start = g * boxes;
    let most = 0;
    for (let i = 0; i < boxes; i++) most = Math.max(most, iou[start + i]!);
    if (most === 0 || most < minimum) continue;
    for (let i = 0; i < boxes; i++) if (iou[start + i]! >= most - tie && iou[start + i]! > 0) match[i] = owner(i, g);
  }
}
