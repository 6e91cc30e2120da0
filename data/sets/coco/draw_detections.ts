/** @file Pictures of what a detector found. */
import { requireOptions } from "../../../tensor/errors.ts";
import { type Canvas, type Colour, openCanvas, textSize } from "../../images/canvas.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { Detection } from "./results.ts";
import { decodeMask } from "./run_lengths.ts";

/** How detections are drawn. */
export interface DrawDetectionsOptions {
  /** Names of the categories by their ids; numbers for those that have none. */
  readonly names?: ReadonlyMap<number, string>;
  /** How many times each pixel is repeated in both directions; 1 by default. */
  readonly enlarge?: number;
  /** Share of a mask's colour in its pixels; 0.45 by default. */
  readonly opacity?: number;
  /** False to leave scores out, as of annotations. True by default. */
  readonly scores?: boolean;
}

/** A colour for each object: hues a golden section apart, so that neighbours look different. */
function colourOf(number: number): Colour {
  const hue = (number * 0.618033988749895 % 1) * 6;
  const channel = (offset: number) => {
    const away = Math.abs((hue + offset) % 6 - 3);
    return Math.round(255 * (0.25 + 0.75 * Math.min(1, Math.max(0, away - 1))));
  };
  return [channel(0), channel(4), channel(2)];
}

/** Dark on light colours, light on dark ones. */
function inkOn([red, green, blue]: Colour): Colour {
  return red * 0.299 + green * 0.587 + blue * 0.114 > 140 ? [0, 0, 0] : [255, 255, 255];
}

function drawMask(canvas: Canvas, { mask }: Detection, colour: Colour, enlarge: number, opacity: number): void {
  if (!mask) return;
  const [bits, width] = [decodeMask(mask), mask.size[1]];
  canvas.veil((x, y) => bits[Math.floor(y / enlarge) * width + Math.floor(x / enlarge)] === 1, colour, opacity);
}

/** A whole rectangle around a box, on the canvas. */
function areaOf({ box: [x, y, wide, high] }: Detection, enlarge: number) {
  const [left, top] = [Math.floor(x * enlarge), Math.floor(y * enlarge)];
  const [right, bottom] = [Math.ceil((x + wide) * enlarge), Math.ceil((y + high) * enlarge)];
  return { left, top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}

/** Above the box, or within it where there is no room; never beyond the right border. */
function drawLabel(canvas: Canvas, text: string, area: ReturnType<typeof areaOf>, colour: Colour, size: number): void {
  const [wide, high] = textSize(text, size);
  const label = { width: wide + 2 * size, height: high + size };
  const left = Math.max(0, Math.min(area.left, canvas.width - label.width));
  const top = area.top >= label.height ? area.top - label.height : Math.max(0, area.top);
  canvas.fill({ left, top, ...label }, colour);
  canvas.text(text, [left + size, top + size], inkOn(colour), size);
}

/**
 * Draws what a detector found over an image: masks as veils, boxes as frames, and above each box its category and score. What
 * is sure lies above what is not.
 *
 * @param image The image; alpha is left out.
 * @param detections Objects of this image, in its pixels; each gets a colour of its own, by its place.
 * @param options Names, enlargement, opacity.
 * @returns A picture of three channels.
 * @throws {RangeError} If a mask is of another size than the image.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { drawDetections } from "@tessera/tessera/data";
 *
 * const image = { width: 40, height: 30, channels: 3, data: new Uint8Array(3600) } as const;
 * const found = { image: 1, category: 3, score: 0.9, box: [5, 12, 20, 10] } as const;
 * const { width, height, data } = drawDetections(image, [found], { names: new Map([[3, "cup"]]), enlarge: 2 });
 * deepStrictEqual([width, height, data.some((x) => x > 0)], [80, 60, true]);
 * ```
 */
export function drawDetections(
  image: Pixels,
  detections: readonly Detection[],
  options: DrawDetectionsOptions = {},
): Pixels {
  requireOptions("drawDetections", options, { names: true, enlarge: true, opacity: true, scores: true });
  const { names = new Map<number, string>(), enlarge = 1, opacity = 0.45, scores = true } = options;
  const odd = detections.find(({ mask }) => mask && (mask.size[0] !== image.height || mask.size[1] !== image.width));
  if (odd) {
    throw new RangeError(
      `Cannot draw detections as masks must be of the image's size, ${image.height}×${image.width}: current mask is ` +
        `${odd.mask!.size.join("×")}`,
    );
  }
  const canvas = openCanvas(image, enlarge);
  const side = Math.min(canvas.width, canvas.height);
  const [letter, line] = [400, 300].map((share) => Math.max(1, Math.round(side / share))) as [number, number];
  const upwards = detections.map((found, i) => ({ found, colour: colourOf(i) }))
    .sort((a, b) => a.found.score - b.found.score);
  for (const { found, colour } of upwards) drawMask(canvas, found, colour, enlarge, opacity);
  for (const { found, colour } of upwards) canvas.frame(areaOf(found, enlarge), colour, line);
  for (const { found, colour } of upwards) {
    const name = names.get(found.category) ?? String(found.category);
    const text = scores ? `${name} ${found.score.toFixed(2)}` : name;
    drawLabel(canvas, text, areaOf(found, enlarge), colour, letter);
  }
  return canvas.pixels();
}
