import { requireOptions } from "../../tensor/errors.ts";
import { ANCHOR_RATIOS } from "./anchor_ratios.ts";
import type { PyramidAnchorOptions } from "./anchors.ts";

/** Sizes of an image that lies in the upper left of a canvas. */
export interface PlacedSize {
  /** Rows and columns of the canvas, multiples of the stride of the backbone. */
  readonly canvas: readonly [height: number, width: number];
  /** Rows and columns of the image. */
  readonly image: readonly [height: number, width: number];
}

/**
 * Tells the anchors whose cells lie in an image, filled up to the stride of the backbone. mmdetection learns from these alone
 * where images of several sizes share a batch; detectron2 and torchvision take those in the filling for background.
 *
 * @param size Sizes of the canvas and of the image.
 * @param options How anchors lie.
 * @returns `[N]`, in the order of `pyramidAnchors`: 1 for anchors in the image, 0 for those in the filling.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { usableAnchors } from "@tessera/tessera/data";
 *
 * const options = { strides: [8, 16], step: "stride", sizes: [[8], [16]], ratios: [1] } as const;
 * deepStrictEqual([...usableAnchors({ canvas: [8, 16], image: [5, 7] }, options)], [1, 0, 1]);
 * ```
 */
export function usableAnchors({ canvas, image }: PlacedSize, options: PyramidAnchorOptions): Uint8Array {
  requireOptions("usableAnchors", options, {
    ...{ strides: true, step: true, sizes: true, ratios: true, rounded: true, outer: true },
  });
  const { strides, sizes, ratios = ANCHOR_RATIOS } = options;
  const coarsest = strides.at(-2)!;
  const filled = image.map((side) => Math.ceil(side / coarsest) * coarsest);
  const levels = strides.map((stride, level) => {
    const [rows, columns] = canvas.map((side) => Math.ceil(side / stride)) as [number, number];
    const [down, right] = filled.map((side) => Math.ceil(side / stride)) as [number, number];
    const anchors = sizes[level]!.length * ratios.length;
    return Uint8Array.from({ length: rows * columns * anchors }, (_, i) => {
      const cell = Math.floor(i / anchors);
      return Number(Math.floor(cell / columns) < down && cell % columns < right);
    });
  });
  return Uint8Array.from(levels.flatMap((level) => [...level]));
}
