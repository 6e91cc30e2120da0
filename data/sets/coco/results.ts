/** @file COCO's result files: what a detector found. */
import { requireOptions } from "../../../tensor/errors.ts";
import type { CocoImage, CocoSet, Problem } from "./coco_set.ts";
import { idIn, isFinite, isRecord, type Json, refusal, refuse, type Remark, remarkText } from "./records.ts";
import { type Bounds, countsText, maskArea, maskBounds, type RunLengths } from "./run_lengths.ts";
import { maskOf, readSegmentation, remarkBox } from "./segmentation.ts";
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
  /** What is used otherwise than it stands, or is likely to be an error: ids that are text, boxes beyond their image. */
  readonly remarks: readonly Problem[];
}

/** A detection of a record. */
function readDetection(
  record: Json,
  categories: ReadonlySet<number>,
  images: ReadonlyMap<number, CocoImage>,
  remark: Remark,
): Detection {
  const { score, bbox } = record;
  const image = images.get(idIn(record.image_id) ?? NaN) ??
    refuse(`its image must be in the annotations: it is ${shown(record.image_id)}`);
  const category = idIn(record.category_id) ?? NaN;
  if (!categories.has(category)) {
    refuse(`its category must be in the annotations: it is ${shown(record.category_id)}`);
  }
  if (!isFinite(score)) refuse(`its score must be a number: it is ${shown(score)}`);
  [record.image_id, record.category_id].forEach((id) => remarkText(id, remark));
  const segmentation = readSegmentation(record.segmentation, image, remark);
  const given = Array.isArray(bbox) && bbox.length === 4 && bbox.every(isFinite) ? bbox as unknown as Bounds : null;
  if (!given && !segmentation) refuse("it must have a bbox of four numbers or a segmentation");
  if (given) remarkBox(given, image, remark);
  const mask = segmentation && maskOf({ segmentation, box: [0, 0, 0, 0] }, image);
  const found = { image: image.id, category, score, box: given ?? maskBounds(mask!) };
  return mask ? { ...found, mask } : found;
}

/**
 * Reads a result file of any detector.
 *
 * @param json What the file holds, parsed.
 * @param set The annotations that it belongs to.
 * @param path Its path, for errors.
 * @returns Detections in the order of the file, each record that is not used with the reason, and what is odd of the others.
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
  const images = new Map(set.images.map((image) => [image.id, image]));
  const categories = new Set(set.categories.map(({ id }) => id));
  const remarks: Problem[] = [];
  const read = json.map((record, i) => {
    if (!isRecord(record)) return "it must be a record";
    const own = new Set<string>();
    const found = refusal(() => readDetection(record, categories, images, (reason) => own.add(reason)));
    const what = `result number ${i + 1}`;
    if (typeof found !== "string") own.forEach((reason) => remarks.push({ kind: "result", what, reason }));
    return found;
  });
  return {
    detections: read.filter((each) => typeof each !== "string"),
    hasBoxes: Array.isArray((json[0] as Json | null | undefined)?.bbox),
    problems: read.flatMap((each, i) =>
      typeof each === "string" ? [{ kind: "result", what: `result number ${i + 1}`, reason: each }] : []
    ),
    remarks,
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
