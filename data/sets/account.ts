/** @file What a source of images holds, what of it is used, and what is left out: nothing is left out in silence. */

/** Files, images or rows that are not used, for one reason. */
export interface LeftOut {
  /** What they are, such as `"HEIC image"`. */
  readonly kind: string;
  /** Why they are not used, such as `"its format cannot be read"`; empty where the kind says all. */
  readonly reason: string;
  /** How many. */
  readonly count: number;
  /** The first of them, by path in the source. */
  readonly names: readonly string[];
}

/** How many of a kind a source holds, used or not. */
export interface KindCount {
  /** What they are, as in `LeftOut`: `"image"`, `"annotation"`, `"row"`. */
  readonly kind: string;
  /** How many. */
  readonly count: number;
}

/** A class and how many of the used images have it. */
export interface ClassCount {
  /** Name. */
  readonly name: string;
  /** Images. */
  readonly count: number;
}

/** The account of a source. Plain data. */
export interface SourceAccount {
  /** Where the images are, as it was given. */
  readonly source: string;
  /** What that is: `"folder"`, `"3 tar archives"`, … */
  readonly kind: string;
  /** Files, rows of tables or images of annotations that were found. */
  readonly found: number;
  /** What was found, by kind, where it is not a list of files: entries of `leftOut` of other kinds are files. */
  readonly records?: readonly KindCount[];
  /** Images that are used. */
  readonly used: number;
  /** Files that tell the classes of images. */
  readonly labelFiles: number;
  /** What is not used; with `used` and `labelFiles` it makes up `found`, where that counts all of it. */
  readonly leftOut: readonly LeftOut[];
  /** Which part is used, such as `"train"`, by the name that it has there; null where there are no parts. */
  readonly split: string | null;
  /** Which images to evaluate on are trained on too, in words; absent where none is known to be. */
  readonly seen?: string;
  /** Whether there is another part to evaluate on. */
  readonly evaluable: boolean;
  /** The classes by number; null where there are none. */
  readonly classes: readonly ClassCount[] | null;
  /** What tells the classes: `"folders"`, `".cls files"`, …; null where there are none. */
  readonly classesFrom: string | null;
  /** Why there are no classes, or one of a folder alone, though some images have one; null where there is nothing to say. */
  readonly unlabelled: string | null;
  /** What is used otherwise than it stands, or is likely to be an error; nothing if not given. */
  readonly remarks?: readonly LeftOut[];
}

/** Names that an account keeps of each reason. */
const NAMED = 5;

/**
 * Collects what is left out.
 *
 * @returns `add` takes one by its path, kind and reason; `list` gives all, the most frequent first.
 */
export function leftOutKeeper(): {
  readonly add: (name: string, kind: string, reason?: string) => void;
  readonly list: () => readonly LeftOut[];
} {
  const kept = new Map<string, { kind: string; reason: string; count: number; names: string[] }>();
  return {
    add: (name, kind, reason = "") => {
      const key = `${kind}\n${reason}`;
      const entry = kept.get(key) ?? { kind, reason, count: 0, names: [] };
      kept.set(key, entry);
      entry.count++;
      if (entry.names.length < NAMED) entry.names.push(name);
    },
    list: () => [...kept.values()].sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1)),
  };
}

/**
 * Adds images that turned out broken when they were decoded to an account.
 *
 * @param account The account of their data set.
 * @param broken Name and reason of each image, once each.
 * @returns The account with that many fewer used.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { withBroken } from "@tessera/tessera/data";
 *
 * const account = {
 *   source: "photos", kind: "folder", found: 2, used: 2, labelFiles: 0, leftOut: [], split: null, evaluable: false, classes: null,
 *   classesFrom: null, unlabelled: null,
 * };
 * equal(withBroken(account, [{ name: "a.jpg", reason: "there must be bytes: current file is empty" }]).used, 1);
 * ```
 */
export function withBroken(
  account: SourceAccount,
  broken: readonly { readonly name: string; readonly reason: string }[],
): SourceAccount {
  if (broken.length === 0) return account;
  const names = broken.slice(0, NAMED).map(({ name }) => name);
  const entry: LeftOut = { kind: "image", reason: "cannot be read", count: broken.length, names };
  return { ...account, used: account.used - broken.length, leftOut: [...account.leftOut, entry] };
}

/**
 * Takes some samples of a data set out of its account.
 *
 * @param account The account of all.
 * @param chosen Number of samples that stay, their labels if there are classes, and why the others do not.
 * @returns The account of those that stay.
 */
export function accountOfSome(
  account: SourceAccount,
  { used, labels, reason }: {
    readonly used: number;
    readonly labels?: Int32Array | undefined;
    readonly reason: string;
  },
): SourceAccount {
  const count = account.used - used;
  const classes = account.classes && labels
    ? countClasses(labels, account.classes.map(({ name }) => name))
    : account.classes;
  const leftOut = count > 0 ? [...account.leftOut, { kind: "image", reason, count, names: [] }] : account.leftOut;
  return { ...account, used, classes, leftOut };
}

/**
 * Numbers the classes of an account anew.
 *
 * @param account The account.
 * @param labels Class of each image.
 * @param names Names of all classes, of which some may have no image.
 * @returns The account with these classes.
 */
