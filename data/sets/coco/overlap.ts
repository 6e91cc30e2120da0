/** @file How much boxes and masks overlap, as COCO's evaluation counts it. */
import { type Bounds, maskArea, maskBounds, type RunLengths } from "./run_lengths.ts";

/**
 * Overlap of two boxes: intersection over union, or over the detection alone where the truth is a crowd.
 *
 * @param detection Left, top, width, height.
 * @param truth The same.
 * @param crowd True if the truth is a crowd.
 * @returns From 0 to 1; 0 for boxes without area.
 */
export function boxOverlap(detection: Bounds, truth: Bounds, crowd: boolean): number {
  const [dx, dy, dw, dh] = detection;
  const [gx, gy, gw, gh] = truth;
  const width = Math.min(dx + dw, gx + gw) - Math.max(dx, gx);
  const height = Math.min(dy + dh, gy + gh) - Math.max(dy, gy);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (crowd ? dw * dh : dw * dh + gw * gh - shared);
}

/** A mask with what is asked of it again and again. */
export interface Measured {
  readonly mask: RunLengths;
  readonly area: number;
  readonly bounds: Bounds;
}

/** Measures a mask once. */
export function measureMask(mask: RunLengths): Measured {
  return { mask, area: maskArea(mask), bounds: maskBounds(mask) };
}

/** Pixels that two masks share, found by walking both runs together. */
function sharedPixels(a: readonly number[], b: readonly number[]): number {
  let [i, j, shared] = [0, 0, 0];
  let [left, right] = [a[0] ?? 0, b[0] ?? 0];
  while (i < a.length && j < b.length) {
    const step = Math.min(left, right);
    if (i % 2 === 1 && j % 2 === 1) shared += step;
    left -= step;
    right -= step;
    if (left === 0) left = a[++i] ?? 0;
    if (right === 0) right = b[++j] ?? 0;
  }
  return shared;
}

/**
 * Overlap of two masks, as of boxes.
 *
 * @param detection The mask that was found.
 * @param truth The one that is there.
 * @param crowd True if that is a crowd.
 * @returns From 0 to 1.
 */
export function maskOverlap(detection: Measured, truth: Measured, crowd: boolean): number {
  if (boxOverlap(detection.bounds, truth.bounds, crowd) === 0) return 0;
  const shared = sharedPixels(detection.mask.counts, truth.mask.counts);
  return shared === 0 ? 0 : shared / (crowd ? detection.area : detection.area + truth.area - shared);
}
