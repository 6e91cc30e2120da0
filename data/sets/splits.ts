/** @file Parts of a data set by their usual names: one rule for folders, archives and tables. */

/** A part of a data set. */
export type Split = "train" | "val" | "test";

/** Words that tell a part, alone or grown together with what they tell of: `traindata`, `testset`. */
const PART_WORD =
  /^(?:(train(?:ing|val)?|trn)|(val(?:id|idation)?|dev|eval(?:uation)?|holdout|heldout)|(test(?:ing)?|tst))(?:set|data|dataset|images?|imgs?|photos?|pics|files|folder|split|samples?)*$/;

/** Words that stand beside the name of a part: `seg_train`, `train_images`, `training_set`, `stage1_train`, `PublicTest`. */
const BESIDE = new Set([
  ...["set", "data", "dataset", "images", "image", "imgs", "img", "photos", "pics", "split", "seg", "new", "part", "x"],
  ...[
    "files",
    "folder",
    "samples",
    "jpg",
    "jpeg",
    "png",
    "stage",
    "phase",
    "round",
    "public",
    "private",
    "final",
    "full",
  ],
  ...["resized", "raw", "clean", "cropped", "crops", "original", "mini"],
]);

/** Words of a name in lower case: `TestSet`, `test-set` and `test_set2` are the same. */
export function wordsOf(name: string): readonly string[] {
  const parted = name.replace(/([a-z])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, "$1$2 ").toLowerCase();
  const joined = parted.replace(/h([eo])ld[^a-z]out/g, "h$1ldout").replace(/train[^a-z]val(?![a-z])/g, "trainval");
  return joined.split(/[^a-z]+/).filter((word) => word !== "");
}

/** The part that a word tells. */
function partOf(word: string): Split | undefined {
  const [, train, val, test] = PART_WORD.exec(word) ?? [];
  return train ? "train" : val ? "val" : test ? "test" : undefined;
}

/** A name with one word that tells a part, and the words beside it. */
export interface NamedPart {
  /** The part. */
  readonly split: Split;
  /** The other words, in order: `cats` of `cats_train`. */
  readonly rest: string;
}

/**
 * Takes the name of a folder apart.
 *
 * @param name Name, in any case.
 * @returns The part that it tells, and the rest; undefined where no word or several tell one.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { namedPart } from "@tessera/tessera/data";
 *
 * deepStrictEqual(namedPart("cats_train"), { split: "train", rest: "cats" });
 * deepStrictEqual(namedPart("PublicTest")?.split, "test");
 * deepStrictEqual(namedPart("cats"), undefined);
 * ```
 */
export function namedPart(name: string): NamedPart | undefined {
  const words = wordsOf(name);
  const told = words.filter((word) => partOf(word) !== undefined);
  if (told.length !== 1) return undefined;
  return { split: partOf(told[0]!)!, rest: words.filter((word) => word !== told[0]).join(" ") };
}

/**
 * Tells which part of a data set a folder is, by its name.
 *
 * @param name Name of the folder, in any case.
 * @returns The part; undefined where the name is none of the usual ones, so that a class `steam train` is none.
 */
export function splitOfFolder(name: string): Split | undefined {
  const part = namedPart(name);
  return part?.rest.split(" ").every((word) => word === "" || BESIDE.has(word)) ? part.split : undefined;
}

/**
 * Tells which parts folders are that lie beside each other: by their usual names, or by names that differ in nothing but
 * the word of the part, such as `bounding_box_train` and `bounding_box_test`.
 *
 * @param names Names of all of them.
 * @returns The part of each name that tells one.
 */
export function splitsBeside(names: ReadonlySet<string>): ReadonlyMap<string, Split> {
  const parts = [...names].flatMap((name) => {
    const part = namedPart(name);
    return part ? [{ name, ...part, usual: splitOfFolder(name) !== undefined }] : [];
  });
  const isPaired = (rest: string) => {
    const splits = new Set(parts.filter((part) => part.rest === rest).map(({ split }) => split));
    return splits.has("train") && splits.size > 1;
  };
  return new Map(parts.filter(({ usual, rest }) => usual || isPaired(rest)).map(({ name, split }) => [name, split]));
}

/**
 * Tells which part of a data set an archive or a table holds, by its name, in which other words may stand too:
 * `imagenet-train-000017.tar`, `train-00000-of-00002.parquet`.
 *
 * @param file Path of the file.
 * @returns The part; undefined where the name tells none, or several.
 */
export function splitOfFile(file: string): Split | undefined {
  const words = wordsOf(file.slice(file.lastIndexOf("/") + 1));
  const found = new Set(words.map(partOf).filter((split) => split !== undefined));
  return found.size === 1 ? [...found][0] : undefined;
}

/** Which parts are taken where one is asked for, the first that is there. */
const INSTEAD: Readonly<Record<Split, readonly Split[]>> = {
  train: ["train"],
  val: ["val", "test"],
  test: ["test", "val"],
};

/**
 * Chooses the part that stands for the wanted one.
 *
 * @param wanted Which part is asked for.
 * @param there The parts that are there.
 * @returns The part to take: for `"val"` the test images where there are no others, and the other way round.
 */
export function chooseSplit(wanted: Split, there: ReadonlySet<Split>): Split | undefined {
  return INSTEAD[wanted].find((split) => there.has(split));
}