export function withClasses(account: SourceAccount, labels: Int32Array, names: readonly string[]): SourceAccount {
  return { ...account, classes: countClasses(labels, names) };
}

/**
 * Counts the images of each class.
 *
 * @param labels Class of each image.
 * @param names Names of the classes.
 * @returns Name and count of each.
 */
export function countClasses(labels: Int32Array, names: readonly string[]): readonly ClassCount[] {
  const counts = new Uint32Array(names.length);
  for (const label of labels) if (label >= 0) counts[label]!++;
  return names.map((name, i) => ({ name, count: counts[i]! }));
}

/** Classes that are named in a line. */
const CLASSES_NAMED = 6;

/**
 * Says how many of something there are.
 *
 * @param count A whole number.
 * @param kind What they are, in the singular: a noun, or one with `of`, `that`, `without` or `with` and more behind it.
 * @returns Such as `"2 classes"`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { counted } from "@tessera/tessera/data";
 *
 * equal(counted(1, "class"), "1 class");
 * equal(counted(2, "raw image of a camera"), "2 raw images of a camera");
 * ```
 */
export function counted(count: number, kind: string): string {
  if (count === 1) return `1 ${kind}`;
  const [, noun, rest] = /^(.*?)( (?:of|that|without|with) .*)?$/.exec(kind)!;
  const plural = noun!.replace(/(?<![aeiou])y$/, "ie").replace(/(?:s|x|ch|sh)$/, "$&e");
  return `${count} ${plural}s${rest ?? ""}`;
}

function classesText(classes: readonly ClassCount[]): string {
  const shown = classes.slice(0, CLASSES_NAMED).map(({ name, count }) => `${name} ${count}`);
  if (classes.length <= CLASSES_NAMED) return shown.join(", ");
  const counts = classes.map(({ count }) => count);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return `${shown.join(", ")}, … with ${least === most ? least : `${least} to ${most}`} each`;
}

/** One entry in words: `2 annotations as their image must be in the file (annotation 1, annotation 2)`. */
export function groupText(entry: LeftOut): string {
  const { kind, reason, count, names } = entry;
  const some = names.slice(0, 2).join(", ");
  const which = some === "" ? "" : ` (${some}${count > 2 ? ", …" : ""})`;
  return `${counted(count, kind)}${reason === "" ? "" : ` ${reason}`}${which}`;
}

/** What is used of all that was found, each kind counted for itself: `left out 1 of 4 images, 2 of 9 annotations: …`. */
function usedText({ found, records = [{ kind: "file", count: found }], leftOut }: SourceAccount): string {
  const kinds = new Set(records.map(({ kind }) => kind));
  const left = Map.groupBy(leftOut, ({ kind }) => kinds.has(kind) ? kind : "file");
  const lost = records.flatMap(({ kind, count }) => {
    const of = (left.get(kind) ?? []).reduce((sum, entry) => sum + entry.count, 0);
    return of === 0 ? [] : [`${of} of ${counted(count, kind)}`];
  });
  if (lost.length > 0) return `left out ${lost.join(", ")}: ${leftOut.map(groupText).join(", ")}`;
  const some = records.filter(({ count }) => count > 0);
  const [first] = some;
  if (some.length === 1 && first!.count === 1) return `its ${first!.kind} is used`;
  return `all of ${some.map(({ kind, count }) => counted(count, kind)).join(", ")} are used`;
}

/**
 * Says what a source holds and what of it is used.
 *
 * @param account The account.
 * @returns Two lines: what is used, with the split and the classes; what is left out, by kind and reason. A third where there is
 * something to be remarked upon.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { describeSource } from "@tessera/tessera/data";
 *
 * const lines = describeSource({
 *   source: "photos", kind: "folder", found: 4, used: 3, labelFiles: 0, split: "train", evaluable: false,
 *   leftOut: [{ kind: "HEIC image", reason: "", count: 1, names: ["train/cat/3.heic"] }],
 *   classes: [{ name: "cat", count: 2 }, { name: "dog", count: 1 }], classesFrom: "folders", unlabelled: null,
 * });
 * deepStrictEqual(lines, [
 *   "photos (folder, split train): 3 images of 2 classes by folders: cat 2, dog 1",
 *   "  left out 1 of 4 files: 1 HEIC image (train/cat/3.heic)",
 * ]);
 * ```
 */
export function describeSource(account: SourceAccount): readonly [string, string, ...string[]] {
  const { source, kind, used, split, classes, classesFrom, unlabelled, remarks = [] } = account;
  const where = `${source} (${kind}${split === null ? "" : `, split ${split}`})`;
  const what = classes === null
    ? `without classes${unlabelled === null ? "" : `: ${unlabelled}`}`
    : `of ${counted(classes.length, "class")} by ${classesFrom}: ${classesText(classes)}${
      unlabelled === null ? "" : `; ${unlabelled}`
    }`;
  const more = remarks.length === 0 ? [] : [`  to be noted: ${remarks.map(groupText).join(", ")}`];
  return [`${where}: ${counted(used, "image")} ${what}`, `  ${usedText(account)}`, ...more];
}
