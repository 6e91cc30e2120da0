/** @file How large images become: rules of detectors for sides and their rounding. */
import { requireOptions } from "../../tensor/errors.ts";
import { roundHalfToEven } from "../boxes/round_half_to_even.ts";

/** Whose rounding is followed; they differ by a pixel. */
export type ResizeRule = "detectron2" | "mmdetection" | "torchvision";

/** Bounds of the sides, and whose rounding. */
export interface ShortestEdgeOptions {
  /** What the shorter side becomes, in pixels. */
  readonly short: number;
  /** What the longer side may be at most; the image gets smaller where it would be more. */
  readonly longest: number;
  /** `detectron2` by default. */
  readonly rule?: ResizeRule;
}

/**
 * The size of an image whose shorter side becomes a given one.
 *
 * @param size `[height, width]` in pixels.
 * @param options Sides and rounding.
 * @returns `[height, width]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { shortestEdgeSize } from "@tessera/tessera/data";
 *
 * deepStrictEqual(shortestEdgeSize([480, 640], { short: 800, longest: 1333 }), [800, 1067]);
 * ```
 */
export function shortestEdgeSize(
  [height, width]: readonly [number, number],
  options: ShortestEdgeOptions,
): readonly [height: number, width: number] {
  requireOptions("shortestEdgeSize", options, { short: true, longest: true, rule: true });
  const { short, longest, rule = "detectron2" } = options;
  const [small, large] = [Math.min(height, width), Math.max(height, width)];
  if (rule === "torchvision") {
    const scale = Math.min(Math.fround(short / small), Math.fround(longest / large)); // float32 there
    return [Math.floor(height * scale), Math.floor(width * scale)];
  }
  const round = (x: number) => Math.floor(x + 0.5);
  if (rule === "mmdetection") {
    const scale = Math.min(longest / large, short / small);
    return [round(height * scale), round(width * scale)];
  }
  const scale = short / small;
  const wanted = height < width ? [short, scale * width] as const : [scale * height, short] as const;
  const cut = Math.max(...wanted) > longest ? longest / Math.max(...wanted) : 1;
  return [round(wanted[0] * cut), round(wanted[1] * cut)];
}

/**
 * The size of an image under large-scale jitter, before it is cut or padded to a square.
 *
 * @param size `[height, width]` in pixels.
 * @param options `side` of the square in pixels; `scale`: how much of it the longer side fills, drawn from [0.1, 2].
 * @returns `[height, width]`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { jitteredSize } from "@tessera/tessera/data";
 *
 * deepStrictEqual(jitteredSize([480, 640], { scale: 2, side: 1024 }), [1536, 2048]);
 * ```
 */
export function jitteredSize(
  [height, width]: readonly [number, number],
  options: { readonly scale: number; readonly side: number },
): readonly [height: number, width: number] {
  requireOptions("jitteredSize", options, { scale: true, side: true });
  const { scale, side } = options;
  const factor = Math.min(side * scale / height, side * scale / width);
  return [roundHalfToEven(height * factor), roundHalfToEven(width * factor)];
}
