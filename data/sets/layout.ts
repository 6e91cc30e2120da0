/** @file What the paths of a source mean: parts, classes, images that lie beside them. Reads a listing, never files. */
import { namedPart, type Split, splitsBeside } from "./splits.ts";

/** Images of one part of a source. */
export interface Part {
  /** Which part; null where the source has none. */
  readonly split: Split | null;
  /** Path of its folder as it stands there, such as `"Training"`, or of several; empty where there are no parts. */
  readonly folder: string;
  /** Numbers of its images in the listing. */
  readonly indices: readonly number[];
  /** Path of each image below the part. */
  readonly paths: readonly string[];
}

/** The parts of a source, and what lies beside them. */
export interface Parts {
  readonly parts: readonly Part[];
  /** Numbers of the images that lie in no part. */
  readonly beside: readonly number[];
}

/** Classes of the images of a part. */
export interface FolderClasses {
  /** Class of each image, by its place in the part; -1 for those that lie beside the folders. */
  readonly labels: Int32Array;
  /** Their names, in alphabetical order. */
  readonly names: readonly string[];
  /** Of each image how many names of its path are those from the folder of its class on; 0 where it lies in none. */
  readonly inside: readonly number[];
}

const folders = (path: string): readonly string[] => path.split("/").slice(0, -1);

/** Number of folders that hold every image that lies in a folder, as long as all have a folder below. */
function commonDepth(paths: readonly string[]): number {
  const deep = paths.map(folders).filter((each) => each.length > 0);
  const first = deep[0];
  if (!first) return 0;
  let depth = 0;
  while (deep.every((each) => each.length > depth + 1 && each[depth] === first[depth])) depth++;
  return depth;
}

/** Folders that part images by number, not by what they show. */
const FOLD = /^(?:k?folds?|cv|parts?|batch|shards?|chunks?|subsets?|splits?)[-_ ]*\d+$/i;

/** Passes through numbered folders, each of which has the folders of the classes. */
function foldDepth(paths: readonly string[], depth: number): number {
  const all = paths.map(folders);
  return all.every((names) => FOLD.test(names[depth] ?? "") && names.length > depth + 1) ? depth + 1 : depth;
}

/**
 * Finds the parts of a source by the names of folders: at the top (`train/cat/1.jpg`), or below each folder at the top
 * (`bottle/train/good/1.png`). A folder that holds everything is passed through. There are parts where all folders at that
 * level have such names, or one is for training and another to evaluate on.
 *
 * @param paths Paths of the images.
 * @returns The parts; a single one without a name where there are none.
 */
export function partsOf(paths: readonly string[]): Parts {
  const depth = commonDepth(paths);
  for (const level of [depth, depth + 1]) {
    const found = partsAt(paths, level, level > depth);
    if (found) return found;
  }
  return wholeOf(paths); // a folder that holds everything may be the training part itself
}

/**
 * Makes a single part of all images.
 *
 * @param paths Paths of the images.
 * @returns The part, without a name.
 */
export function wholeOf(paths: readonly string[]): Parts {
  return { parts: [{ split: null, folder: "", indices: paths.map((_, i) => i), paths }], beside: [] };
}

function partsAt(paths: readonly string[], level: number, below: boolean): Parts | undefined {
  const all = paths.map(folders);
  const known = splitsBeside(new Set(all.flatMap((names) => names[level] ?? [])));
  const at = all.map((names) => {
    const name = names[level];
    return name === undefined ? undefined : { name, split: known.get(name), top: names.slice(0, level).join("/") };
  });
  const named = at.filter((each) => each !== undefined);
  const splits = new Set(named.map(({ split }) => split));
  const evaluated = splits.has("val") || splits.has("test");
  if (below) {
    const tops = new Set(named.map(({ top }) => top));
    const training = new Set(named.filter(({ split }) => split === "train").map(({ top }) => top));
    if (!evaluated || splits.has(undefined) || training.size < tops.size) return undefined;
  } else if (splits.has(undefined) ? !(splits.has("train") && evaluated) : !(evaluated || splits.has("train"))) {
    return undefined;
  }
  const classOf = classesBeside(all, level, known);
  const groups = new Map<Split, { folders: Set<string>; indices: number[]; paths: string[] }>();
  const beside: number[] = [];
  at.forEach((each, i) => {
    if (!each?.split) return void beside.push(i);
    const group = groups.get(each.split) ?? { folders: new Set<string>(), indices: [], paths: [] };
    groups.set(each.split, group);
    group.folders.add(each.name);
    const names = paths[i]!.split("/");
    group.indices.push(i);
    const inside = below ? names.toSpliced(level, 1).slice(level - 1) : names.slice(level + 1);
    group.paths.push([...classOf(each.name), ...inside].join("/"));
  });
  const parts = [...groups].map(([split, { folders, ...group }]) => ({
    ...{ split, folder: [...folders].join(" and "), ...group },
  }));
  return { parts, beside };
}

