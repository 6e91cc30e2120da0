/** @file Images and objects of annotation files as data sets. */
import { requireOptions } from "../../../tensor/errors.ts";
import type { Box } from "../../images/scenes/placement.ts";
import { decodeUpright } from "../../images/orientation.ts";
import type { SourceAccount } from "../account.ts";
import type { CocoCategory, CocoImage, CocoObject, CocoSet, Problem } from "../coco/coco_set.ts";
import type { Dataset } from "../dataset.ts";
import { readImageBytes } from "../image_files.ts";
import { asReasons, groupedProblems } from "../coco/grouped_problems.ts";
import { openAnnotations } from "../open_annotations.ts";
import type { Scene, SceneObject } from "./scene.ts";
import { findImages, type ImagePlace, missingImages } from "./find_images.ts";

/** Which set, and what of it. Plain data. */
export interface CocoScenesOptions {
  /** COCO's JSON, or a folder of Pascal VOC's XML files. */
  readonly annotations: string;
  /** Folder that the names of the images are relative to; where they usually are if not given. */
  readonly images?: string;
  /** True for images without objects too, as evaluations need them; false if not given. */
  readonly keepEmpty?: boolean;
  /** Names of the classes by number, where they are known: those of the file, by ascending id, if not given. */
  readonly classes?: readonly string[];
  /** Of Pascal VOC's files: the number of the first pixel, as of `readVocAnnotation`; 1 if not given. */
  readonly firstPixel?: 0 | 1;
  /** False where masks are not of interest: the account then does not note objects without one; true if not given. */
  readonly masks?: boolean;
}

/** Images that are read, with the annotations. */
export interface CocoScenes {
  /** Images with their objects. */
  readonly dataset: Dataset;
  /** The annotations of these images, in the same order. */
  readonly set: CocoSet;
}

/**
 * Opens images with objects.
 *
 * @param options Which ones.
 * @returns Data set and annotations. What is not used is in the account: broken records, and images without objects that
 * something could be learned from.
 * @throws {Error} If the annotations cannot be read, there is no image, or the folder of the images is not found.
 * @throws {RangeError} If `classes` lack one of the file.
 */
export async function cocoScenes(options: CocoScenesOptions): Promise<CocoScenes> {
  requireOptions("cocoScenes", options, {
    ...{ annotations: true, images: true, keepEmpty: true, classes: true, firstPixel: true, masks: true },
  });
  const { annotations, keepEmpty = false, firstPixel, masks = true } = options;
  const all = await openAnnotations(annotations, firstPixel === undefined ? {} : { firstPixel });
  requireImages(annotations, all);
  const place = findImages(annotations, all.images, options.images);
  const objects = Map.groupBy(all.objects, ({ image }) => image);
  const isLearned = ({ id }: CocoImage) => keepEmpty || (objects.get(id) ?? []).some(({ crowd }) => !crowd);
  const set = { ...all, images: all.images.filter(isLearned) };
  const names = options.classes ?? all.categories.map(({ name }) => name);
  const plain = { ...options, images: place.folder };
  const known = { set, objects, place, classOf: classNumbers(all.categories, names, annotations) };
  const account = accountOf(annotations, known, { all, names, isLearned: !keepEmpty, masks });
  return { set, dataset: datasetOf(known, names, plain, account) };
}

/**
 * What a thread makes the data set with.
 *
 * @param options As of `cocoScenes`.
 * @returns The data set.
 */
export async function openCocoScenes(options: CocoScenesOptions): Promise<Dataset> {
  return (await cocoScenes(options)).dataset;
}

function requireImages(path: string, { images, problems }: CocoSet): void {
  if (images.length > 0) return;
  const [first] = problems;
  const why = first ? `, ${problems.length} records are left out, such as ${first.what} as ${first.reason}` : "";
  throw new Error(`Cannot make a data set of ${path} as it must have images: current number is 0${why}`);
}

/**
 * Finds names among others. Of several that are one the first is the first of that name, the second the second.
 *
 * @param names What is looked for.
 * @param among Where.
 * @returns The place of each; undefined where it is not among them.
 */
export function namePlaces(names: readonly string[], among: readonly string[]): readonly (number | undefined)[] {
  const places = Map.groupBy(among.keys(), (place) => among[place]!);
  const seen = new Map<string, number>();
  return names.map((name) => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return places.get(name)?.[before];
  });
}

/**
 * Numbers the categories of a file by the names of the classes, as `namePlaces`.
 *
 * @param categories Of the file.
 * @param names Of the classes, in the order of their numbers.
 * @param path Of the file, for errors.
 * @returns Class by id.
 * @throws {RangeError} If the classes lack one.
 */
export function classNumbers(
  categories: readonly CocoCategory[],
  names: readonly string[],
  path: string,
): ReadonlyMap<number, number> {
  const places = namePlaces(categories.map(({ name }) => name), names);
  return new Map(categories.map(({ id, name }, i) => [id, places[i] ?? refuseClass(name, names, path)]));
}

