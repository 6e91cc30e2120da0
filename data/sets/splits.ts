/** @file Parts of a data set by their usual names: one rule for folders, archives and tables. */

/** A part of a data set. */
export type Split = "train" | "val" | "test";

const NAMES: Readonly<Record<string, Split>> = {
  ...{ train: "train", training: "train", trainset: "train" },
  ...{ val: "val", valid: "val", validation: "val", valset: "val", dev: "val", devset: "val", eval: "val" },
  ...{ test: "test", testing: "test", testset: "test" },
};

/** Words that stand beside the name of a part: `seg_train`, `train_images`, `training_set`, `train2017`. */
const BESIDE = new Set(
  ["set", "data", "dataset", "images", "image", "imgs", "img", "photos", "pics", "split", "seg", "new", "part", "x"],
);

const wordsOf = (name: string): readonly string[] => name.toLowerCase().split(/[^a-z]+/).filter((word) => word !== "");

/**
 * Tells which part of a data set a folder is, by its name.
 *
 * @param name Name of the folder, in any case.
 * @returns The part; undefined where the name is none of the usual ones, so that a class `steam train` is none.
 */
export function splitOfFolder(name: string): Split | undefined {
  const words = wordsOf(name);
  const found = words.filter((word) => Object.hasOwn(NAMES, word));
  if (found.length !== 1 || !words.every((word) => word === found[0] || BESIDE.has(word))) return undefined;
  return NAMES[found[0]!];
}

/**
 * Tells which part of a data set an archive or a table holds, by its name, in which other words may stand too:
 * `imagenet-train-000017.tar`, `train-00000-of-00002.parquet`.
 *
 * @param file Path of the file.
 * @returns The part; undefined where the name has no or several of the usual words.
 */
export function splitOfFile(file: string): Split | undefined {
  const found = [
    ...new Set(wordsOf(file.slice(file.lastIndexOf("/") + 1)).filter((word) => Object.hasOwn(NAMES, word))),
  ];
  return found.length === 1 ? NAMES[found[0]!] : undefined;
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
