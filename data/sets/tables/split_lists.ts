/** @file Parts that lists beside the images tell: `train.txt` and `test.txt`, `train.csv` and `test.csv`. */
import type { Part, Parts } from "../layout.ts";
import type { ListedFile } from "../listing.ts";
import { type Split, splitOfFile, wordsOf } from "../splits.ts";
import { imageColumn, withHead } from "./table_labels.ts";
import { tableOf, type TextTable } from "./table_rows.ts";

/** More files of such names are notes, one of each image. */
const MANY_LISTS = 40;

/** A list of images of a part. */
interface SplitList {
  readonly file: ListedFile;
  readonly split: Split;
  /** Numbers of its images. */
  readonly indices: readonly number[];
}

/** Parts by lists, and the lists. */
export interface ListedParts extends Parts {
  readonly lists: readonly ListedFile[];
}

/** The table of a file; of names alone, one in each line, a table of one column. */
function listOf({ path, text }: ListedFile): TextTable | undefined {
  const content = text!();
  const lines = content.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  return tableOf(path, content) ??
    (lines.length > 0 ? { columns: [""], rows: lines.map((line) => [line]) } : undefined);
}

function readList(file: ListedFile, images: readonly ListedFile[]): SplitList | undefined {
  const split = splitOfFile(file.path);
  const read = split !== undefined && file.text && !/submission/i.test(file.path) ? listOf(file) : undefined;
  if (!read) return undefined;
  const table = withHead(read, images);
  const { rowsOf } = imageColumn(table, images);
  const indices = rowsOf.flatMap((rows, i) => rows.length > 0 ? [i] : []);
  return indices.length * 2 >= table.rows.length ? { file, split: split!, indices } : undefined;
}

/** Images by part; undefined where one of them is in lists of several. */
function grouped(lists: readonly SplitList[]): ReadonlyMap<Split, ReadonlySet<number>> | undefined {
  const groups = new Map<Split, Set<number>>();
  for (const { split, indices } of lists) {
    const group = groups.get(split) ?? new Set<number>();
    groups.set(split, group);
    indices.forEach((i) => group.add(i));
  }
  const total = [...groups.values()].reduce((sum, { size }) => sum + size, 0);
  const all = new Set([...groups.values()].flatMap((group) => [...group]));
  return all.size === total ? groups : undefined;
}

const joinsParts = ({ file }: SplitList): boolean =>
  wordsOf(file.path.slice(file.path.lastIndexOf("/") + 1)).some((word) => word.startsWith("trainval"));

/**
 * Finds the parts of images in lists that are called by them and name the images: one in each line, or in a column of a table.
 *
 * @param images All images.
 * @param others Files beside them.
 * @returns The parts, called by their lists; undefined where there are not lists of images to train on and of others, they name
 * less than half of the images, or one image is in lists of several parts.
 */
export function listedParts(images: readonly ListedFile[], others: readonly ListedFile[]): ListedParts | undefined {
  const named = others.filter(({ path, text }) => text && splitOfFile(path) !== undefined);
  if (named.length > MANY_LISTS) return undefined;
  const lists = named.flatMap((file) => readList(file, images) ?? []);
  // Of train, val and trainval the first two say more.
  const chosen = [lists, lists.filter((list) => !joinsParts(list))].find((some) => grouped(some));
  const groups = chosen && grouped(chosen);
  if (!chosen || !groups?.has("train") || groups.size < 2) return undefined;
  const listed = new Set([...groups.values()].flatMap((group) => [...group]));
  if (listed.size * 2 < images.length) return undefined;
  const parts = [...groups].map(([split, group]): Part => {
    const indices = [...group].sort((a, b) => a - b);
    const files = chosen.filter((list) => list.split === split).map(({ file }) => file.path);
    const folder = files.length > 2 ? `${files.slice(0, 2).join(" and ")} …` : files.join(" and ");
    return { split, folder, indices, paths: indices.map((i) => images[i]!.path) };
  });
  return {
    parts,
    beside: images.flatMap((_, i) => listed.has(i) ? [] : [i]),
    lists: chosen.map(({ file }) => file),
  };
}
