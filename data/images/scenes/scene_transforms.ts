/** @file How images with boxes and masks become samples for detectors: which part of them, how large, with which colours. */
import { adjustBrightness, adjustContrast, adjustSaturation } from "../colour.ts";
import type { Draw } from "../draw.ts";
import type { Pixels } from "../pixels.ts";
import { type Box, type Placement, wholePlacement } from "./placement.ts";
import { jitteredSize, shortestEdgeSize } from "../resize_rules.ts";

/** What all have in common. */
export interface SceneChange {
  /** Probability that an image is mirrored; 0.5 if not given. */
  readonly flip?: number;
  /** Most change of brightness, contrast and saturation, each by a factor in [1 − c, 1 + c]; 0 if not given. */
  readonly colour?: number;
}

/** The shorter side becomes one of some lengths (detectron2's ResizeShortestEdge); perhaps a random part before. */
export interface ShortestEdge extends SceneChange {
  /** Which transform. */
  readonly kind: "shortestEdge";
  /** What the longer side may be at most. */
  readonly longest: number;
  /** A random part of some images first, as DETR and ConvNeXt's recipe have it; none if not given. */
  readonly crop?: RandomPart;
}

/** A part of random size and place. */
export interface RandomPart {
  /** Share of the images that are cut. */
  readonly probability: number;
  /** Lengths, one of which the shorter side has when the part is chosen. */
  readonly shorts: readonly number[];
  /** Least and largest side of the part at that size, in pixels; the whole side where it is shorter. */
  readonly range: readonly [number, number];
}

/** Large-scale jitter (Ghiasi et al., "Simple Copy-Paste", 2021): the longer side fills a random share of a square canvas. */
export interface ScaleJitter extends SceneChange {
  /** Which transform. */
  readonly kind: "jitter";
  /** Least and largest share; `[0.1, 2]` if not given. What is larger than the canvas is cut at a random place. */
  readonly scale?: readonly [number, number];
}

/** How an image with objects becomes a sample. Plain data. */
export type SceneTransform = ShortestEdge | ScaleJitter;

/** Where images are put: all that are smaller leave the rest free, to the right and below. */
export interface Canvas {
  /** Rows and columns. */
  readonly size: readonly [height: number, width: number];
  /** Lengths of the shorter side, of which one is drawn, in pixels; not read by `jitter`. */
  readonly shorts: readonly number[];
}

const pick = <T>(items: readonly T[], draw: Draw): T => items[Math.floor(draw() * items.length)]!;

/**
 * Draws where an image goes.
 *
 * @param image Size of the image.
 * @param canvas Where it must fit.
 * @param transform Which transform.
 * @param draw Source of randomness.
 * @returns The placement, not larger than the canvas.
 * @throws {RangeError} If the resized image does not fit into the canvas.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { dataKey, drawPlacement, drawsOf } from "@tessera/tessera/data";
 *
 * const canvas = { size: [64, 96], shorts: [64] } as const;
 * const transform = { kind: "shortestEdge", longest: 96, flip: 0 } as const;
 * const { size } = drawPlacement({ width: 40, height: 32 }, canvas, transform, drawsOf(dataKey(1)));
 * deepStrictEqual(size, [64, 80]);
 * ```
 */
export function drawPlacement(
  image: Pick<Pixels, "width" | "height">,
  canvas: Canvas,
  transform: SceneTransform,
  draw: Draw,
): Placement {
  const placement = transform.kind === "jitter"
    ? jittered(image, canvas, transform, draw)
    : edged(image, canvas, transform, draw);
  const { part: { width, height } } = placement;
  if (height > canvas.size[0] || width > canvas.size[1]) {
    throw new RangeError(
      `Cannot place an image as it must fit into the canvas of ${
        canvas.size.join("×")
      }: current size is ${height}×${width}`,
    );
  }
  return { ...placement, flip: draw() < (transform.flip ?? 0.5) };
}

function edged(
  image: Pick<Pixels, "width" | "height">,
  { shorts }: Canvas,
  { longest, crop }: ShortestEdge,
  draw: Draw,
): Placement {
  const box = crop && draw() < crop.probability
    ? drawPart(image, crop, draw)
    : [0, 0, image.width, image.height] as const;
  const side = [box[3] - box[1], box[2] - box[0]] as const;
  const size = shortestEdgeSize(side, { short: pick(shorts, draw), longest });
  return { ...wholePlacement(image, size), box };
}

/** Sides and place of a part at the size that the image would have, as a box of the image. */
function drawPart(
  { width, height }: Pick<Pixels, "width" | "height">,
  { shorts, range: [least, most] }: RandomPart,
  draw: Draw,
): Box {
  const scale = pick(shorts, draw) / Math.min(width, height);
  const [rows, columns] = [height, width].map((side) => {
    const whole = Math.round(side * scale);
    const low = Math.min(whole, least);
    return low + Math.floor(draw() * (Math.min(whole, most) - low + 1));
  }) as [number, number];
  const top = Math.floor(draw() * (Math.round(height * scale) - rows + 1)) / scale;
  const left = Math.floor(draw() * (Math.round(width * scale) - columns + 1)) / scale;
  return [left, top, Math.min(width, left + columns / scale), Math.min(height, top + rows / scale)];
}

function jittered(
  image: Pick<Pixels, "width" | "height">,
  { size: canvas }: Canvas,
  { scale: [least, most] = [0.1, 2] }: ScaleJitter,
  draw: Draw,
): Placement {
  const side = Math.min(...canvas);
  const wanted = jitteredSize([image.height, image.width], { scale: least + draw() * (most - least), side });
  const [height, width] = wanted.map((length) => Math.max(1, length)) as [number, number];
  const share = draw(); // one for both axes
  const rows = Math.min(height, canvas[0]);
  const columns = Math.min(width, canvas[1]);
  const part = {
    left: Math.round((width - columns) * share),
    top: Math.round((height - rows) * share),
    width: columns,
    height: rows,
  };
  return { ...wholePlacement(image, [height, width]), part };
}

/**
 * Changes brightness, contrast and saturation, in this order, each by a factor of its own.
 *
 * @param image RGB image.
 * @param strength Factors are uniform in [1 − strength, 1 + strength].
 * @param draw Source of randomness; not used where the strength is 0.
 * @returns The changed image.
 */
export function jitterColours(image: Pixels, strength: number, draw: Draw): Pixels {
  if (strength === 0) return image;
  return [adjustBrightness, adjustContrast, adjustSaturation].reduce(
    (changed, adjust) => adjust(changed, Math.max(0, 1 + (2 * draw() - 1) * strength)),
    image,
  );
}
