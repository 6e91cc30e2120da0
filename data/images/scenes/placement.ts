/** @file Where an image goes when it is resized, cut and mirrored: one description for its pixels, boxes and masks. */
import { flipHorizontal } from "../transforms.ts";
import { dropAlpha } from "../decode.ts";
import type { Pixels, Rectangle } from "../pixels.ts";
import { resample } from "../resample.ts";

/** Left, top, right, bottom in continuous pixels. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** What becomes of an image: `box` of it is resized to `size`, of which `part` is kept, perhaps mirrored. */
export interface Placement {
  /** Part of the image that is resized, in its pixels; may be fractions. */
  readonly box: Box;
  /** What it is resized to. */
  readonly size: readonly [height: number, width: number];
  /** Part of the resized image that is kept, in whole pixels. */
  readonly part: Rectangle;
  /** Whether that is mirrored left to right. */
  readonly flip: boolean;
}

/**
 * Places a whole image.
 *
 * @param image Its size.
 * @param size What it is resized to.
 * @param flip Whether it is mirrored.
 * @returns The placement.
 */
export function wholePlacement(
  image: Pick<Pixels, "width" | "height">,
  [height, width]: readonly [number, number],
  flip = false,
): Placement {
  return {
    box: [0, 0, image.width, image.height],
    size: [height, width],
    part: { left: 0, top: 0, width, height },
    flip,
  };
}

/** Whether parts of the image are lost. */
export function isCut({ box, size, part }: Placement, image: Pick<Pixels, "width" | "height">): boolean {
  const whole = part.width === size[1] && part.height === size[0];
  return !whole || box[0] > 0 || box[1] > 0 || box[2] < image.width || box[3] < image.height;
}

/**
 * Places an image: bilinear with antialiasing, in 8 bits.
 *
 * @param image Any image; alpha is dropped.
 * @param placement Where it goes.
 * @returns `part.width` × `part.height` pixels, RGB.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { placeImage, wholePlacement } from "@tessera/tessera/data";
 *
 * const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * deepStrictEqual(placeImage(image, wholePlacement(image, [1, 2], true)).data, Uint8Array.of(4, 5, 6, 1, 2, 3));
 * ```
 */
export function placeImage(image: Pixels, placement: Placement): Pixels {
  const { box, size: [height, width], part, flip } = placement;
  const placed = resample(dropAlpha(image), { width, height, box, part, filter: "bilinear" });
  return flip ? flipHorizontal(placed) : placed;
}

/** Scale and shift of each axis, without mirroring: `x' = x · scale + shift`. */
export function axesOf(
  { box: [x1, y1, x2, y2], size: [height, width], part }: Placement,
): readonly [x: readonly [scale: number, shift: number], y: readonly [scale: number, shift: number]] {
  const [across, down] = [width / (x2 - x1), height / (y2 - y1)];
  return [[across, -x1 * across - part.left], [down, -y1 * down - part.top]];
}

/**
 * Places points.
 *
 * @param points x and y in turn, in pixels of the image.
 * @param placement Where the image goes.
 * @returns The same in pixels of what is kept; they may lie outside of it. Mirroring takes x to width − x.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { placePoints, wholePlacement } from "@tessera/tessera/data";
 *
 * const placement = wholePlacement({ width: 4, height: 4 }, [8, 8], true);
 * deepStrictEqual(placePoints([1, 1], placement), [6, 2]);
 * ```
 */
export function placePoints(points: readonly number[], placement: Placement): readonly number[] {
  const [[across, right], [down, below]] = axesOf(placement);
  const { flip, part } = placement;
  return points.map((value, i) => {
    if (i % 2 === 1) return value * down + below;
    const x = value * across + right;
    return flip ? part.width - x : x;
  });
}

/**
 * Places a box and cuts it at the borders of what is kept.
 *
 * @param box Left, top, right, bottom in pixels of the image.
 * @param placement Where the image goes.
 * @returns The same in pixels of what is kept; without area if nothing of it is.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { placeBox, wholePlacement } from "@tessera/tessera/data";
 *
 * deepStrictEqual(placeBox([1, 1, 3, 9], wholePlacement({ width: 4, height: 4 }, [8, 8])), [2, 2, 6, 8]);
 * ```
 */
export function placeBox(box: Box, placement: Placement): Box {
  const [a, y1, b, y2] = placePoints(box, placement) as Box;
  const { width, height } = placement.part;
  const within = (x: number, most: number) => Math.min(Math.max(x, 0), most);
  return [within(Math.min(a, b), width), within(y1, height), within(Math.max(a, b), width), within(y2, height)];
}
