/** @file Which folder an archive stands for among others: `n01440764.tar` is a class, `train-0007.tar` a part, `0007.tar` none. */
import { splitOfFile, wordsOf } from "./splits.ts";
import { endingOf } from "../formats/file_endings.ts";

/** Numbered archives are shards if there are not many more numbers than archives. */
const GAPS = 2;

/** Words before the number of a class: `class_0`. */
const CLASS_WORDS = ["class", "cls", "category", "label", "synset"];

/** Numbers of WordNet, which ImageNet's classes are called by. */
const WORDNET = /^[nvars]\d{8}$/;

const stemOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1).slice(0, -endingOf(path).length);

/** Name without its last number, that number, and whether it is that of a class. */
function numbered(
  stem: string,
): { readonly series: string; readonly number: number; readonly isClass: boolean } | undefined {
  // `0003-of-0010` counts by the first of the two.
  const [, before = "", digits, after] = /^(.*?)(\d+)((?:-of-\d+)?(?:[-_.][0-9a-f]{8,})?)$/i.exec(stem) ?? [];
  return digits === undefined ? undefined : {
    series: `${before}#${after!.replaceAll(/[0-9a-f]+/gi, "#")}`,
    number: Number(digits),
    isClass: WORDNET.test(stem) || CLASS_WORDS.includes(wordsOf(before).at(-1) ?? ""),
  };
}

/** Shards: all names differ by their number alone, which is none of a class, and the numbers lie close together. */
function areShards(stems: readonly string[]): boolean {
  const all = stems.map(numbered);
  if (all.some((each) => each === undefined || each.series !== all[0]!.series || each.isClass)) return false;
  const numbers = all.map((each) => each!.number);
  return Math.max(...numbers) - Math.min(...numbers) < GAPS * numbers.length;
}

/** Where the files of archives are listed. */
export interface ArchiveFolders {
  /**
   * A folder for each archive, empty or ending with `/`: the folder that it lies in; below it `train/` where the names tell
   * parts, none where they are shards or a single one, else the name of the archive.
   */
  readonly folders: ReadonlyMap<string, string>;
  /** The archives that are taken for shards of one set beside others. */
  readonly shards: readonly string[];
}

/**
 * Gives each archive the folder that its files are listed in.
 *
 * @param paths Paths of all archives of a source, relative to it.
 * @returns The folders, and which archives are shards.
 */
export function archiveFolders(paths: readonly string[]): ArchiveFolders {
  const groups = Map.groupBy(paths, (path) => path.slice(0, path.lastIndexOf("/") + 1));
  const found = new Map<string, string>();
  const shards: string[] = [];
  for (const [folder, members] of groups) {
    const splits = members.map(splitOfFile);
    const tell = splits.every((split) => split !== undefined);
    const bySplit = Map.groupBy(members, (path) => tell ? splitOfFile(path)! : "");
    for (const [split, same] of bySplit) {
      const areParts = same.length > 1 && areShards(same.map(stemOf));
      if (areParts) shards.push(...same);
      const isOne = areParts || same.length === 1;
      same.forEach((path) => found.set(path, `${folder}${split && `${split}/`}${isOne ? "" : `${stemOf(path)}/`}`));
    }
  }
  return { folders: found, shards };
}
