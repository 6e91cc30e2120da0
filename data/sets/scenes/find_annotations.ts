/** @file Where the annotations of detection data are in a folder. */
import { hostModule } from "../../formats/host_module.ts";

const basename = (path: string): string => hostModule("path").basename(path);
const dirname = (path: string): string => hostModule("path").dirname(path);

/** A part of a set: to learn from or to evaluate on. */
export type ScenePart = "train" | "val";

/** Which part a name tells of; null for none. */
function partIn(name: string): ScenePart | null {
  const words = name.toLowerCase().split(/[^a-z]+/);
  if (words.some((word) => /^train(ing)?$/.test(word))) return "train";
  return words.some((word) => /^(val|valid|validation|test|dev)$/.test(word)) ? "val" : null;
}

const namesIn = (folder: string): readonly Deno.DirEntry[] => {
  try {
    return [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
};

/** Other annotations of COCO, of no boxes. */
const OTHERS = /^(captions|person_keypoints|panoptic|image_info|stuff)/;

/** Annotation files of a folder and the folders in which they usually lie; folders of XML files stand for Pascal VOC. */
function candidatesIn(root: string): readonly string[] {
  const inner = namesIn(root).filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  const usual = inner.filter((name) => /^annotations?$/i.test(name) || partIn(name) !== null);
  return [root, ...usual.map((name) => `${root}/${name}`)].flatMap((folder) => {
    const files = namesIn(folder).filter(({ isFile }) => isFile).map(({ name }) => name);
    const json = files.filter((name) => /\.json$/i.test(name) && !OTHERS.test(name)).map((name) => `${folder}/${name}`);
    return [...json, ...files.some((name) => name.endsWith(".xml")) ? [folder] : []];
  });
}

/**
 * Finds the annotations of a part of a set.
 *
 * @param path An annotation file (COCO's JSON), or a folder: with such files, in `annotations/` or in `train/`, `valid/` …, or
 * with XML files of Pascal VOC.
 * @param part Which part; files whose name tells of no part are of `train`.
 * @returns The file or folder of annotations; null if there is none of that part.
 * @throws {RangeError} If there are several, naming them.
 */
export function findAnnotations(path: string, part: ScenePart): string | null {
  const root = path.replace(/(?<=.)\/+$/, "");
  const isFile = /\.json$/i.test(root);
  const all = isFile ? siblings(root) : candidatesIn(root);
  const of = (name: string) => partIn(name.slice(isFile ? dirname(root).length : root.length)) ?? "train";
  const found = all.filter((name) =>
    part === "train" && isFile ? name === root : of(name) === part && name !== (isFile ? root : "")
  );
  if (found.length <= 1) return found[0] ?? null;
  throw new RangeError(
    `Cannot choose the annotations of ${path} as there must be one file of part ${part}: current ones are ${
      found.map((name) => name.slice(root.length + 1)).join(", ")
    }; name one`,
  );
}

/** A file and those that are named alike but for the part. */
function siblings(file: string): readonly string[] {
  const bare = (name: string) => name.toLowerCase().replace(/train(ing)?|valid(ation)?|val|test|dev/, "*");
  return candidatesIn(dirname(file)).filter((name) => name === file || bare(basename(name)) === bare(basename(file)));
}
