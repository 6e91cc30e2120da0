/** @file COCO's annotation files: what is in them, and what is wrong with them. */
import type { CocoCategory, CocoImage, CocoObject, CocoSet } from "./coco_set.ts";
import { idIn, isFinite, isRecord, type Json, ownId, readRecords, refuse, type Remark, remarkText } from "./records.ts";
import { maskArea, maskBounds } from "./run_lengths.ts";
import { maskOf, readBox, readSegmentation, remarkPlace } from "./segmentation.ts";
import { shown } from "./shown.ts";

/** The record's list of that name. */
function listOf(json: Json, name: string, path: string): readonly unknown[] {
  const list = json[name];
  if (Array.isArray(list)) return list;
  throw new TypeError(
    `Cannot read ${path} as COCO annotations as it must have a list "${name}": current value is ${typeof list}`,
  );
}

const isSize = (x: unknown): x is number => isFinite(x) && Number.isInteger(x) && x > 0 && x < 2 ** 16;

function readImage(record: Json, remark: Remark): CocoImage {
  const { file_name: name, height, width } = record;
  if (typeof name !== "string" || name === "") refuse("it must have a file_name");
  if (!isSize(height) || !isSize(width)) {
    refuse(`height and width must be whole, from 1 to 65535: they are ${shown(height)}, ${shown(width)}`);
  }
  return { id: ownId(record, remark), name, height, width };
}

function readCategory(record: Json, remark: Remark): CocoCategory {
  const { name } = record;
  return { id: ownId(record, remark), name: typeof name === "string" ? name : refuse("it must have a name") };
}

/** Image and category of an object. */
function ownersOf(
  { image_id: image, category_id: category }: Json,
  images: ReadonlyMap<number, CocoImage>,
  categories: ReadonlySet<number>,
  remark: Remark,
): { readonly image: CocoImage; readonly category: number } {
  const known = images.get(idIn(image) ?? NaN) ?? refuse(`its image must be in the file: it is ${shown(image)}`);
  const number = idIn(category) ?? NaN;
  if (!categories.has(number)) refuse(`its category must be in the file: it is ${shown(category)}`);
  [image, category].forEach((id) => remarkText(id, remark));
  return { image: known, category: number };
}

function readObject(
  record: Json,
  images: ReadonlyMap<number, CocoImage>,
  categories: ReadonlySet<number>,
  remark: Remark,
): CocoObject {
  const iscrowd = record.iscrowd ?? 0;
  if (![0, 1, true, false].includes(iscrowd as number)) refuse(`its iscrowd must be 0 or 1: it is ${shown(iscrowd)}`);
  const id = ownId(record, remark);
  const { image, category } = ownersOf(record, images, categories, remark);
  const segmentation = readSegmentation(record.segmentation, image, remark);
  const given = readBox(record.bbox);
  if (!given && !segmentation) refuse("it must have a bbox or a segmentation");
  const mask = () => maskOf({ segmentation, box: given ?? [0, 0, 0, 0] }, image);
  const box = given ?? maskBounds(mask());
  if (!(box[2] > 1e-5 && box[3] > 1e-5)) refuse(`its box must have an area: it is ${box[2]}×${box[3]}`);
  const area = record.area ?? (segmentation ? maskArea(mask()) : box[2] * box[3]);
  if (!isFinite(area) || area < 0) refuse(`its area must be a number from 0: it is ${shown(area)}`);
  remarkPlace(box, segmentation, image, remark);
  const crowd = iscrowd === 1 || iscrowd === true;
  return { id, image: image.id, category, box, area, crowd, segmentation };
}

/**
 * Reads COCO annotations: polygons of one part or several, compressed and plain run lengths, crowds, ids with gaps.
 *
 * @param json What the file holds, parsed.
 * @param path Its path, for errors.
 * @returns Images, categories, objects, and each record that is not used with the reason: ids that stand twice, unknown images
 * and categories, boxes without area, masks of another size, objects whose polygons all have fewer than three points. Remarks
 * are of ids that are text, boxes that go on beyond their image or lie elsewhere than their segmentation, and the like.
 * @throws {TypeError} If it is no annotation file at all.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual, equal } from "node:assert/strict";
 * import { readCocoSet } from "@tessera/tessera/data";
 *
 * const set = readCocoSet({
 *   images: [{ id: 7, file_name: "a.png", height: 8, width: 8 }],
 *   categories: [{ id: 3, name: "cup" }],
 *   annotations: [{ id: 1, image_id: 7, category_id: 3, bbox: [1, 1, 4, 3] }, { id: 2, image_id: 8, category_id: 3 }],
 * }, "cups.json");
 * equal(set.objects[0]!.area, 12);
 * deepStrictEqual(set.problems.map(({ what }) => what), ["annotation 2"]);
 * ```
 */
export function readCocoSet(json: unknown, path: string): CocoSet {
  if (!isRecord(json)) {
    throw new TypeError(
      `Cannot read ${path} as COCO annotations as it must be a record: current value is ${
        json === null ? "null" : typeof json
      }`,
    );
  }
  const images = readRecords(listOf(json, "images", path), "image", readImage);
  const categories = readRecords(listOf(json, "categories", path), "category", readCategory);
  const byId = new Map(images.read.map((image) => [image.id, image]));
  const ids = new Set(categories.read.map(({ id }) => id));
  const objects = readRecords(
    listOf(json, "annotations", path),
    "annotation",
    (record, remark) => readObject(record, byId, ids, remark),
  );
  const parts = [images, categories, objects];
  return {
    images: images.read,
    categories: categories.read.toSorted((a, b) => a.id - b.id),
    objects: objects.read,
    problems: parts.flatMap(({ problems }) => problems),
    remarks: parts.flatMap(({ remarks }) => remarks),
  };
}