function refuseClass(name: string, names: readonly string[], path: string): never {
  throw new RangeError(
    `Cannot use ${path} as its classes must be among ${names.slice(0, 10).join(", ")}${
      names.length > 10 ? ", …" : ""
    }: current one is ${name}`,
  );
}

/** What is known of a set. */
interface Known {
  readonly set: CocoSet;
  readonly objects: ReadonlyMap<number, readonly CocoObject[]>;
  readonly place: ImagePlace;
  readonly classOf: ReadonlyMap<number, number>;
}

function datasetOf(
  { set, objects, place, classOf }: Known,
  labelNames: readonly string[],
  plain: CocoScenesOptions,
  account: SourceAccount,
): Dataset {
  const load = async (index: number) => {
    const path = place.pathOf(set.images[index]!);
    return await decodeUpright(await readImageBytes(path), path, set.images[index]!);
  };
  const sceneOf = async (index: number): Promise<Scene> => ({
    image: await load(index),
    objects: (objects.get(set.images[index]!.id) ?? []).map((object) => sceneObject(object, classOf)),
  });
  return {
    name: plain.annotations,
    length: set.images.length,
    labelNames,
    account,
    sizes: set.images.map(({ height, width }) => [height, width] as const),
    source: { module: import.meta.url, factory: "openCocoScenes", args: [plain] },
    nameOf: (index) => set.images[index]!.name,
    load,
    loadScene: sceneOf,
  };
}

/** Objects that are hard to see are not learned from, as crowds. */
function sceneObject(
  { box: [x, y, width, height], category, segmentation, crowd, difficult = false }: CocoObject,
  classOf: ReadonlyMap<number, number>,
): SceneObject {
  const box: Box = [x, y, x + width, y + height];
  return { class: classOf.get(category)!, box, segmentation, crowd: crowd || difficult };
}

function accountOf(
  path: string,
  { set, place, classOf }: Known,
  { all, names, ...noted }: { readonly all: CocoSet; readonly names: readonly string[] } & Noted,
): SourceAccount {
  const kept = new Set(set.images.map(({ id }) => id));
  const isCoco = /\.json$/i.test(path);
  const empty = all.images.filter(({ id }) => !kept.has(id)).map(({ name }) => ({
    ...{ kind: "image", what: name, reason: "without objects to learn from" },
  }));
  const leftOut = groupedProblems([...asReasons(all.problems), ...empty]);
  const objects = all.objects.filter(({ image }) => kept.has(image));
  const images = Map.groupBy(objects, ({ category }) => classOf.get(category)!);
  return {
    ...{ source: path, kind: isCoco ? "COCO annotations" : "Pascal VOC annotations" },
    ...foundIn(all, isCoco),
    ...{ used: set.images.length, labelFiles: 0, leftOut, split: null, evaluable: false },
    classes: names.map((name, k) => ({ name, count: new Set(images.get(k)?.map(({ image }) => image)).size })),
    ...{ classesFrom: "annotations", unlabelled: null },
    remarks: groupedProblems([...all.remarks ?? [], ...imageRemarks(set, place), ...objectRemarks(objects, noted)]),
  };
}

/** All images, and all records by kind: those that are read, and the broken ones. */
function foundIn(all: CocoSet, isCoco: boolean): Required<Pick<SourceAccount, "found" | "records">> {
  const { images, objects, categories } = all;
  const counts = new Map([
    ["image", images.length],
    ...isCoco
      ? [["annotation", objects.length], ["category", categories.length]] as const
      : [["object", objects.length], ["file", 0]] as const,
  ]);
  for (const { kind } of all.problems) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  // A file of Pascal VOC that can be read is one of an image.
  const broken = isCoco ? 0 : counts.get("file")!;
  if (broken > 0) counts.set("file", broken + images.length);
  return { found: counts.get("image")!, records: [...counts].map(([kind, count]) => ({ kind, count })) };
}

function imageRemarks({ images }: CocoSet, place: ImagePlace): readonly Problem[] {
  const read = { kind: "image", reason: `whose names are read ${place.form}` };
  return [
    ...place.form === "as they stand" ? [] : images.map(({ name }) => ({ ...read, what: name })),
    ...missingImages(images, place).map(({ name }) => ({ kind: "image", what: name, reason: "whose file is missing" })),
  ];
}

/** What is noted of objects. */
interface Noted {
  /** Whether they are learned from, and not evaluated on. */
  readonly isLearned: boolean;
  /** Whether their masks are of interest. */
  readonly masks: boolean;
}

function objectRemarks(objects: readonly CocoObject[], { isLearned, masks }: Noted): readonly Problem[] {
  return objects.flatMap(({ id, segmentation, crowd, difficult = false }) => {
    const kind = crowd ? "crowd" : difficult ? "difficult object" : "object";
    const reason = isLearned && (crowd || difficult)
      ? "not learned from"
      : segmentation === null && masks
      ? "without segmentation: a mask of it is its whole box"
      : null;
    return reason === null ? [] : [{ kind, what: `annotation ${id}`, reason }];
  });
}
