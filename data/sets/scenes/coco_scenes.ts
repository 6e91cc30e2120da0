/** @file Images and objects of annotation files as data sets. */
import { requireOptions } from "../../../tensor/errors.ts";
import { ImageError } from "../../images/decode.ts";
import type { Box } from "../../images/scenes/placement.ts";
import type { SourceAccount } from "../account.ts";
import { leftOutKeeper } from "../account.ts";
import type { CocoImage, CocoObject, CocoSet } from "../coco/annotations.ts";
import type { Dataset } from "../dataset.ts";
import { readImage } from "../image_files.ts";
import { openAnnotations } from "../open_annotations.ts";
import type { Scene, SceneObject } from "./scene.ts";
import { findImages } from "./find_annotations.ts";

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
  requireOptions("cocoScenes", options, { annotations: true, images: true, keepEmpty: true, classes: true });
  const { annotations, keepEmpty = false } = options;
  const all = await openAnnotations(annotations);
  if (all.images.length === 0) {
    throw new Error(`Cannot make a data set of ${annotations} as it must have images: current number is 0`);
  }
  const folder = options.images ?? findImages(annotations, all.images[0]!);
  const objects = Map.groupBy(all.objects, ({ image }) => image);
  const isLearned = ({ id }: CocoImage) => keepEmpty || (objects.get(id) ?? []).some(({ crowd }) => !crowd);
  const set = { ...all, images: all.images.filter(isLearned) };
  const names = options.classes ?? all.categories.map(({ name }) => name);
  const plain = { ...options, images: folder };
  const known = { set, objects, folder, classOf: classesById(all, names, annotations) };
  return { set, dataset: datasetOf(known, names, plain, accountOf(annotations, all, set, names)) };
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

function classesById({ categories }: CocoSet, names: readonly string[], path: string): ReadonlyMap<number, number> {
  const unknown = categories.find(({ name }) => !names.includes(name));
  if (unknown === undefined) return new Map(categories.map(({ id, name }) => [id, names.indexOf(name)]));
  throw new RangeError(
    `Cannot use ${path} as its classes must be among ${names.slice(0, 10).join(", ")}${
      names.length > 10 ? ", …" : ""
    }: current one is ${unknown.name}`,
  );
}

/** What is known of a set. */
interface Known {
  readonly set: CocoSet;
  readonly objects: ReadonlyMap<number, readonly CocoObject[]>;
  readonly folder: string;
  readonly classOf: ReadonlyMap<number, number>;
}

function datasetOf(
  { set, objects, folder, classOf }: Known,
  labelNames: readonly string[],
  plain: CocoScenesOptions,
  account: SourceAccount,
): Dataset {
  const load = async (index: number) => await readOfSize(`${folder}/${set.images[index]!.name}`, set.images[index]!);
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

async function readOfSize(path: string, { height, width }: CocoImage) {
  const image = await readImage(path);
  if (image.height === height && image.width === width) return image;
  throw new ImageError(
    path,
    `it must have the ${height}×${width} pixels of its annotations: current size is ${image.height}×${image.width}`,
  );
}

function accountOf(path: string, all: CocoSet, set: CocoSet, names: readonly string[]): SourceAccount {
  const leftOut = leftOutKeeper();
  all.problems.forEach(({ what, reason }) => leftOut.add(what, what.replace(/ (number )?\S+$/, ""), `as ${reason}`));
  const kept = new Set(set.images.map(({ id }) => id));
  all.images.forEach(({ id, name }) => kept.has(id) || leftOut.add(name, "image", "without objects to learn from"));
  const images = names.map((name) => {
    const ids = new Set(all.categories.filter((category) => category.name === name).map(({ id }) => id));
    const own = all.objects.filter(({ category, image }) => ids.has(category) && kept.has(image));
    return { name, count: new Set(own.map(({ image }) => image)).size };
  });
  const list = leftOut.list();
  return {
    ...{ source: path, kind: /\.json$/i.test(path) ? "COCO annotations" : "Pascal VOC annotations" },
    found: set.images.length + list.reduce((sum, { count }) => sum + count, 0),
    ...{ used: set.images.length, labelFiles: 0, leftOut: list, split: null, evaluable: false },
    ...{ classes: images, classesFrom: "annotations", unlabelled: null },
  };
}
