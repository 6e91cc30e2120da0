/** @file COCO's annotation files: what is in them, and what is wrong with them. */
import { boxMask, MOST_OUTLINE, outlineLength, polygonsMask } from "./polygon.ts";
import { type Bounds, maskArea, maskBounds, parseCounts, type RunLengths } from "./run_lengths.ts";
import { shown } from "./shown.ts";

/** An image of a set. */
export interface CocoImage {
  /** As the file has it. */
  readonly id: number;
  /** Path of the file, relative to the folder of images. */
  readonly name: string;
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
}

/** A kind of object. */
export interface CocoCategory {
  /** As the file has it; ids may have gaps. */
  readonly id: number;
  /** As the file has it. */
  readonly name: string;
}

/** Where an object is: polygons that together cover it, runs, or only a box. */
export type Segmentation = readonly (readonly number[])[] | RunLengths | null;

/** An object in an image. */
export interface CocoObject {
  /** As the file has it. */
  readonly id: number;
  /** Id of its image. */
  readonly image: number;
  /** Id of its category. */
  readonly category: number;
  /** Left, top, width, height in pixels. */
  readonly box: Bounds;
  /** In pixels, as the file has it; decides which range of sizes the object counts for. */
  readonly area: number;
  /** True for a region that holds many objects: detections in it are neither right nor wrong. */
  readonly crowd: boolean;
  /** Its pixels, if the file tells them. */
  readonly segmentation: Segmentation;
  /** True for one that is hard to see, as Pascal VOC has them: whether it is found counts neither for nor against. */
  readonly difficult?: boolean;
  /** True for one that goes on outside of the image, as Pascal VOC has them. */
  readonly truncated?: boolean;
}

/** Something of a file that is not used, and why. */
export interface Problem {
  /** Such as `annotation 17`. */
  readonly what: string;
  /** Why it is not used. */
  readonly reason: string;
}

/** A set of images with their objects. */
export interface CocoSet {
  /** In the order of the file. */
  readonly images: readonly CocoImage[];
  /** By ascending id. */
  readonly categories: readonly CocoCategory[];
  /** In the order of the file. */
  readonly objects: readonly CocoObject[];
  /** What was left out, each with its reason. */
  readonly problems: readonly Problem[];
}

type Json = Readonly<Record<string, unknown>>;

/** The reason for which a record is left out. */
class Refused extends Error {}

function refuse(reason: string): never {
  throw new Refused(reason);
}

const isRecord = (x: unknown): x is Json => typeof x === "object" && x !== null && !Array.isArray(x);
const isFinite = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x);
const isSize = (x: unknown): x is number => isFinite(x) && Number.isInteger(x) && x > 0 && x < 2 ** 16;

function idOf({ id }: Json): number {
  return isFinite(id) && Number.isInteger(id) ? id : refuse(`its id must be a whole number: it is ${shown(id)}`);
}

/** The record's list of that name. */
function listOf(json: Json, name: string, path: string): readonly unknown[] {
  const list = json[name];
  if (Array.isArray(list)) return list;
  throw new TypeError(
    `Cannot read ${path} as COCO annotations as it must have a list "${name}": current value is ${typeof list}`,
  );
}

/** Reads each record; those that are refused become problems. */
function readAll<T extends { readonly id: number }>(
  list: readonly unknown[],
  kind: string,
  read: (record: Json) => T,
): { readonly read: readonly T[]; readonly problems: readonly Problem[] } {
  const seen = new Set<number>();
  const problems: Problem[] = [];
  const found = list.flatMap((record, i) => {
    const name = isRecord(record) && record.id !== undefined
      ? `${kind} ${shown(record.id)}`
      : `${kind} number ${i + 1}`;
    try {
      const value = isRecord(record) ? read(record) : refuse("it must be a record");
      if (seen.has(value.id)) refuse("its id stands twice");
      seen.add(value.id);
      return [value];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problems.push({ what: name, reason: error.message });
      return [];
    }
  });
  return { read: found, problems };
}

function readImage(record: Json): CocoImage {
  const { file_name: name, height, width } = record;
  if (typeof name !== "string" || name === "") refuse("it must have a file_name");
  if (!isSize(height) || !isSize(width)) {
    refuse(`height and width must be whole, from 1 to 65535: they are ${shown(height)}, ${shown(width)}`);
  }
  return { id: idOf(record), name, height, width };
}

function readCategory(record: Json): CocoCategory {
  return { id: idOf(record), name: typeof record.name === "string" ? record.name : refuse("it must have a name") };
}

/** Runs of a record `{ size, counts }`. */
function readRuns({ size, counts }: Json, { height, width }: CocoImage): RunLengths {
  if (!Array.isArray(size) || size[0] !== height || size[1] !== width) {
    refuse(
      `its mask must have the size of the image, ${height}×${width}: it is ${
        Array.isArray(size) ? size.slice(0, 3).map(shown).join("×") : shown(size)
      }`,
    );
  }
  const runs = typeof counts === "string" ? parsedCounts(counts) : counts;
  if (!Array.isArray(runs) || !runs.every((run) => isFinite(run) && run >= 0 && Number.isInteger(run))) {
    refuse("counts of its mask must be whole and not negative");
  }
  const sum = runs.reduce((total, run) => total + run, 0);
  return sum === height * width
    ? { size: [height, width], counts: runs }
    : refuse(`counts of its mask must sum to ${height * width}: they sum to ${sum}`);
}

