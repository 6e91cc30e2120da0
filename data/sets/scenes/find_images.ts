/** @file Where the images of annotations lie, and under which form of the names that the annotations have. */
import { IMAGE_FORMATS } from "../../images/image_formats.ts";
import { hostModule } from "../../formats/host_module.ts";
import type { CocoImage } from "../coco/coco_set.ts";

const basename = (path: string): string => hostModule("path").basename(path);
const dirname = (path: string): string => hostModule("path").dirname(path);

/** A name without `%20` and the like, and without what follows a `?`; as it is if it is no text of an address. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replace(/\?.*$/, ""));
  } catch {
    return name;
  }
}

const slashed = (name: string): string => name.replaceAll("\\", "/");

/** A name with the ending of the file that is there. */
function ended(name: string, folder: string): string {
  const endings = IMAGE_FORMATS.flatMap(({ endings }) => endings);
  return endings.flatMap((ending) => [ending, ending.toUpperCase()]).map((ending) => name + ending)
    .find((file) => isFile(`${folder}/${file}`)) ?? name;
}

/** How names are read: files of other systems, of the web, with folders of another machine, without ending. */
export type NameForm =
  | "as they stand"
  | "with / for \\"
  | "without the escapes of web addresses"
  | "without their folders"
  | "with the endings that they lack";

/** Names of files as other tools write them, in the order in which they are tried. */
const FORMS: Readonly<Record<NameForm, (name: string, folder: string) => string>> = {
  "as they stand": (name) => name,
  "with / for \\": slashed,
  "without the escapes of web addresses": (name) => decoded(slashed(name)),
  "without their folders": (name) => basename(decoded(slashed(name))),
  "with the endings that they lack": ended,
};

/** Where images lie. */
export interface ImagePlace {
  /** The folder. */
  readonly folder: string;
  /** How the names are read. */
  readonly form: NameForm;
  /** Path of an image. */
  readonly pathOf: (image: Pick<CocoImage, "name">) => string;
}

/** Images that are looked for: the first may be missing. */
const TRIED = 50;

const isFile = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false; // not there, or no folder
  }
};

/** Folders in which images usually lie. */
function usualFolders(annotations: string): readonly string[] {
  const own = /\.json$/i.test(annotations) ? dirname(annotations) : annotations;
  const word = /[a-z]+\d*$/i.exec(basename(annotations).replace(/\.json$/i, ""))?.[0] ?? "";
  return [
    ...new Set([own, dirname(own)].flatMap((
      root,
    ) => [root, `${root}/images`, `${root}/JPEGImages`, `${root}/${word}`, `${root}/images/${word}`])),
  ];
}

/**
 * Finds the images of annotations.
 *
 * @param annotations The file, or the folder of Pascal VOC's files.
 * @param images The images of it: one of the first must be there.
 * @param folder Where they lie; in one of the usual folders if not given.
 * @returns Folder and form of the names: as they stand, if one is there so. A form that gives two images one name is not taken.
 * @throws {Error} If none is there, naming the folders.
 */
export function findImages(
  annotations: string,
  images: readonly Pick<CocoImage, "name">[],
  folder?: string,
): ImagePlace {
  const names = [...new Set(images.map(({ name }) => name))];
  // A path from the root is one below an empty folder.
  const absolute = names[0]?.startsWith("/") ? [""] : [];
  const folders = folder === undefined ? [...usualFolders(annotations), ...absolute] : [folder];
  for (const [form, formOf] of Object.entries(FORMS) as [NameForm, (typeof FORMS)[NameForm]][]) {
    const found = folders.find((root) =>
      names.slice(0, TRIED).some((name) => isFile(`${root}/${formOf(name, root)}`)) &&
      new Set(names.map((name) => formOf(name, root))).size === names.length
    );
    if (found !== undefined) return { folder: found, form, pathOf: ({ name }) => `${found}/${formOf(name, found)}` };
  }
  const others = names.length > 1 ? ` (or another of the first ${Math.min(TRIED, names.length)})` : "";
  const where = folder === undefined
    ? `one of ${usualFolders(annotations).join(", ")}: current folders lack it`
    : `${folder}: it does not`;
  throw new Error(
    `Cannot find the images of ${annotations} as ${
      names[0]
    }${others} must lie in ${where}; name the folder with --images`,
  );
}

/**
 * Lists images whose file is missing.
 *
 * @param images The images.
 * @param place Where they lie.
 * @returns Those that are not there.
 */
export function missingImages<T extends Pick<CocoImage, "name">>(
  images: readonly T[],
  { pathOf }: ImagePlace,
): readonly T[] {
  return images.filter((image) => !isFile(pathOf(image)));
}

/** Images of annotations by the paths of their files. */
export interface NamedImages<T> {
  /** Which form the names have. */
  readonly form: NameForm;
  /** The image of a file; undefined if the annotations have none. */
  readonly imageOf: (path: string) => T | undefined;
}

/**
 * Finds images of annotations by the paths of files, whole or from some folder on.
 *
 * @param images The images.
 * @param paths All files that are asked for.
 * @returns The first form of the names under which one is found, else as they stand. A form that gives two images one name is not
 * taken.
 */
export function namedImages<T extends Pick<CocoImage, "name">>(
  images: readonly T[],
  paths: readonly string[],
): NamedImages<T> {
  const under = (form: NameForm): NamedImages<T> => {
    const lacks = form === "with the endings that they lack";
    const named = new Map(images.map((image) => [lacks ? image.name : FORMS[form](image.name, ""), image]));
    const known = named.size === new Set(images.map(({ name }) => name)).size ? named : new Map<string, T>();
    const imageOf = (path: string) => {
      const parts = (lacks ? path.replace(/\.[^./]*$/, "") : path).split("/");
      return parts.keys().map((from) => known.get(parts.slice(from).join("/"))).find((image) => image !== undefined);
    };
    return { form, imageOf };
  };
  const all = (Object.keys(FORMS) as NameForm[]).map(under);
  return all.find(({ imageOf }) => paths.some((path) => imageOf(path) !== undefined)) ?? all[0]!;
}
