/** @file Samples of WebDataset shards: files of one archive that share a name up to its first dot. */
import type { ListedFile } from "./listing.ts";

/** Endings of files that may tell a class, the surest first. */
const LABEL_ENDINGS = ["cls", "json", "txt"] as const;

/** Larger files tell something else. */
export const MAX_LABEL_BYTES = 65_536;

/** A text that is a class, not a caption. */
const MAX_LABEL_LETTERS = 64;
const MAX_LABEL_WORDS = 4;

/** Larger numbers are ids of something else: there would be as many classes. */
export const MAX_CLASS = 999_999;

/** Keys of a JSON record, or columns of a table, that tell the class, the surest first. */
export const LABEL_KEYS: readonly string[] = [
  ...["label", "cls", "class", "class_id", "label_id", "target", "class_name", "label_name", "category"],
];

/** WebDataset's key of a sample: the path up to the first dot of the file's name. */
function sampleKey(path: string): string {
  const dot = path.indexOf(".", path.lastIndexOf("/") + 1);
  return dot < 0 ? path : path.slice(0, dot);
}

/** What follows the key, lower case as WebDataset has it. */
function sampleEnding(path: string): string {
  return path.slice(sampleKey(path).length + 1).toLowerCase();
}

/** Whether a file may tell the class of its sample. */
export function isLabelPath(path: string): boolean {
  return (LABEL_ENDINGS as readonly string[]).includes(sampleEnding(path));
}

const plain = (value: unknown): string | number | undefined =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_CLASS ||
    typeof value === "string" && isName(value)
    ? value as string | number
    : undefined;

const isName = (text: string): boolean =>
  text !== "" && text.length <= MAX_LABEL_LETTERS && !/[\n\r]/.test(text) &&
  text.split(/\s+/).length <= MAX_LABEL_WORDS;

/**
 * Reads a class out of the text of a file.
 *
 * @param path The file.
 * @param bytes Its content.
 * @returns A number from 0, or a name; undefined where it tells none.
 */
export function labelOf(path: string, bytes: Uint8Array): string | number | undefined {
  const text = new TextDecoder().decode(bytes).trim();
  if (sampleEnding(path) !== "json") return classOf(text);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return plain(value);
    const record = value as Readonly<Record<string, unknown>>;
    return LABEL_KEYS.map((key) => plain(record[key])).find((label) => label !== undefined);
  } catch {
    return undefined; // no JSON: it tells nothing
  }
}

/**
 * Reads a class as text has it.
 *
 * @param text Without blanks around it.
 * @returns A number from 0 to 999,999, or a name; undefined for a caption, a measure, nothing.
 */
export function classOf(text: string): string | number | undefined {
  if (/^\d+(?:\.0+)?$/.test(text)) return plain(Number(text));
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? undefined : plain(text);
}

const idOf = ({ archive, path }: ListedFile): string => `${archive}/${sampleKey(path)}`;

/** Of several images of a sample: a plain ending before `seg.png`, then WebDataset's usual order. */
const IMAGE_ORDER = ["jpg", "jpeg", "png", "webp", "image.jpg", "image.png", "img.png", "input.png", "rgb.png"];

function rank(path: string): number {
  const ending = sampleEnding(path);
  const place = IMAGE_ORDER.indexOf(ending);
  return place >= 0 ? place : IMAGE_ORDER.length + ending.split(".").length;
}

/**
 * Chooses the image of each sample, where a sample has one of a plain ending (`000.jpg`) and others beside it
 * (`000.seg.png`). Files that only share the beginning of their names (`a.1.jpg`, `a.2.jpg`) are images each.
 *
 * @param images Images of archives and folders.
 * @returns Those that are taken, and those that stand beside another of their sample.
 */
export function imagePerSample(
  images: readonly ListedFile[],
): { readonly taken: readonly ListedFile[]; readonly beside: readonly ListedFile[] } {
  const samples = Map.groupBy(images, (file) => file.archive < 0 ? file : idOf(file));
  const chosen = new Set<ListedFile>();
  for (const files of samples.values()) {
    const sorted = files.length === 1 ? files : files.toSorted((a, b) => rank(a.path) - rank(b.path));
    if (sampleEnding(sorted[0]!.path).includes(".")) files.forEach((file) => chosen.add(file));
    else chosen.add(sorted[0]!);
  }
  return { taken: images.filter((file) => chosen.has(file)), beside: images.filter((file) => !chosen.has(file)) };
}

/** Classes that files beside the images tell. */
export interface SampleLabels {
  /** Class of each image. */
  readonly labels: Int32Array;
  /** Names of the classes. */
  readonly names: readonly string[];
  /** What tells them: `".cls files"`. */
  readonly from: string;
}

/** Why samples have no classes though some tell one. */
export interface Unlabelled {
  readonly unlabelled: string;
}

/**
 * Finds the classes of samples: numbers or names in `.cls`, `.json` or `.txt` files beside the images.
 *
 * @param images The images.
 * @param others All other files.
 * @param known Names of the classes, where they are known from the training images.
 * @returns The classes if every image has one; which sample lacks it if most have; undefined if few or none have.
 */
export function sampleLabels(
  images: readonly ListedFile[],
  others: readonly ListedFile[],
  known?: readonly string[],
): SampleLabels | Unlabelled | undefined {
  for (const ending of LABEL_ENDINGS) {
    const told = new Map(
      others.filter(({ path }) => sampleEnding(path) === ending).map((file) => [idOf(file), file.label]),
    );
    const found = images.map((file) => told.get(idOf(file)));
    const missing = found.filter((label) => label === undefined).length;
    if (missing === images.length || missing > 0 && missing * 2 > images.length) continue;
    if (missing > 0) {
      const first = images[found.indexOf(undefined)]!;
      return {
        unlabelled: `${missing} of ${images.length} samples have no .${ending} file that tells a class, such as ` +
          sampleKey(first.name),
      };
    }
    return { ...numberedLabels(found as (string | number)[], known), from: `.${ending} files` };
  }
}

/** Numbers are classes as they are; names are numbered in alphabetical order. */
export function numberedLabels(
  found: readonly (string | number)[],
  known: readonly string[] = [],
): Pick<SampleLabels, "labels" | "names"> {
  if (found.every((label) => typeof label === "number")) {
    const most = found.reduce<number>((most, label) => Math.max(most, label as number), known.length - 1);
    return { labels: Int32Array.from(found as number[]), names: Array.from({ length: most + 1 }, (_, i) => String(i)) };
  }
  const names = [...new Set(found.map(String))].sort();
  const numbers = new Map(names.map((name, i) => [name, i]));
  return { labels: Int32Array.from(found, (label) => numbers.get(String(label))!), names };
}
