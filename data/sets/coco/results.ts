/** @file COCO's result files: what a detector found. */
import { requireOptions } from "../../../tensor/errors.ts";
import type { CocoSet, Problem } from "./annotations.ts";
import { type Bounds, countsText, maskArea, maskBounds, parseCounts, type RunLengths } from "./run_lengths.ts";
import { shown } from "./shown.ts";

/** An object that a detector found. */
export interface Detection {
  /** Id of the image. */
  readonly image: number;
  /** Id of the category, as the annotation file has it. */
  readonly category: number;
  /** How sure it is; only the order matters. */
  readonly score: number;
  /** Left, top, width, height in pixels of the image. */
  readonly box: Bounds;
  /** Its pixels, if the detector tells them. */
  readonly mask?: RunLengths;
}

/** Detections, and what was left out. */
export interface CocoResults {
  /** In the order of the file. */
  readonly detections: readonly Detection[];
  /** True if the first record has a box: the official tool then takes the sizes of all detections from boxes, of masks too. */
  readonly hasBoxes: boolean;
  /** What was left out, each with its reason. */
  readonly problems: readonly Problem[];
}

type Json = Readonly<Record<string, unknown>>;

const isFinite = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x);

/** A mask of a result; a text is why there is none. */
function maskIn(segmentation: unknown, height: number, width: number): RunLengths | string {
  const { size, counts } = (segmentation ?? {}) as { readonly size?: unknown; readonly counts?: unknown };
  if (!Array.isArray(size) || size[0] !== height || size[1] !== width) return `its mask must be ${height}×${width}`;
  try {
    const runs = typeof counts === "string" ? parseCounts(counts) : counts as readonly number[];
    const whole = Array.isArray(runs) && runs.every((run) => isFinite(run) && run >= 0);
    if (!whole || runs.reduce((sum, run) => sum + run, 0) !== height * width) return "counts of its mask must fill it";
    return { size: [height, width], counts: runs };
  } catch (error) {
    return (error as Error).message;
  }
}

/** A detection; a text is why a record is none. */
function readDetection(
  record: Json,
  set: CocoSet,
  sizes: ReadonlyMap<number, readonly [number, number]>,
): Detection | string {
  const { image_id: image, category_id: category, score, bbox, segmentation } = record;
  const size = sizes.get(image as number);
  if (!size) return `its image must be in the annotations: it is ${shown(image)}`;
  if (!set.categories.some(({ id }) => id === category)) {
    return `its category must be in the annotations: it is ${shown(category)}`;
  }
  if (!isFinite(score)) return `its score must be a number: it is ${shown(score)}`;
  const mask = segmentation === undefined || segmentation === null ? null : maskIn(segmentation, ...size);
  if (typeof mask === "string") return mask;
  const given = Array.isArray(bbox) && bbox.length === 4 && bbox.every(isFinite) ? bbox as unknown as Bounds : null;
  if (!given && !mask) return "it must have a bbox of four numbers or a segmentation";
  const found = { image: image as number, category: category as number, score, box: given ?? maskBounds(mask!) };
  return mask ? { ...found, mask } : found;
}

/**
 * Reads a result file of any detector.
 *
 * @param json What the file holds, parsed.
 * @param set The annotations that it belongs to.
 * @param path Its path, for errors.
 * @returns Detections in the order of the file, and each record that is not used with the reason.
 * @throws {TypeError} If it is no list.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { readCocoResults, readCocoSet } from "@tessera/tessera/data";
 *
 * const images = [{ id: 7, file_name: "a.png", height: 8, width: 8 }];
 * const set = readCocoSet({ images, categories: [{ id: 3, name: "cup" }], annotations: [] }, "cups.json");
 * const { detections } = readCocoResults([{ image_id: 7, category_id: 3, bbox: [1, 1, 4, 3], score: 0.9 }], set, "found.json");
 * equal(detections[0]!.score, 0.9);
 * ```
 */
export function readCocoResults(json: unknown, set: CocoSet, path: string): CocoResults {
  if (!Array.isArray(json)) {
    throw new TypeError(`Cannot read ${path} as COCO results as it must be a list: current value is ${typeof json}`);
  }
  const sizes = new Map(set.images.map(({ id, height, width }) => [id, [height, width] as const]));
  const read = json.map((record) =>
    typeof record === "object" && record !== null ? readDetection(record as Json, set, sizes) : "it must be a record"
  );
  return {
    detections: read.filter((each) => typeof each !== "string"),
    hasBoxes: Array.isArray((json[0] as Json | null | undefined)?.bbox),
    problems: read.flatMap((each, i) =>
      typeof each === "string" ? [{ what: `result number ${i + 1}`, reason: each }] : []
    ),
  };
}

/**
 * Makes the records of a result file.
 *
 * @param detections What was found.
 * @param options `boxes`: false to leave boxes out, as evaluations of masks by other tools take areas from boxes that they find.
 * @returns Records for `JSON.stringify`.
 */
export function cocoResultRecords(
  detections: readonly Detection[],
  options: { readonly boxes?: boolean } = {},
): readonly object[] {
  requireOptions("cocoResultRecords", options, { boxes: true });
  const { boxes = true } = options;
  return detections.map(({ image, category, score, box, mask }) => ({
    ...{ image_id: image, category_id: category, score },
    ...(boxes || !mask ? { bbox: box } : {}),
    ...(mask ? { segmentation: { size: mask.size, counts: countsText(mask.counts) } } : {}),
  }));
}

/** Area of a detection: of its mask, or of its box. */
export function detectionArea({ box, mask }: Detection, kind: "box" | "mask"): number {
  return kind === "mask" && mask ? maskArea(mask) : box[2] * box[3];
}