/** The class in the names of folders that hold images themselves and are parts: `cats` of `cats_train`, `cats_test`. */
function classesBeside(
  all: readonly (readonly string[])[],
  level: number,
  known: ReadonlyMap<string, Split>,
): (name: string) => readonly string[] {
  const rests = new Map([...known.keys()].map((name) => [name, namedPart(name)!.rest]));
  const isClass = new Set(rests.values()).size > 1 && ![...rests.values()].includes("") &&
    all.every((names) => !known.has(names[level] ?? "") || names.length === level + 1);
  return (name) => isClass ? [rests.get(name)!] : [];
}

/** The classes that a level of folders would make. */
function namesAt(paths: readonly string[], level: number): ReadonlySet<string> {
  return new Set(
    paths.map((path) => folders(path)[level]).filter((name) => name !== undefined).map((name) => name.normalize("NFC")),
  );
}

/**
 * Makes a class of each folder of a part. Folders that hold everything are passed through.
 *
 * Images beside the folders are passed over if there are two folders or more and fewer images beside them than within;
 * where the classes are known, if the folders are some of these. Else there are no classes.
 *
 * @param paths Paths of the images below the part.
 * @param known Names of the classes, where they are known from the training images: then the level of folders is the one
 * that has such names.
 * @returns The classes; undefined where there are none.
 */
export function classesByFolder(paths: readonly string[], known?: readonly string[]): FolderClasses | undefined {
  const common = foldDepth(paths, commonDepth(paths));
  const wanted = known && new Set(known.map((name) => name.normalize("NFC")));
  const hasKnown = (level: number) => [...namesAt(paths, level)].some((name) => wanted?.has(name));
  const level = wanted ? Array.from({ length: common + 1 }, (_, i) => i).find(hasKnown) ?? common : common;
  // Archives of Macs part letters from their accents; elsewhere they are one.
  const classOf = paths.map((path) => folders(path)[level]?.normalize("NFC"));
  const inside = classOf.filter((name) => name !== undefined);
  const names = [...new Set(inside)].sort();
  if (names.length === 0) return undefined;
  const beside = paths.length - inside.length;
  const fits = wanted ? names.every((name) => wanted.has(name)) : names.length > 1 && beside < inside.length;
  if (beside > 0 && !fits) return undefined;
  const numbers = new Map(names.map((name, i) => [name, i]));
  const counts = paths.map((path, i) => classOf[i] === undefined ? 0 : path.split("/").length - level);
  const labels = Int32Array.from(classOf, (name) => name === undefined ? -1 : numbers.get(name)!);
  return { labels, names, inside: counts };
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** All folders around files. */
function around(paths: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const path of paths) {
    for (let folder = parentOf(path); folder !== "" && !found.has(folder); folder = parentOf(folder)) found.add(folder);
  }
  return found;
}

/**
 * Finds folders without images.
 *
 * @param source Folders that were seen, paths of all files, of the images among them, and the folders in which those of the
 * classes lie.
 * @returns `empty`: folders without a file, but for those within others of these; `imageless`: folders that lie where those
 * of the classes do and hold files, none of them an image.
 */
export function foldersWithoutImages(
  { folders, files, images, aboveClasses }: {
    readonly folders: readonly string[];
    readonly files: readonly string[];
    readonly images: readonly string[];
    readonly aboveClasses: ReadonlySet<string>;
  },
): { readonly empty: readonly string[]; readonly imageless: readonly string[] } {
  const [filled, pictured] = [around(files), around(images)];
  const hollow = new Set(folders.filter((folder) => !filled.has(folder)));
  return {
    empty: [...hollow].filter((folder) => !hollow.has(parentOf(folder))).sort(),
    imageless: [...filled].filter((folder) => !pictured.has(folder) && aboveClasses.has(parentOf(folder))).sort(),
  };
}

/**
 * Tells where the folders of classes lie.
 *
 * @param paths Path of each image in the source.
 * @param inside How many of its names are those from the folder of its class on; 0 where it lies in none.
 * @returns Folders around those of the classes, `""` for the source itself.
 */
export function foldersAboveClasses(paths: readonly string[], inside: readonly number[]): ReadonlySet<string> {
  return new Set(
    paths.flatMap((path, i) => inside[i] === 0 ? [] : [path.split("/").slice(0, -inside[i]!).join("/")]),
  );
}
