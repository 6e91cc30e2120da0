/** @file What a detector found in an image, in pixels of the image as it was before it came to the network. */
import { type Detection, encodeMask, pasteMask } from "../../../data/mod.ts";

/** Rows of `detect` of one image, on the host. */
export interface FoundRows {
  /** `[D, 4]`: left, top, right, bottom in pixels of the network's image. */
  readonly boxes: ArrayLike<number>;
  /** `[D]`. */
  readonly scores: ArrayLike<number>;
  /** `[D]`: classes from 0. */
  readonly classes: ArrayLike<number>;
  /** `[D]`: not 0 where something is found. */
  readonly valid: ArrayLike<number>;
  /** `[D, side, side]`: probabilities; absent in Faster R-CNN. */
  readonly masks?: ArrayLike<number>;
}

/** The image, and how its objects are told. */
export interface FoundImage {
  /** Its id. */
  readonly image: number;
  /** Height and width of the file's image. */
  readonly size: readonly [height: number, width: number];
  /** Height and width that it was resized to for the network, without filling. */
  readonly resized: readonly [height: number, width: number];
  /** Ids of the categories by class. */
  readonly categories: readonly number[];
  /** How masks are put into the image: `settings.paste` of the detector. */
  readonly paste: "centres" | "integer";
}

/** Probability from which on a pixel belongs to an object. */
const INSIDE = 0.5;

/**
 * Scales boxes to the image, cuts them at its borders, and puts masks into it. Boxes of which nothing is left are dropped, as
 * detectron2 does.
 *
 * @param rows What was found.
 * @param image The image.
 * @returns Detections as COCO's results have them, the surest first; masks may be empty where no pixel reaches 0.5.
 */
export function foundObjects(rows: FoundRows, { image, size, resized, categories, paste }: FoundImage): Detection[] {
  const [down, across] = [size[0] / resized[0], size[1] / resized[1]];
  const cells = rows.masks ? rows.masks.length / rows.scores.length : 0;
  return Array.from(rows.scores, (score, d): readonly Detection[] => {
    if (!rows.valid[d]) return [];
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((corner) => {
      const [scale, most] = corner % 2 === 0 ? [across, size[1]] : [down, size[0]];
      return Math.min(Math.max(rows.boxes[4 * d + corner]! * scale, 0), most);
    }) as [number, number, number, number];
    if (!(x2 > x1 && y2 > y1)) return [];
    const found = { image, category: categories[rows.classes[d]!]!, score, box: [x1, y1, x2 - x1, y2 - y1] as const };
    if (!rows.masks) return [found];
    const own = Array.from({ length: cells }, (_, i) => rows.masks![d * cells + i]!);
    const pasted = pasteMask(own, [x1, y1, x2, y2], { size, rule: paste });
    return [{ ...found, mask: encodeMask(pasted.map((p) => Number(p >= INSIDE)), size) }];
  }).flat();
}