function parsedCounts(text: string): readonly number[] {
  try {
    return parseCounts(text);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function readSegmentation(segmentation: unknown, image: CocoImage): Segmentation {
  if (segmentation === undefined || segmentation === null) return null;
  if (isRecord(segmentation)) return readRuns(segmentation, image);
  if (!Array.isArray(segmentation)) return refuse("its segmentation must be polygons or runs");
  if (segmentation.length === 0) return null;
  const wrong = segmentation.find((polygon) => !Array.isArray(polygon) || !polygon.every(isFinite));
  if (wrong !== undefined) refuse("its polygons must be lists of finite numbers");
  const small = segmentation.find(({ length }) => length % 2 === 1 || length < 6);
  if (small) refuse(`its polygons must have three points or more, two numbers each: one has ${small.length} numbers`);
  const polygons = segmentation as readonly (readonly number[])[];
  polygons.forEach(checkOutline);
  return polygons;
}

/** Filling a longer outline would take for ever. */
function checkOutline(points: readonly number[]): void {
  const length = outlineLength(points);
  if (!(length <= MOST_OUTLINE)) refuse(`its outline must be ${MOST_OUTLINE} pixels long at most: it is ${length}`);
}

function readBox(box: unknown): Bounds | null {
  if (box === undefined || box === null) return null;
  if (!Array.isArray(box) || box.length !== 4 || !box.every(isFinite)) refuse("its bbox must be four finite numbers");
  const [x, y, width, height] = box as unknown as Bounds;
  checkOutline([x, y, x, y + height, x + width, y + height, x + width, y]);
  if (width < 0 || height < 0) refuse(`its bbox must not be negative: it is ${width}×${height}`);
  return box as unknown as Bounds;
}

/**
 * The mask of an object.
 *
 * @param object The object; its box is filled if it has no segmentation.
 * @param image Its image.
 * @returns Run lengths of the size of the image.
 */
export function maskOf({ segmentation, box }: Pick<CocoObject, "segmentation" | "box">, image: CocoImage): RunLengths {
  const size = [image.height, image.width] as const;
  if (segmentation === null) return boxMask(box, size);
  return "counts" in segmentation ? segmentation : polygonsMask(segmentation, size);
}

function readObject(
  record: Json,
  images: ReadonlyMap<number, CocoImage>,
  categories: ReadonlySet<number>,
): CocoObject {
  const { image_id: image, category_id: category, iscrowd = 0 } = record;
  if (![0, 1, true, false].includes(iscrowd as number)) refuse(`its iscrowd must be 0 or 1: it is ${shown(iscrowd)}`);
  const id = idOf(record);
  const known = images.get(image as number) ?? refuse(`its image must be in the file: it is ${shown(image)}`);
  if (!categories.has(category as number)) {
    refuse(`its category must be in the file: it is ${shown(category)}`);
  }
  const segmentation = readSegmentation(record.segmentation, known);
  const given = readBox(record.bbox);
  if (!given && !segmentation) refuse("it must have a bbox or a segmentation");
  const mask = () => maskOf({ segmentation, box: given ?? [0, 0, 0, 0] }, known);
  const box = given ?? maskBounds(mask());
  if (!(box[2] > 1e-5 && box[3] > 1e-5)) refuse(`its box must have an area: it is ${box[2]}×${box[3]}`);
  const area = record.area ?? (segmentation ? maskArea(mask()) : box[2] * box[3]);
  if (!isFinite(area) || area < 0) refuse(`its area must be a number from 0: it is ${shown(area)}`);
  return {
    id,
    image: known.id,
    category: category as number,
    box,
    area,
    crowd: iscrowd === 1 || iscrowd === true,
    segmentation,
  };
}

/**
 * Reads COCO annotations: polygons of one part or several, compressed and plain run lengths, crowds, ids with gaps.
 *
 * @param json What the file holds, parsed.
 * @param path Its path, for errors.
 * @returns Images, categories, objects, and each record that is not used with the reason: ids that stand twice, unknown images
 * and categories, boxes without area, masks of another size, polygons of fewer than three points.
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
  const images = readAll(listOf(json, "images", path), "image", readImage);
  const categories = readAll(listOf(json, "categories", path), "category", readCategory);
  const byId = new Map(images.read.map((image) => [image.id, image]));
  const ids = new Set(categories.read.map(({ id }) => id));
  const objects = readAll(listOf(json, "annotations", path), "annotation", (record) => readObject(record, byId, ids));
  return {
    images: images.read,
    categories: categories.read.toSorted((a, b) => a.id - b.id),
    objects: objects.read,
    problems: [images, categories, objects].flatMap(({ problems }) => problems),
  };
}
