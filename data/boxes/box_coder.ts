/** @file Boxes as differences to other boxes: what detectors learn. */
import { requireOptions } from "../../tensor/errors.ts";

/** Weights of the differences of centre x, centre y, width, height. */
export type BoxWeights = readonly [x: number, y: number, width: number, height: number];

/** Largest difference of a logarithm of sides that is followed: sides grow at most 62.5 times. */
export const MAX_LOG_SIDE: number = Math.log(1000 / 16);

/**
 * Differences from boxes to targets: of the centres in sides of the box, and of the logarithms of the sides.
 *
 * @param boxes `[N, 4]` flat; sides must be above 0.
 * @param targets `[N, 4]` flat, the same.
 * @param weights What each difference is multiplied by; 1 by default.
 * @returns `[N, 4]` flat.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { encodeBoxes } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...encodeBoxes([0, 0, 2, 2], [1, 0, 3, 2])], [0.5, 0, 0, 0]);
 * ```
 */
export function encodeBoxes(
  boxes: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: BoxWeights = [1, 1, 1, 1],
): Float64Array {
  const deltas = new Float64Array(boxes.length);
  for (let at = 0; at < boxes.length; at += 4) {
    for (let axis = 0; axis < 2; axis++) {
      const side = boxes[at + axis + 2]! - boxes[at + axis]!;
      const target = targets[at + axis + 2]! - targets[at + axis]!;
      const shift = targets[at + axis]! + 0.5 * target - (boxes[at + axis]! + 0.5 * side);
      deltas[at + axis] = weights[axis]! * shift / side;
      deltas[at + axis + 2] = weights[axis + 2]! * Math.log(target / side);
    }
  }
  return deltas;
}

/** Settings of `decodeBoxes`. */
export interface DecodeOptions {
  /** What each difference was multiplied by; 1 by default. */
  readonly weights?: BoxWeights;
  /** True to cut differences of sides from below too, as mmdetection does; false by default. */
  readonly clampBelow?: boolean;
}

/**
 * Boxes from differences: the inverse of `encodeBoxes`. Differences of sides are cut at `MAX_LOG_SIDE`.
 *
 * @param boxes `[N, 4]` flat.
 * @param deltas `[N, K, 4]` flat: K boxes from each.
 * @param options Weights, clamp.
 * @returns `[N, K, 4]` flat.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeBoxes } from "@tessera/tessera/data";
 *
 * deepStrictEqual([...decodeBoxes([0, 0, 2, 2], [0.5, 0, 0, 0])], [1, 0, 3, 2]);
 * ```
 */
export function decodeBoxes(
  boxes: ArrayLike<number>,
  deltas: ArrayLike<number>,
  options: DecodeOptions = {},
): Float64Array {
  requireOptions("decodeBoxes", options, { weights: true, clampBelow: true });
  const { weights = [1, 1, 1, 1], clampBelow = false } = options;
  const each = deltas.length / boxes.length;
  const decoded = new Float64Array(deltas.length);
  for (let at = 0; at < deltas.length; at += 4) {
    const box = 4 * Math.floor(at / 4 / each);
    for (let axis = 0; axis < 2; axis++) {
      const side = boxes[box + axis + 2]! - boxes[box + axis]!;
      const centre = boxes[box + axis]! + 0.5 * side + deltas[at + axis]! / weights[axis]! * side;
      const growth = Math.min(deltas[at + axis + 2]! / weights[axis + 2]!, MAX_LOG_SIDE);
      const half = 0.5 * side * Math.exp(clampBelow ? Math.max(growth, -MAX_LOG_SIDE) : growth);
      decoded[at + axis] = centre - half;
      decoded[at + axis + 2] = centre + half;
    }
  }
  return decoded;
}
