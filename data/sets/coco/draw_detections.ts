/** @file Pictures of what a detector found. */
import { requireOptions } from "../../../tensor/errors.ts";
import { type Canvas, type Colour, openCanvas, textSize } from "../../images/canvas.ts";
import type { Pixels } from "../../images/pixels.ts";
import { boxOverlap } from "./overlap.ts";
import type { Detection } from "./results.ts";
import { type Bounds, decodeMask } from "./run_lengths.ts";

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

type Area = ReturnType<typeof areaOf>;

/** A label's place: above the box, or within it where there is no room; never beyond the right border. */
function labelArea(canvas: Canvas, text: string, box: Area, size: number): Area {
  const [wide, high] = textSize(text, size);
  const label = { width: wide + 2 * size, height: high + size };
  const left = Math.max(0, Math.min(box.left, canvas.width - label.width));
  const top = box.top >= label.height ? box.top - label.height : Math.max(0, box.top);
  return { left, top, ...label };
}

/** True if a label would lie on another, or hide most of another object. */
function hides(label: Area, labels: readonly Area[], others: readonly Area[]): boolean {
  const bounds = ({ left, top, width, height }: Area): Bounds => [left, top, width, height];
  const hidden = (area: Area) => boxOverlap(bounds(area), bounds(label), true); // its share
  return labels.some((other) => hidden(other) > 0) || others.some((other) => hidden(other) > 0.5);
}

/** An object, and how it is drawn. */
interface Drawn {
  readonly text: string;
  readonly area: Area;
  readonly colour: Colour;
}

/** Writes labels, the first ones first, where they hide nothing. */
function drawLabels(canvas: Canvas, objects: readonly Drawn[], size: number): void {
  const labels: Area[] = [];
  for (const { text, area, colour } of objects) {
    const label = labelArea(canvas, text, area, size);
    if (hides(label, labels, objects.flatMap((other) => other.area === area ? [] : [other.area]))) continue;
    labels.push(label);
    canvas.fill(label, colour);
    canvas.text(text, [label.left + size, label.top + size], inkOn(colour), size);
  }
}

/**
 * Draws what a detector found over an image: masks as veils, boxes as frames, and above each box its category and score. What
 * is sure lies above what is not. A label that would lie on a surer one's, or hide most of another object, is left out.
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
  const downwards = detections.map((found, i) => {
    const name = names.get(found.category) ?? String(found.category);
    const text = scores ? `${name} ${found.score.toFixed(2)}` : name;
    return { found, text, colour: colourOf(i), area: areaOf(found, enlarge) };
  }).sort((a, b) => b.found.score - a.found.score);
  const upwards = downwards.toReversed();
  for (const { found, colour } of upwards) drawMask(canvas, found, colour, enlarge, opacity);
  for (const { area, colour } of upwards) canvas.frame(area, colour, line);
  drawLabels(canvas, downwards, letter);
  return canvas.pixels();
}
